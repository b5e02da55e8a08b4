# SPDX-License-Identifier: GPL-2.0-only
"""A new version over a running older one, whose maps have an older layout; and back again. Traffic goes on meanwhile.

UPGRADE_SECONDS and UPGRADE_RATE choose a longer or denser stream than the default.
"""
import contextlib
import itertools
import os
import struct
import time

import pytest

from .config import File, export, peer, section
from .older import HAS_TCX, PINS, Older, programs, use_the_pinned_meta, value
from .program import STRACE, End, counting, plain_binary
from .snapshot import differences, state, without_ids
from .test_killed import kill_at, moments
from .topology import A, B, INNER_A, INNER_B
from .traffic import Stream, ping

C = "172.16.1.70"
PREFIXES = (f"{INNER_B}/32", "10.1.0.0/16")
PEERS = {B: PREFIXES, C: ("10.2.0.0/16",)}
LAYOUT = 3
SECONDS, RATE = float(os.environ.get("UPGRADE_SECONDS", 2)), int(os.environ.get("UPGRADE_RATE", 1000))
# What layout 1 has not: where it lies in `meta`, and a value that says on.
LATER = {"cache": (52, struct.pack("=I", 5)), "forward": (56, b"\1"), "spread": (57, b"\1")}
OPTIONS = {"Src": INNER_A, "MTUExpires": 300, "ICMP": 77}


def upgraded(meta, layout=LAYOUT):
    """What the 56 bytes of layout 1 become: no cache, forward off, spread off."""
    return struct.pack("=I", layout) + meta[4:52] + struct.pack("=IBB6x", 0, 2, 2)


def keys(prefixes):
    """As a person writes them -> the keys of `prefixes` and `routes`, sorted."""
    split = (prefix.split("/") for prefix in prefixes)
    return sorted([f"0x{byte:02x}" for byte in struct.pack("=I", int(length)) + bytes(map(int, address.split(".")))]
                  for address, length in split)


def recorded(end):
    """The prefixes whose routes are recorded, where the layout of the end's `meta` has them."""
    if struct.unpack("=I", value(end)[:4])[0] < 3:
        return sorted(entry["key"] for entry in end.dump("routes"))
    places = [bytes(int(byte, 16) for byte in entry["value"]) for entry in end.dump("routes2")]
    assert all(place == bytes(16) or (place[5:8] == b"\1\0\0" and place[12:] == bytes(4)) for place in places)
    return sorted([f"0x{byte:02x}" for byte in struct.pack("=I4s", place[4], place[:4])] for place in places if any(place))


def comparable(namespace):
    return without_ids(state(namespace))


def pins(end):
    """The names of the maps that are pinned for an end."""
    return {name for name in os.listdir(end.pins) if not name.startswith(("link_", "program_"))}


@pytest.fixture
def far_end(two_hosts):
    """B, with A for its peer."""
    b = End(two_hosts.b)
    b.attach("src", INNER_B)
    b.peer(A, "prefix", INNER_A)
    return b


@pytest.fixture
def older(two_hosts, far_end, mode):
    """A, as the older version attached it."""
    return Older(two_hosts.a, mode, PEERS)


def file_of(end, directory, mode):
    """What the older version attached, as a file."""
    return File(end, directory).write(section("Attach", Mode=mode, **OPTIONS),
                                      *(peer(remote, *prefixes) for remote, prefixes in PEERS.items()))


@contextlib.contextmanager
def nothing_lost(network):
    """Numbered packets go both ways; all arrive, and both ends count each once."""
    ends = End(network.a), End(network.b)
    with counting(*ends) as count, contextlib.ExitStack() as streams:
        both = [streams.enter_context(Stream(*way, RATE)) for way in (
            (network.a, INNER_A, network.b, INNER_B), (network.b, INNER_B, network.a, INNER_A))]
        yield both
    for stream in both:
        assert stream.refused == [] and stream.missing == [] and len(stream.received) == stream.sent > 0
    for end, (out, into) in zip(ends, (both, both[::-1])):
        assert count.verdicts(end) == {"encap_ok": out.sent, "decap_ok": into.sent}, end


def test_the_older_attachment_carries(two_hosts, older):
    assert ping(two_hosts.a, INNER_A, INNER_B) == [] and use_the_pinned_meta(older)
    assert len(programs(older)) == (2 if older.show()["mode"] == "tc" else 3)


def test_it_is_shown_and_changed_as_it_is(two_hosts, older, mode):
    before, ids = state(two_hosts.a), programs(older)
    shown = older.show()
    assert (shown["layout"], shown["mode"], shown["icmp"], shown["missing"]) == (1, mode, 77, [])
    assert {entry["remote"]: {prefix["dst"] for prefix in entry["prefixes"]} for entry in shown["peers"]} == {
        remote: set(prefixes) for remote, prefixes in PEERS.items()}
    assert export(older).startswith(f"[Attach]\nSrc = {INNER_A}\nMode = {mode}\nMTUExpires = 300\nICMP = 77\n")
    older.do("prefix add", "10.3.0.0/16", "remote", B)
    assert ping(two_hosts.a, INNER_A, INNER_B) == []
    older.do("prefix del", "10.3.0.0/16")
    assert value(older) == older.meta and programs(older) == ids and differences(before, state(two_hosts.a)) == []


