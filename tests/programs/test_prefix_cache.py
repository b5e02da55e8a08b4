# SPDX-License-Identifier: GPL-2.0-only
"""`cache MS`: what each CPU remembers of prefixes, and for how long; without it the next packet obeys."""

import itertools
import random
import struct
import time
from ipaddress import IPv4Address, IPv4Network

import pytest

from pace import all_or

from .attachment import Attachment, Dataplane
from .bpf import TICKS
from .frames import arriving, inner, leaving, outer
from .tables import packed
from .underlay import BEHIND_GATEWAY, ON_LINK, ROUTE_BACK

MS = 300
ADDRESS = ROUTE_BACK["unicast"]
PREFIX = ADDRESS.rsplit(".", 1)[0] + ".0/24"
# Taken all, more than there is room for.
ADDRESSES = all_or(40_000, 5_000)
LEAVING = leaving(inner(src="192.168.8.8", dst="0.0.0.0"))


def wrapped_to(attachment, address=ADDRESS):
    """The peer that a packet to an address is sent to; None: it goes as it is. Its checksum is the sender's affair."""
    _, out = attachment.run(LEAVING[:30] + packed(address) + LEAVING[34:])
    frame = out()
    return ".".join(map(str, frame[30:34])) if frame[23] == 4 else None


def is_taken(attachment):
    """Whether a packet from ADDRESS out of the tunnel of BEHIND_GATEWAY passes the check of its prefix."""
    before = attachment.verdict("decap_ok")
    attachment.run(arriving(outer(inner(src=ADDRESS))))
    return attachment.verdict("decap_ok") > before


@pytest.fixture
def remembering(encap):
    encap.device(cache=MS)
    encap.peer(BEHIND_GATEWAY)
    encap.peer(ON_LINK)
    return encap


CHANGES = {
    "a prefix that moves": (BEHIND_GATEWAY, ON_LINK),
    "a prefix that comes": (None, ON_LINK),
    "a prefix that goes": (BEHIND_GATEWAY, None),
}


def change(attachment, remote, by_hand):
    if remote:
        (attachment.prefix_by_hand if by_hand else attachment.prefix)(PREFIX, remote)
    elif PREFIX in attachment.tables.prefixes:
        (attachment.delete_prefix_by_hand if by_hand else attachment.delete_prefix)(PREFIX)


@pytest.mark.parametrize("before, after", CHANGES.values(), ids=CHANGES)
def test_what_the_loader_changes_counts_for_the_next_packet(remembering, before, after):
    for _ in range(50):
        change(remembering, before, by_hand=False)
        assert wrapped_to(remembering) == before
        change(remembering, after, by_hand=False)
        assert wrapped_to(remembering) == after


@pytest.mark.parametrize("before, after", CHANGES.values(), ids=CHANGES)
def test_what_is_changed_by_hand_counts_when_the_time_is_over(remembering, before, after):
    change(remembering, before, by_hand=False)
    asked = time.monotonic()
    assert wrapped_to(remembering) == before
    change(remembering, after, by_hand=True)
    changed = time.monotonic()
    remembered = wrapped_to(remembering)
    assert remembered == before or time.monotonic() > asked + MS / 1000, "it was not remembered"
    while time.monotonic() <= changed + MS / 1000:
        time.sleep(MS / 10_000)
    assert wrapped_to(remembering) == after


def test_without_a_cache_the_next_packet_obeys(encap):
    encap.peer(BEHIND_GATEWAY)
    encap.peer(ON_LINK)
    for remote in (BEHIND_GATEWAY, ON_LINK, None) * 20:
        change(encap, remote, by_hand=True)
        assert wrapped_to(encap) == remote


def test_a_cache_that_is_taken_away_is_asked_no_more(remembering):
    remembering.prefix(PREFIX, BEHIND_GATEWAY)
    assert wrapped_to(remembering) == BEHIND_GATEWAY
    remembering.device(cache=0)
    remembering.prefix_by_hand(PREFIX, ON_LINK)
    assert wrapped_to(remembering) == ON_LINK


def test_the_check_of_the_inner_source_goes_by_the_same_memory(decap):
    decap.device(cache=60_000)
    decap.peer(BEHIND_GATEWAY)
    decap.peer(ON_LINK)
    decap.prefix(PREFIX, BEHIND_GATEWAY)
    assert is_taken(decap)
    decap.prefix_by_hand(PREFIX, ON_LINK)
    assert is_taken(decap)
    decap.count_generation()
    assert not is_taken(decap)
    decap.prefix_by_hand(PREFIX, BEHIND_GATEWAY)
    assert not is_taken(decap)
    decap.count_generation()
    assert is_taken(decap)


