# SPDX-License-Identifier: GPL-2.0-only
"""Runs ipipbpf on a device of a namespace, and reads its counters through `show`."""
import collections
import contextlib
import functools
import itertools
import json
import os
import pathlib
import shutil
import subprocess
import tempfile
import time

from pace import seconds

from .namespace import cleaner

ROOT = pathlib.Path(__file__).resolve().parents[2]
MODES = ("native", "skb", "tc")
COUNTERS = ("tx_packets", "tx_bytes", "rx_packets", "rx_bytes", "drops")
SANITIZERS = {"ASAN_OPTIONS": "exitcode=99:detect_leaks=1",
              "UBSAN_OPTIONS": "halt_on_error=1:exitcode=99:print_stacktrace=1"}
# The leak sanitizer and strace both want to trace the process.
STRACE = ("strace", "-f", "-qq", "-E", "ASAN_OPTIONS=exitcode=99:detect_leaks=0")
SETTLE_SECONDS = seconds(2)

_files = itertools.count(1)


@functools.cache
def binary():
    """The program under test: $IPIPBPF, else the one built with sanitizers, else the one that users get."""
    candidates = [os.environ.get("IPIPBPF"), ROOT / "build/sanitized/ipipbpf", ROOT / "build/ipipbpf"]
    return str(next((path for path in candidates if path and os.path.exists(path)), candidates[-1]))


@functools.cache
def plain_binary():
    """The program as users get it, where a test counts on its speed."""
    return os.environ.get("IPIPBPF") or str(ROOT / "build/ipipbpf")


@functools.cache
def bpffs():
    """A bpffs of this run's own, so that no other run on this machine sees its pins."""
    directory = tempfile.mkdtemp(prefix="ipipbpf-bpffs-")
    cleaner().note("mount", directory)
    subprocess.run(["mount", "-t", "bpf", "bpf", directory], check=True)
    return directory


def environment(**changes):
    variables = {**os.environ, **SANITIZERS, "IPIPBPF_BPFFS": bpffs(), **changes}
    return {name: value for name, value in variables.items() if value is not None}


def ipipbpf(*words, program=None, prefix=(), **changes):
    """Runs the program; returns the finished process, which no sanitizer may have stopped."""
    done = subprocess.run([*prefix, program or binary(), *words], capture_output=True, text=True, check=False,
                          env=environment(**changes))
    assert "Sanitizer" not in done.stderr and "runtime error" not in done.stderr, done.stderr
    return done


def succeed(done):
    """Success prints nothing but warnings."""
    assert done.returncode == 0, f"{' '.join(done.args)}: exit status {done.returncode}: {done.stderr}"
    lines = done.stderr.splitlines()
    assert all(line.startswith("ipipbpf: warning: ") for line in lines), done.stderr
    return lines


def pin_name(name):
    """How a device or namespace is written as a file name in bpffs."""
    return name.replace("%", "%25").replace(".", "%2E").replace("/", "%2F")


def remove_pins(namespace):
    """Takes away what a test that failed, or never detached, left pinned for a namespace: pins outlive it."""
    top = os.path.join(bpffs(), "ipipbpf")
    names = os.listdir(top) if os.path.isdir(top) else []
    for name in names:
        if name.split(":")[0] == pin_name(namespace.name):
            shutil.rmtree(os.path.join(top, name))
    if names and not os.listdir(top):
        os.rmdir(top)


