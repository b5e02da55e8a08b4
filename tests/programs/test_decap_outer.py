# SPDX-License-Identifier: GPL-2.0-only
"""Ingress: which packets are ours, and what their outer header must be."""

import pytest
from scapy.compat import raw
from scapy.layers.l2 import ARP, Ether
from scapy.layers.inet6 import IPv6
from scapy.layers.inet import IP

from .frames import TAGGINGS, arriving, inner, options, outer, received
from .ipv4 import with_checksum
from .tables import ANY, FRAGMENTS_STACK, HOOK_TC, HOOK_XDP, LOOSE, OFF, STRICT
from .underlay import BEHIND_GATEWAY, DEV, MAC, ON_LINK, ROUTE_BACK

STRANGER = "192.0.2.99"


@pytest.fixture
def tunnel(decap):
    """A peer that owns 192.168.1.0/24."""
    decap.peer(BEHIND_GATEWAY, "192.168.1.0/24")
    return decap


def damaged(packet, at, value):
    """A packet with one byte replaced, and its header checksum right again."""
    data = bytearray(raw(packet))
    data[at] = value
    length = max(20, (data[0] & 15) * 4)
    return with_checksum(bytes(data[:length])) + bytes(data[length:])


@pytest.mark.parametrize("tags", TAGGINGS.values(), ids=TAGGINGS)
def test_decap_strips_the_outer_header_and_keeps_link_header_and_tags(tunnel, tags):
    tunnel.expect(arriving(outer(inner()), tags), "decap_ok", arriving(inner(), tags), BEHIND_GATEWAY,
                  received(inner()))


@pytest.mark.parametrize("tags", [tags for tags in TAGGINGS.values() if tags],
                         ids=[name for name, tags in TAGGINGS.items() if tags])
def test_tc_strips_a_frame_that_has_its_outermost_tag_in_it(decap_tc, tags):
    """As explain gives it the frames of a file. The tag lies beside the frame afterwards."""
    decap_tc.peer(BEHIND_GATEWAY, "192.168.1.0/24")
    frame = arriving(outer(inner()), tags)
    outcome = decap_tc.observe(frame, in_band=True)
    assert (outcome.verdicts, outcome.out) == ({"decap_ok": 1}, arriving(inner(), tags[1:]))
    assert decap_tc.tag_after(frame) == frame[12:16]


def test_decap_leaves_a_frame_with_three_tags_alone(tunnel):
    tunnel.expect(arriving(outer(inner()), ((0x88A8, 1), (0x8100, 2), (0x8100, 3))), None)


def test_decap_leaves_all_packets_alone_when_another_hook_is_to_strip(tunnel):
    tunnel.device(hook=HOOK_TC if tunnel.hook == "xdp" else HOOK_XDP)
    tunnel.expect(arriving(outer(inner())), None)
    tunnel.expect(arriving(outer(inner(), remote=STRANGER)), None)
    tunnel.expect(arriving(inner()), None)


@pytest.mark.parametrize("frame", [
    raw(Ether(dst=MAC[DEV]) / ARP(psrc="192.168.1.9")),
    raw(Ether(dst=MAC[DEV]) / IPv6(nh=4) / inner()),
    arriving(IPv6(nh=4) / inner()),
], ids=["arp", "ipv6", "version 6 in an IPv4 frame"])
def test_decap_leaves_what_is_not_ipv4_alone(tunnel, frame):
    tunnel.expect(frame, None)


def test_decap_leaves_ipip_of_a_stranger_to_the_stack(tunnel):
    tunnel.expect(arriving(outer(inner(), remote=STRANGER)), "not_peer")


def test_decap_leaves_ipip_to_another_address_to_the_stack(tunnel):
    tunnel.expect(arriving(outer(inner(), local="172.16.16.23")), "not_peer")


def test_decap_leaves_ipip_alone_when_there_is_no_peer(decap):
    decap.expect(arriving(outer(inner())), "not_peer")


def test_decap_leaves_even_broken_ipip_of_a_stranger_to_the_stack(tunnel):
    tunnel.expect(arriving(outer(b"", remote=STRANGER, chksum=1)), "not_peer")
    tunnel.expect(arriving(outer(b"rest", remote=STRANGER, frag=7)), "not_peer")


