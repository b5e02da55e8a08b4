# SPDX-License-Identifier: GPL-2.0-only
"""Peers and prefixes that are exchanged for others, where both together do not fit into the maps."""
import contextlib
import struct

import pytest

from .config import File, peer, section
from .program import End, plain_binary
from .snapshot import differences, state
from .strangers import fill
from .topology import A, B, INNER_A, INNER_B
from .traffic import Stream

C = "172.16.1.70"
PREFIXES_MAX, PEERS_MAX = 1_048_576, 65_536
DIVIDED, HALVES, INSIDE = "10.1.0.0/16", ("10.1.0.0/17", "10.1.128.0/17"), "10.1.200.1"
OTHERS = tuple(f"12.0.{number}.0/24" for number in range(200))
ELEVEN = 0x0B000000
RATE = 200


def _addresses(count):
    """So many addresses from 11.0.0.0 on, as bytes."""
    return [struct.pack("!I", ELEVEN + number) for number in range(count)]


def _fill_prefixes(end, owners):
    """A /32 for each owner."""
    keys = b"".join(struct.pack("=I", 32) + address for address in _addresses(len(owners)))
    fill(f"{end.pins}/prefixes", keys, b"".join(owner + bytes(4) for owner in owners), len(owners))


def _bytes(address):
    return bytes(map(int, address.split(".")))


def _refused(file, *words):
    """`apply` fails with one line that has these words, and changes nothing."""
    before = state(file.end.namespace), file.end.keys("peers")
    done = file.end.command("apply", str(file.path), program=plain_binary())
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1), done
    assert all(word in done.stderr for word in words), done.stderr
    assert differences(before[0], state(file.end.namespace)) == [] and file.end.keys("peers") == before[1]


@pytest.fixture
def file(two_hosts, tmp_path):
    """A's, applied: B with two prefixes."""
    a, b = End(two_hosts.a), End(two_hosts.b)
    two_hosts.b.ip(f"addr add {INSIDE}/32 dev lo")
    b.attach("src", INNER_B, "rpf", "loose", program=plain_binary())
    b.peer(A, "prefix", INNER_A, program=plain_binary())
    file = File(a, tmp_path).write(section("Attach", Src=INNER_A), peer(B, f"{INNER_B}/32", DIVIDED))
    file.apply(program=plain_binary())
    yield file
    a.detach(program=plain_binary())


def test_a_full_map_of_prefixes_is_exchanged_and_what_stays_or_is_divided_loses_nothing(two_hosts, file):
    a = file.end
    _fill_prefixes(a, [_bytes(B)] * (PREFIXES_MAX - 2))
    file.write(section("Attach", Src=INNER_A), peer(B, f"{INNER_B}/32", *HALVES), peer(C, *OTHERS))
    with contextlib.ExitStack() as stack:
        streams = [stack.enter_context(Stream(two_hosts.a, INNER_A, two_hosts.b, address, RATE))
                   for address in (INNER_B, INSIDE)]
        file.apply(program=plain_binary())
    for stream in streams:
        assert stream.refused == [] and stream.missing == [] and len(stream.received) == stream.sent > 0
    shown = a.show()
    assert {entry["remote"]: {prefix["dst"] for prefix in entry["prefixes"] if prefix["route"]}
            for entry in shown["peers"]} == {B: {f"{INNER_B}/32", *HALVES}, C: set(OTHERS)}
    assert shown["missing"] == [] and file.difference(program=plain_binary()) == []


def test_what_takes_over_from_prefixes_that_go_must_find_room_beside_them(file):
    _fill_prefixes(file.end, [_bytes(B)] * (PREFIXES_MAX - 2))
    file.write(section("Attach", Src=INNER_A), peer(B, f"{INNER_B}/32", DIVIDED, "11.0.0.0/8", *OTHERS))
    _refused(file, "'prefixes'", "11.0.0.0/8", "delete some")


def test_all_prefixes_that_there_can_be_are_exchanged_for_as_many(file):
    """Each of them made by `apply`, so that where their routes are recorded is full as well."""
    for first in (0x0C000000, 0x20000000):
        networks = (".".join(map(str, struct.pack("!I", first + (number << 4)))) for number in range(PREFIXES_MAX))
        file.write(section("Attach", Src=INNER_A, Routes="off"),
                   f"[Peer]\nRemote = {B}\nPrefixes = " + ", ".join(f"{network}/28" for network in networks) + "\n")
        file.apply(program=plain_binary())
    assert file.difference(program=plain_binary()) == []


def test_a_full_map_of_peers_is_exchanged(file):
    addresses = _addresses(PEERS_MAX - 1)
    fill(f"{file.end.pins}/peers", b"".join(addresses), bytes(32 * len(addresses)), len(addresses))
    _fill_prefixes(file.end, addresses)
    file.write(section("Attach", Src=INNER_A), peer(B, f"{INNER_B}/32"), peer(C, DIVIDED))
    file.apply(program=plain_binary())
    assert [entry["remote"] for entry in file.end.show()["peers"]] == [B, C]
    assert file.difference(program=plain_binary()) == []


def test_peers_that_take_over_from_peers_that_go_must_find_room_beside_them(file):
    addresses = _addresses(PEERS_MAX - 1)
    fill(f"{file.end.pins}/peers", b"".join(addresses), bytes(32 * len(addresses)), len(addresses))
    _fill_prefixes(file.end, addresses)
    file.write(section("Attach", Src=INNER_A), peer(B, f"{INNER_B}/32"), peer(C, "11.0.0.0/8"))
    _refused(file, "'peers'", "several steps")