@pytest.mark.parametrize("command", ("attach", "apply"))
def test_the_new_version_takes_it_over_under_traffic(two_hosts, tmp_path, far_end, older, mode, command):
    file = file_of(older, tmp_path, mode)
    assert ping(two_hosts.a, INNER_A, INNER_B) == []
    shown, ids, surroundings = older.show(), programs(older), comparable(two_hosts.a)
    assert file.difference() == ["~ attach layout 1 -> 3", "~ programs of another version"]
    with nothing_lost(two_hosts):
        assert (file.apply() if command == "apply" else older.attach()) == []
    assert value(older) == upgraded(older.meta) and use_the_pinned_meta(older)
    assert not set(ids) & set(programs(older)) and len(ids) == len(programs(older))
    after = older.show()
    assert after["layout"] == LAYOUT
    for entry in (shown, after):
        del entry["layout"]
        assert all(entry["verdicts"].pop(name) for name in ("encap_ok", "decap_ok"))
        for peer_shown in entry["peers"]:
            for counter in ("tx_packets", "tx_bytes", "rx_packets", "rx_bytes"):
                del peer_shown[counter]
    assert after == shown and file.difference() == []
    assert pins(older) == pins(far_end) > PINS - {"routes"}
    now = comparable(two_hosts.a)
    del surroundings["pinned"], now["pinned"]
    assert differences(surroundings, now) == []


def test_check_has_nothing_against_an_older_layout(older):
    done = older.command("check")
    assert "pins" in done.stdout and "layout" not in done.stdout, done.stdout


@pytest.mark.parametrize("layout", (1, 2))
def test_down_again_is_what_the_older_version_made(two_hosts, older, layout):
    surroundings, records = comparable(two_hosts.a), recorded(older)
    assert ping(two_hosts.a, INNER_A, INNER_B) == []
    older.attach()
    ids = programs(older)
    with nothing_lost(two_hosts):
        older.do("migrate", "layout", str(layout))
    assert value(older) == (older.meta if layout == 1 else upgraded(older.meta, layout)) and use_the_pinned_meta(older)
    assert not set(ids) & set(programs(older)) and len(ids) == len(programs(older))
    assert older.show()["layout"] == layout and older.show()["verdicts"]["encap_ok"] > 1
    assert recorded(older) == records
    now = comparable(two_hosts.a)
    if layout > 1:
        assert PINS < pins(older) and "routes2" not in pins(older)
        del surroundings["pinned"], now["pinned"]
    assert differences(surroundings, now) == []


def test_layout_2_is_changed_as_it_is(two_hosts, older):
    older.attach()
    older.do("migrate", "layout", "2")
    ids, meta = programs(older), value(older)
    older.do("prefix add", "10.3.0.0/16", "remote", B)
    older.do("prefix del", "10.2.0.0/16")
    assert value(older) == meta and programs(older) == ids
    assert recorded(older) == keys((*PREFIXES, "10.3.0.0/16")) and "routes2" not in pins(older)
    older.attach()
    assert recorded(older) == keys((*PREFIXES, "10.3.0.0/16")) and "routes" not in pins(older)
    assert ping(two_hosts.a, INNER_A, INNER_B) == []


@pytest.mark.parametrize("taken_over", (False, True), ids=("older", "taken over, and down again"))
def test_detach_leaves_nothing_of_it(two_hosts, far_end, mode, taken_over):
    before = state(two_hosts.a)
    older = Older(two_hosts.a, mode, PEERS)
    if taken_over:
        older.attach()
        older.do("migrate", "layout", "1")
    older.detach()
    assert differences(before, state(two_hosts.a)) == []


def test_up_and_down_under_traffic(two_hosts, tmp_path, older, mode):
    """For as long as UPGRADE_SECONDS says, at UPGRADE_RATE packets a second and way."""
    file = file_of(older, tmp_path, mode)
    steps = itertools.cycle((lambda: older.attach(program=plain_binary()),
                             lambda: older.do("migrate", "layout", "1", program=plain_binary()),
                             lambda: file.apply(program=plain_binary()),
                             lambda: older.attach(program=plain_binary()),
                             lambda: older.do("migrate", "layout", "1", program=plain_binary())))
    assert ping(two_hosts.a, INNER_A, INNER_B) == []
    start, done = time.monotonic(), 0
    with nothing_lost(two_hosts) as streams:
        while time.monotonic() < start + SECONDS or done < 2:
            assert next(steps)() == []
            done += 1
        seconds = time.monotonic() - start
    rates = (f"{stream.sent / seconds:.0f} packets/s" for stream in streams)
    print(f"{mode}: {done} exchanges in {seconds:.0f} s,", *rates)