class End:
    """One end of tunnels: a device of a namespace that ipipbpf is attached to."""

    def __init__(self, namespace, device="eth0"):
        self.namespace, self.device = namespace, device

    def __repr__(self):
        return f"{self.namespace}:{self.device}"

    @property
    def pins(self):
        return os.path.join(bpffs(), "ipipbpf", f"{pin_name(self.namespace.name)}:{pin_name(self.device)}")

    def command(self, *words, **options):
        return ipipbpf("-n", self.namespace.name, *words, **options)

    def do(self, command, *words, **options):
        """`ipipbpf -n NETNS COMMAND DEV WORDS`, which must succeed; returns the warnings."""
        return succeed(self.command(*command.split(), self.device, *words, **options))

    def attach(self, *words, **options):
        return self.do("attach", *words, **options)

    def detach(self, **options):
        return self.do("detach", **options)

    def peer(self, remote, *words, **options):
        return self.do("peer add", "remote", remote, *words, **options)

    def show(self):
        """This attachment's object of `show -j`."""
        done = self.command("-j", "show", self.device)
        assert done.returncode == 0 and not done.stderr, done.stderr
        attachment, = json.loads(done.stdout)
        return attachment

    def update(self, table, key, value):
        """Writes a map entry with bpftool; key and value are bytes."""
        self._bpftool("update", table, "key", *map(str, key), "value", *map(str, value))

    def delete(self, table, key):
        self._bpftool("delete", table, "key", *map(str, key))

    def dump(self, table):
        """All entries of a map as bpftool prints them."""
        return json.loads(self._bpftool("dump", table))

    def keys(self, table):
        """All keys of a map, as bytes."""
        return [bytes(int(number, 16) for number in entry["key"]) for entry in self.dump(table)]

    def _bpftool(self, verb, table, *words):
        done = subprocess.run(["bpftool", "-j", "map", verb, "pinned", f"{self.pins}/{table}", *words],
                              capture_output=True, check=False, text=True)
        assert done.returncode == 0, f"bpftool map {verb} {table}: {done.stdout}{done.stderr}"
        return done.stdout


class Count:
    """How far the counters of some ends moved while a block ran."""

    def __init__(self, ends):
        self._ends, self._before = ends, {end: end.show() for end in ends}
        self._after = {}

    def finish(self):
        self._after = {end: end.show() for end in self._ends}

    def settle(self, condition):
        """Waits, not for long, for packets that are still under way."""
        deadline = time.monotonic() + SETTLE_SECONDS
        if not self._after:
            self.finish()
        while not condition(self) and time.monotonic() < deadline:
            time.sleep(0.02)
            self.finish()

    def verdicts(self, end):
        """The verdicts that moved, and by how much."""
        before = self._before[end]["verdicts"]
        return {name: now - before[name] for name, now in self._after[end]["verdicts"].items() if now != before[name]}

    def peer(self, end, remote):
        """How far one peer's counters moved."""
        before, after = (_counters(shown[end]).get(remote, collections.Counter())
                         for shown in (self._before, self._after))
        return {name: after[name] - before[name] for name in COUNTERS}

    def totals(self, end):
        """How far the counters of all peers of an end moved, summed."""
        before, after = (sum(_counters(shown[end]).values(), collections.Counter())
                         for shown in (self._before, self._after))
        return {name: after[name] - before[name] for name in COUNTERS}

    def balanced(self, one, other):
        """What one end sent the other received, packets and bytes, both ways."""
        here, there = self.totals(one), self.totals(other)
        return all(here[f"tx_{unit}"] == there[f"rx_{unit}"] and here[f"rx_{unit}"] == there[f"tx_{unit}"]
                   for unit in ("packets", "bytes"))


def _counters(shown):
    return {peer["remote"]: collections.Counter({name: peer[name] for name in COUNTERS}) for peer in shown["peers"]}


@contextlib.contextmanager
def counting(*ends):
    """The counters that move in the block, as a Count that is complete behind it."""
    count = Count(ends)
    yield count
    count.finish()


def check_carried(count, one, other):
    """Between two ends: all was carried, nothing else was counted, tx here is rx there."""
    count.settle(lambda seen: seen.balanced(one, other))
    for end in (one, other):
        moved, totals = count.verdicts(end), count.totals(end)
        expected = {"encap_ok": totals["tx_packets"], "decap_ok": totals["rx_packets"]}
        assert moved == {name: number for name, number in expected.items() if number}, f"{end}: {moved}"
        assert totals["drops"] == 0
    assert count.balanced(one, other), f"{one} {count.totals(one)}, {other} {count.totals(other)}"