def test_decap_takes_the_peers_own_local_address(decap):
    decap.peer(BEHIND_GATEWAY, "192.168.1.0/24", local="172.16.16.99")
    decap.expect(arriving(outer(inner(), local="172.16.16.99")), "decap_ok", arriving(inner()), BEHIND_GATEWAY,
                 received(inner()))
    decap.expect(arriving(outer(inner())), "not_peer")


def test_decap_obeys_an_edited_map_with_the_next_packet(tunnel):
    frame = arriving(outer(inner()))
    tunnel.expect(frame, "decap_ok", arriving(inner()), BEHIND_GATEWAY, received(inner()))
    tunnel.delete_prefix("192.168.1.0/24")
    tunnel.expect(frame, "rpf_prefix", peer=BEHIND_GATEWAY)
    tunnel.delete_peer(BEHIND_GATEWAY)
    tunnel.expect(frame, "not_peer")
    tunnel.peer(BEHIND_GATEWAY, "192.168.1.0/24")
    tunnel.expect(frame, "decap_ok", arriving(inner()), BEHIND_GATEWAY, received(inner()))


# The peer `any`

def test_any_takes_a_source_that_has_no_peer_of_its_own(tunnel):
    tunnel.peer(ANY, rpf=LOOSE)
    tunnel.expect(arriving(outer(inner(), remote=STRANGER)), "decap_ok", arriving(inner()), ANY, received(inner()))


def test_any_does_not_take_a_source_that_has_a_peer_of_its_own(tunnel):
    tunnel.peer(ANY, rpf=LOOSE)
    tunnel.peer(ON_LINK, local="172.16.16.99")
    tunnel.expect(arriving(outer(inner(), remote=ON_LINK)), "not_peer")


def test_any_is_loose_on_a_strict_device_unless_told_otherwise(tunnel):
    tunnel.peer(ANY)
    tunnel.expect(arriving(outer(inner(), remote=STRANGER)), "decap_ok", arriving(inner()), ANY, received(inner()))
    packet = inner(src=ROUTE_BACK["none"])
    tunnel.expect(arriving(outer(packet, remote=STRANGER)), "no_route", peer=ANY)


def test_any_is_reached_at_its_local_address_alone(tunnel):
    tunnel.peer(ANY, rpf=LOOSE, local="172.16.16.99")
    tunnel.expect(arriving(outer(inner(), remote=STRANGER)), "not_peer")
    tunnel.expect(arriving(outer(inner(), remote=STRANGER, local="172.16.16.99")), "decap_ok", arriving(inner()), ANY,
                  received(inner()))


def test_any_under_strict_accepts_its_own_prefixes_alone(tunnel):
    tunnel.peer(ANY, "192.168.2.0/24", rpf=STRICT)
    packet = inner(src="192.168.2.5")
    tunnel.expect(arriving(outer(packet, remote=STRANGER)), "decap_ok", arriving(packet), ANY, received(packet))
    tunnel.expect(arriving(outer(inner(), remote=STRANGER)), "rpf_prefix", peer=ANY)


# The outer header

@pytest.mark.parametrize("length", range(0, 41, 4))
def test_decap_strips_outer_options(tunnel, length):
    tunnel.expect(arriving(outer(inner(), options=options(length))), "decap_ok", arriving(inner()), BEHIND_GATEWAY,
                  received(inner()))


@pytest.mark.parametrize("words", range(0, 5))
def test_decap_refuses_an_outer_header_shorter_than_five_words(tunnel, words):
    tunnel.expect(arriving(damaged(outer(inner()), 0, 0x40 | words)), "outer_bad", peer=BEHIND_GATEWAY)


def test_decap_refuses_an_outer_header_longer_than_the_frame(tunnel):
    tunnel.expect(arriving(damaged(outer(b"", len=60), 0, 0x4F)), "outer_bad", peer=BEHIND_GATEWAY)


@pytest.mark.parametrize("total", [0, 1, 19, 23])
def test_decap_refuses_an_outer_total_length_below_its_header(tunnel, total):
    tunnel.expect(arriving(outer(inner(), options=options(4), len=total)), "outer_bad", peer=BEHIND_GATEWAY)