@pytest.mark.parametrize("setting", LATER)
def test_a_setting_for_which_the_older_layout_has_no_room_is_named(two_hosts, far_end, setting):
    a = End(two_hosts.a)
    a.attach()
    at, on = LATER[setting]
    meta = bytearray(value(a))
    meta[at:at + len(on)] = on
    a.update("meta", bytes(4), meta)
    before, ids = state(two_hosts.a), programs(a)
    done = a.command("migrate", "eth0", "layout", "1")
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1), done
    assert f"'{setting}'" in done.stderr and "layout 1" in done.stderr
    assert value(a) == meta and programs(a) == ids and differences(before, state(two_hosts.a)) == []


def test_to_migrate_to_the_layout_that_is_there_changes_nothing(two_hosts, far_end):
    a = End(two_hosts.a)
    a.attach()
    before, ids = state(two_hosts.a), programs(a)
    assert a.do("migrate", "layout", str(LAYOUT)) == []
    assert programs(a) == ids and differences(before, state(two_hosts.a)) == []


def test_a_device_that_is_gone_is_taken_over_with_its_peers(two_hosts, far_end):
    a = Older(two_hosts.a, "tc", PEERS)
    hardware = two_hosts.a.ip_json("link", "show", "dev", "eth0")[0]["address"]
    two_hosts.a.ip("link del eth0", f"link add eth0 address {hardware} type veth peer name to-a netns "
                   f"{two_hosts.router.name}", f"addr add {A}/20 dev eth0", "link set eth0 up",
                   "route add 172.16.0.0/20 via 172.16.16.1 dev eth0 onlink")
    two_hosts.router.ip("link set to-a up", "addr add 172.16.16.1/20 dev to-a")
    warning, = a.attach("mode", "tc")
    assert "takes over its peers" in warning and a.show()["layout"] == LAYOUT and use_the_pinned_meta(a)
    assert ping(two_hosts.a, INNER_A, INNER_B) == []


# What attach does besides, test_killed.py kills.
KILLED = {"up": ("native", ("migrate", "eth0", "layout", str(LAYOUT))), "down": ("tc", ("migrate", "eth0", "layout", "1"))}


@pytest.mark.parametrize("mode, words", KILLED.values(), ids=KILLED.keys())
def test_killed_at_any_point_it_carries_on_and_ends_right(two_hosts, far_end, mode, words):
    def begin():
        older = Older(two_hosts.a, mode, PEERS)
        if words[-1] == "1":
            older.attach(program=plain_binary())
        return older

    before = comparable(two_hosts.a)
    older = begin()
    chosen = moments(older, words)
    older.attach(program=plain_binary())
    whole = comparable(two_hosts.a)
    older.detach(program=plain_binary())
    for number, (call, count) in enumerate(chosen):
        older, at = begin(), f"killed before {call} {count}"
        kill_at(older, words, call, count)
        assert ping(two_hosts.a, INNER_A, INNER_B) == [], at
        if number % 2:
            older.attach(program=plain_binary())
            assert value(older) == upgraded(older.meta) and use_the_pinned_meta(older), at
            assert differences(whole, comparable(two_hosts.a)) == [], at
            assert recorded(older) == keys(itertools.chain(*PEERS.values())), at
        elif number % 4:
            older.do("migrate", "layout", "1", program=plain_binary())
            assert value(older) == older.meta and use_the_pinned_meta(older), at
            assert pins(older) == PINS and recorded(older) == keys(itertools.chain(*PEERS.values())), at
        older.detach(program=plain_binary())
        assert differences(before, comparable(two_hosts.a)) == [], at


def bpf_calls(end, words):
    """The numbers, among the command's bpf() calls, of those that exchange a program."""
    log = f"/tmp/ipipbpf-{os.getpid()}-exchanges"
    done = end.command(*words, program=plain_binary(), prefix=(*STRACE, "-o", log, "-e", "trace=bpf"))
    assert done.returncode == 0, done.stderr
    with open(log, encoding="utf-8") as lines:
        calls = [line for line in lines if " bpf(" in line or line.startswith("bpf(")]
    os.unlink(log)
    return [number for number, line in enumerate(calls, 1) if "BPF_LINK_UPDATE" in line]


def test_what_cannot_be_exchanged_stays_with_all_that_was_exchanged_already(two_hosts, far_end):
    older = Older(two_hosts.a, "native", PEERS)
    words = ("attach", "eth0")
    # A filter on a clsact is no link.
    expected = 3 if HAS_TCX else 1
    numbers = bpf_calls(older, words)[:expected]
    assert len(numbers) == expected
    older.detach(program=plain_binary())
    for number in numbers:
        older = Older(two_hosts.a, "native", PEERS)
        before = comparable(two_hosts.a)
        refuse = (*STRACE, "-o", "/dev/null", "-e", "trace=bpf", "-e", f"inject=bpf:error=ENOMEM:when={number}")
        done = older.command(*words, program=plain_binary(), prefix=refuse)
        assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1), done
        assert value(older) == older.meta and use_the_pinned_meta(older)
        assert differences(before, comparable(two_hosts.a)) == []
        assert ping(two_hosts.a, INNER_A, INNER_B) == []
        older.detach(program=plain_binary())
