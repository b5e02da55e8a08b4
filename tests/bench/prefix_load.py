# SPDX-License-Identifier: GPL-2.0-only
"""How long `apply` takes for many prefixes, to load them, to give them all to other peers, and to find nothing to do;
and what memory they take in the kernel, by a memory control group that the commands run in."""
import contextlib
import pathlib
import resource
import tempfile
import time
from dataclasses import dataclass, field

from networks import topology
from networks.program import End, succeed

from . import table
from .goals import Goal
from .samples import Samples

SIZES, QUICK_SIZES, PEERS = (1_000, 100_000, 1_000_000), (1_000,), 100
ROUNDS, QUICK_ROUNDS = 3, 1
STEPS = ("load", "nothing to do", "replace")
AT_MOST_SECONDS, AT_MOST_BYTES = 4, 200
GROUP = "ipipbpf-bench"
GROUPS = ((pathlib.Path("/sys/fs/cgroup/memory"), "memory.usage_in_bytes"), (pathlib.Path("/sys/fs/cgroup"),
                                                                            "memory.current"))


@dataclass
class Load:
    """Of one size: seconds by the clock and of the CPU for each step; bytes of the kernel's for each prefix."""
    seconds: dict = field(default_factory=lambda: {step: Samples() for step in STEPS})
    cpu: dict = field(default_factory=lambda: {step: Samples() for step in STEPS})
    memory: Samples = field(default_factory=Samples)


@contextlib.contextmanager
def _memory_group():
    """(words to run a command in a memory control group, a function that tells its bytes, None if there is no such)."""
    for top, usage in GROUPS:
        group = top / GROUP
        try:
            group.mkdir(exist_ok=True)
            (group / usage).read_text(encoding="ascii")
        except OSError:
            continue
        yield (("sh", "-c", f'echo $$ > {group}/cgroup.procs && exec "$@"', "sh"),
               lambda: int((group / usage).read_text(encoding="ascii")))
        group.rmdir()
        return
    yield (), None


def _prefix(number):
    return f"{16 + (number >> 16)}.{number >> 8 & 255}.{number & 255}.0/24"


def _write(path, prefixes, shift):
    """A file of so many prefixes; `shift` moves each to another peer."""
    each = prefixes // PEERS
    with open(path, "w", encoding="ascii") as file:
        file.write("[Attach]\nDevice = eth0\nRoutes = off\n")
        for peer in range(PEERS):
            first = (peer + shift) % PEERS * each
            file.write(f"[Peer]\nRemote = 172.20.0.{peer + 1}\nPrefixes = "
                       + ", ".join(map(_prefix, range(first, first + each))) + "\n")


def _timed(load, step, end, path, prefix):
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    succeed(end.command("apply", str(path), prefix=prefix))
    load.seconds[step].append(time.monotonic() - start)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    load.cpu[step].append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)


def _round(load, prefixes, folder):
    path = folder / "prefixes.conf"
    with topology.TwoHosts() as network, _memory_group() as (prefix, used):
        end = End(network.a)
        end.attach("routes", "off", prefix=prefix)
        before = used() if used else 0
        _write(path, prefixes, 0)
        _timed(load, "load", end, path, prefix)
        if used:
            load.memory.append((used() - before) / prefixes)
        _timed(load, "nothing to do", end, path, prefix)
        _write(path, prefixes, 1)
        _timed(load, "replace", end, path, prefix)
        end.detach()


def measure(effort):
    """{prefixes: Load}."""
    found = {size: Load() for size in (QUICK_SIZES if effort.quick else SIZES)}
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(QUICK_ROUNDS if effort.quick else ROUNDS):
            for size, load in found.items():
                _round(load, size, pathlib.Path(folder))
    return found


def show(found):
    rows = []
    for size, load in found.items():
        seconds = [f"{load.seconds[step].median:.2f} ({load.cpu[step].median:.2f})" for step in STEPS]
        rows.append([f"{size:,} prefixes", *seconds, f"{load.memory.median:.0f}" if load.memory else "unknown"])
    table.show(f"Seconds that 'apply' takes, in brackets those of the CPU, with {PEERS} peers and 'routes off'",
               ["tables", *STEPS, "bytes a prefix"], rows)


def goals(found):
    size = max(found)
    yield Goal(f"{size:,} prefixes: loading", found[size].seconds["load"].median, at_most=AT_MOST_SECONDS, unit="s")
    if found[size].memory:
        yield Goal(f"{size:,} prefixes: memory of each", found[size].memory.median, at_most=AT_MOST_BYTES,
                   unit="bytes")


def json(found):
    return [{"prefixes": size, "seconds": {step: load.seconds[step].json() for step in STEPS},
             "cpu_seconds": {step: load.cpu[step].json() for step in STEPS},
             "bytes_a_prefix": load.memory.json() if load.memory else None} for size, load in found.items()]