def test_addresses_that_share_a_place_are_not_taken_for_each_other(remembering):
    remembering.device(cache=60_000)
    remembering.prefix("10.0.0.0/8", BEHIND_GATEWAY)
    remembering.prefix("11.0.0.0/8", ON_LINK)
    chosen = random.Random(1)
    for _ in range(ADDRESSES):
        first, rest = chosen.choice((10, 11, 12)), chosen.getrandbits(24)
        address = f"{first}.{rest >> 16}.{rest >> 8 & 255}.{rest & 255}"
        assert wrapped_to(remembering, address) == {10: BEHIND_GATEWAY, 11: ON_LINK}.get(first), address


LONGEST_MS = 0xFFFFFFFF


@pytest.mark.parametrize("seconds, remote", [(-2, BEHIND_GATEWAY), (0, ON_LINK)], ids=["before", "over"])
def test_the_time_is_counted_in_ticks_of_the_kernel(remembering, seconds, remote):
    """49 days, which show what a millionth more or less in each would sum up to. What is remembered begins with its tick,
    and is made as old as that; the tick that has begun counts whole."""
    remembering.device(cache=LONGEST_MS)
    remembering.prefix(PREFIX, BEHIND_GATEWAY)
    assert wrapped_to(remembering) == BEHIND_GATEWAY
    remembering.prefix_by_hand(PREFIX, ON_LINK)
    key = struct.pack("=I", place(IPv4Address(ADDRESS)))
    pairs = bytearray(remembering.maps["prefix_cache"][key])
    age = (LONGEST_MS * TICKS >> 20) + seconds * TICKS * 1000 // (1 << 20)
    for at in range(0, len(pairs), 32):
        since, = struct.unpack_from("=Q", pairs, at)
        struct.pack_into("=Q", pairs, at, (since - age) % 2**64)
    remembering.maps["prefix_cache"][key] = bytes(pairs)
    assert wrapped_to(remembering) == remote


def test_a_time_shorter_than_a_tick_is_none(underlay_ifindex):
    loaded = Dataplane(ticks=(1 << 20) // 1001)
    try:
        attachment = Attachment(loaded, "egress", underlay_ifindex)
        attachment.device(cache=1000)
        attachment.peer(BEHIND_GATEWAY)
        attachment.peer(ON_LINK)
        for remote in (BEHIND_GATEWAY, ON_LINK) * 5:
            change(attachment, remote, by_hand=True)
            assert wrapped_to(attachment) == remote
    finally:
        loaded.close()


def place(address):
    """Of 2^13, after a multiplication by 2^32 divided by the golden ratio."""
    return (int(address) * 2654435769 & 0xFFFFFFFF) >> 19


def of_one_place(count):
    """Addresses all over 10.0.0.0/8 that share a place."""
    network = IPv4Network("10.0.0.0/8")
    addresses = (network[at] for at in range(1, network.num_addresses, 997))
    shared = place(network[1])
    return list(map(str, itertools.islice((address for address in addresses if place(address) == shared), count)))


def test_of_addresses_that_share_a_place_the_last_two_are_remembered(remembering):
    remembering.device(cache=60_000)
    remembering.prefix("10.0.0.0/8", BEHIND_GATEWAY)
    addresses = of_one_place(4)
    assert [wrapped_to(remembering, address) for address in addresses] == [BEHIND_GATEWAY] * 4
    remembering.prefix_by_hand("10.0.0.0/8", ON_LINK)
    first, second, third, fourth = addresses
    assert wrapped_to(remembering, third) == wrapped_to(remembering, fourth) == BEHIND_GATEWAY
    assert wrapped_to(remembering, first) == ON_LINK
    assert wrapped_to(remembering, fourth) == BEHIND_GATEWAY
    assert wrapped_to(remembering, second) == ON_LINK
    remembering.prefix_by_hand("10.0.0.0/8", BEHIND_GATEWAY)
    assert wrapped_to(remembering, first) == wrapped_to(remembering, second) == ON_LINK
    assert wrapped_to(remembering, third) == BEHIND_GATEWAY


def test_neighbouring_addresses_have_places_of_their_own(remembering):
    """12,000 of them are half as many again as there are places, each with room for two."""
    remembering.device(cache=60_000)
    remembering.prefix("10.0.0.0/8", BEHIND_GATEWAY)
    addresses = list(map(str, itertools.islice(IPv4Network("10.0.0.0/8").hosts(), 12_000)))
    for address in addresses:
        wrapped_to(remembering, address)
    remembering.prefix_by_hand("10.0.0.0/8", ON_LINK)
    remembered = sum(wrapped_to(remembering, address) == BEHIND_GATEWAY for address in reversed(addresses))
    assert remembered > 0.9 * len(addresses)