@pytest.mark.parametrize("excess", [1, 2, 1000, 60000])
def test_decap_refuses_an_outer_total_length_above_what_arrived(tunnel, excess):
    packet = outer(inner())
    tunnel.expect(arriving(outer(inner(), len=len(packet) + excess)), "outer_bad", peer=BEHIND_GATEWAY)


@pytest.mark.parametrize("bit", range(16))
def test_decap_refuses_each_wrong_bit_in_the_outer_checksum(tunnel, bit):
    right = IP(raw(outer(inner()))).chksum
    tunnel.expect(arriving(outer(inner(), chksum=right ^ 1 << bit)), "outer_bad", peer=BEHIND_GATEWAY)


@pytest.mark.parametrize("length", [4, 20, 40])
def test_decap_refuses_a_wrong_checksum_over_outer_options(tunnel, length):
    packet = bytearray(raw(outer(inner(), options=options(length))))
    packet[20 + length - 1] ^= 0x10
    tunnel.expect(arriving(bytes(packet)), "outer_bad", peer=BEHIND_GATEWAY)


@pytest.mark.parametrize("flags, offset", [("MF", 0), ("MF", 3), (0, 1), (0, 8191), (0, 4096), ("DF+MF", 0), ("DF", 2)])
def test_decap_drops_outer_fragments(tunnel, flags, offset):
    tunnel.expect(arriving(outer(inner(), flags=flags, frag=offset)), "outer_fragment", peer=BEHIND_GATEWAY)


@pytest.mark.parametrize("flags, offset", [("MF", 0), (0, 100)])
def test_decap_leaves_outer_fragments_to_the_stack_if_told_so(tunnel, flags, offset):
    tunnel.device(fragments=FRAGMENTS_STACK)
    tunnel.expect(arriving(outer(inner(), flags=flags, frag=offset)), "outer_fragment")


@pytest.mark.parametrize("flags", [0, "DF", "evil", "DF+evil"])
def test_decap_takes_an_unfragmented_packet_whatever_its_other_flags(tunnel, flags):
    tunnel.expect(arriving(outer(inner(), flags=flags)), "decap_ok", arriving(inner()), BEHIND_GATEWAY,
                  received(inner()))


def test_decap_judges_the_outer_header_before_the_fragment(tunnel):
    tunnel.expect(arriving(outer(inner(), frag=9, chksum=1)), "outer_bad", peer=BEHIND_GATEWAY)


@pytest.mark.parametrize("ttl", [0, 1, 64, 255])
def test_decap_does_not_look_at_the_outer_ttl(tunnel, ttl):
    tunnel.expect(arriving(outer(inner(), ttl=ttl)), "decap_ok", arriving(inner()), BEHIND_GATEWAY, received(inner()))


# An entry that is out of range

INVALID = {"ttl_mode": 3, "tos_mode": 3, "df": 3, "rpf": 4, "monitor": 3, "ecn": 3, "type": 1}


@pytest.mark.parametrize("name, value", [(name, value) for name, first in INVALID.items() for value in (first, 255)])
def test_decap_refuses_a_peer_with_a_field_out_of_range(tunnel, name, value):
    tunnel.peer(BEHIND_GATEWAY, **{name: value})
    tunnel.expect(arriving(outer(inner())), "peer_invalid", peer=BEHIND_GATEWAY)


@pytest.mark.parametrize("at", range(19))
def test_decap_refuses_a_peer_with_a_reserved_byte(tunnel, at):
    tunnel.peer(BEHIND_GATEWAY, reserved=bytes(at) + b"\x01" + bytes(18 - at))
    tunnel.expect(arriving(outer(inner())), "peer_invalid", peer=BEHIND_GATEWAY)


def test_an_invalid_peer_does_not_fall_to_any(tunnel):
    tunnel.peer(ANY, rpf=OFF)
    tunnel.peer(BEHIND_GATEWAY, rpf=9)
    tunnel.expect(arriving(outer(inner())), "peer_invalid", peer=BEHIND_GATEWAY)
