# SPDX-License-Identifier: GPL-2.0-only
"""RFC 2003, IP encapsulation within IP: the outer header, and what may enter and leave a tunnel.

Errors from inside the tunnel (sections 4 and 5) are in test_rfc2003_errors.py.
"""

import ipaddress
import struct

import pytest
from scapy.compat import raw

from networks.program import counting
from networks.topology import A, B, Gateways
from networks.traffic import Pinger, pattern, send_raw
from networks.wire import (PROTO_ICMP, PROTO_IPIP, PROTO_UDP, Capture, IPv4, checksum, icmp_echo, ipv4_packet,
                           udp_datagram)
from programs.frames import arriving, inner, leaving, options, outer
from programs.tables import FIXED, LOOSE, NOPMTUDISC, OFF, PMTUDISC
from programs.underlay import BEHIND_GATEWAY, LOCAL

from .on_the_wire import from_a, ping_through, to_b
from .one_packet import discard, leave_to_the_stack, outgoing, unwrap, wrap

LAN_A, LAN_B = Gateways.LAN_A, Gateways.LAN_B
GATEWAY_A, GATEWAY_B = Gateways.GATEWAY_A, Gateways.GATEWAY_B
FROM_ELSEWHERE = {"ingress_ifindex": 1}


def test_2003_1_outer_header_is_version_4_with_its_own_lengths_and_checksum(encapsulator):
    """Version 4, five words, its own length and the inner packet's; the checksum covers the outer header alone."""
    for packet in (outgoing(), outgoing(b""), outgoing(bytes(1000)), outgoing(options=options(40)), outgoing(chksum=1)):
        sent = wrap(encapsulator, packet)
        assert (sent.version, sent.header_length, sent.total_length) == (4, 20, 20 + len(raw(packet)))
        summed = struct.pack("!BBHHHBBH4s4s", 0x45, 0, sent.total_length, sent.id, 0x4000, 64, PROTO_IPIP, 0,
                             ipaddress.IPv4Address(LOCAL).packed, ipaddress.IPv4Address(BEHIND_GATEWAY).packed)
        assert sent.check == checksum(summed)


def test_2003_2_outer_protocol_is_4(encapsulator):
    """IPv4 in IPv4 is protocol 4, whatever is inside."""
    for protocol in (1, 4, 6, 17, 47, 255):
        assert wrap(encapsulator, outgoing(proto=protocol)).protocol == 4


def test_2003_3_outer_tos_is_copied_from_the_inner_header(encapsulator):
    """TOS is copied, all eight bits of it."""
    for tos in range(256):
        assert wrap(encapsulator, outgoing(tos=tos)).tos == tos


def test_2003_4_outer_source_and_destination_are_the_tunnels_ends(encapsulator):
    """Source: who wraps. Destination: who is to unwrap. Not the inner ones."""
    sent = wrap(encapsulator, outgoing())
    assert (sent.src, sent.dst) == (LOCAL, BEHIND_GATEWAY)


@pytest.mark.parametrize("policy", [PMTUDISC, NOPMTUDISC], ids=["pmtudisc", "nopmtudisc"])
def test_2003_5_inner_df_sets_outer_df(encapsulator, policy):
    """What must not be fragmented must not be fragmented inside its tunnel, whatever the policy."""
    encapsulator.device(df=policy)
    assert wrap(encapsulator, outgoing(flags="DF")).df


def test_2003_6_outer_df_without_inner_df_is_a_policy(encapsulator):
    """For a packet that may be fragmented the user chooses: set with pmtudisc, the default, else clear."""
    assert wrap(encapsulator, outgoing()).df
    encapsulator.device(df=NOPMTUDISC)
    assert not wrap(encapsulator, outgoing()).df


def test_2003_7_inner_options_are_not_copied(encapsulator):
    """Options stay inside; the outer header has none of its own."""
    for length in range(4, 41, 4):
        packet = outgoing(options=options(length))
        sent = wrap(encapsulator, packet)
        assert sent.header_length == 20 and sent.payload == raw(packet)


def test_2003_8_inner_ttl_is_not_touched_at_the_entry(encapsulator):
    """A packet of this host keeps its TTL; of a forwarded one the kernel took its one before the entry saw it."""
    for context in ({}, FROM_ELSEWHERE):
        for ttl in (1, 64, 255):
            assert wrap(encapsulator, outgoing(ttl=ttl), **context).inner.ttl == ttl


def test_2003_8_inner_ttl_goes_down_by_one_if_and_only_if_forwarded(gateways):
    """On the wire behind the entry: one less for a forwarded packet, no less for the gateway's own."""
    with Capture(gateways.router, "to-a") as wire:
        ping_through(gateways, LAN_A, LAN_B, gateways.lan_a)
        ping_through(gateways, GATEWAY_A, GATEWAY_B)
    assert [packet.inner.ttl for packet in wire.packets if packet.src == A] == [63, 64]


def test_2003_9_forwarding_that_ends_the_ttl_is_answered_with_time_exceeded(gateways):
    """TTL 1 into the entry: nothing enters the tunnel, and the sender is told by the gateway."""
    with Capture(gateways.router, "to-a") as wire, Pinger(gateways.lan_a, LAN_A, LAN_B) as pinger:
        request = ipv4_packet(LAN_A, LAN_B, PROTO_ICMP, icmp_echo(1, 1), ttl=1)
        send_raw(gateways.lan_a, request)
        assert pinger.ping() is not None
    error, = pinger.errors
    assert (error.src, error.payload[:2]) == (GATEWAY_A, b"\x0b\x00")
    assert IPv4(error.payload[8:]).payload == IPv4(request).payload
    assert len([packet for packet in wire.packets if packet.src == A]) == 1


@pytest.mark.parametrize("ttl", [{}, {"ttl_mode": FIXED, "ttl": 64}], ids=["ttl inherit", "ttl 64"])
@pytest.mark.parametrize("context", [{}, FROM_ELSEWHERE], ids=["own", "forwarded"])
def test_2003_10_a_packet_of_ttl_0_is_not_wrapped(encapsulator, ttl, context):
    """TTL 0 must not enter, also where the outer header would have a TTL of its own."""
    encapsulator.device(**ttl)
    discard(encapsulator, leaving(outgoing(ttl=0)), "encap_ttl", **context)


def test_2003_11_unwrapping_does_not_change_the_inner_ttl(decapsulator):
    """The exit itself takes nothing off, whatever the outer TTL was."""
    for outer_ttl in (1, 64, 255):
        for ttl in (1, 2, 64, 255):
            assert IPv4(unwrap(decapsulator, outer(inner(ttl=ttl), ttl=outer_ttl))).ttl == ttl


def test_2003_12_an_inner_ttl_of_0_is_discarded(decapsulator):
    """A packet whose life was over before it entered does not come out."""
    discard(decapsulator, arriving(outer(inner(ttl=0), ttl=64)), "inner_bad")


def test_2003_13_the_exit_that_forwards_takes_one_off_the_inner_ttl(gateways):
    """Once, as a router does, and not once more for the unwrapping."""
    with Capture(gateways.lan_b, "eth0") as lan:
        for ttl in (2, 33, 255):
            to_b(gateways, from_a(ipv4_packet(LAN_A, LAN_B, PROTO_UDP, udp_datagram(7, 9), ttl=ttl)))
        ping_through(gateways, LAN_A, LAN_B, gateways.lan_a)
    arrived = [packet.ttl for packet in lan.packets if packet.protocol == PROTO_UDP and packet.dst == LAN_B]
    assert arrived == [1, 32, 254]


PACKETS = [inner(b"x", tos=0x48, ttl=3, options=options(8)), inner(flags="MF", frag=5), inner(flags="DF+evil"),
           inner(proto=255), inner(bytes(range(256)))]


@pytest.mark.parametrize("context", [{}, FROM_ELSEWHERE], ids=["own", "forwarded"])
def test_2003_14_the_inner_packet_enters_unchanged(encapsulator, context):
    """Not a byte of it differs behind the outer header."""
    for packet in PACKETS:
        packet = type(packet)(raw(packet))
        packet.dst, packet.chksum = "192.168.1.9", None
        assert wrap(encapsulator, packet, **context).payload == raw(packet)


def test_2003_14_the_inner_packet_comes_out_unchanged(decapsulator):
    """Not a byte of it differs from what was behind the outer header."""
    for packet in PACKETS:
        assert unwrap(decapsulator, outer(packet)) == raw(packet)


def test_2003_15_the_outer_ttl_is_a_setting(encapsulator):
    """A far exit gets a TTL that suffices: the device's or the peer's; unless set, the inner one."""
    assert wrap(encapsulator, outgoing(ttl=5)).ttl == 5
    encapsulator.device(ttl_mode=FIXED, ttl=64)
    assert wrap(encapsulator, outgoing(ttl=5)).ttl == 64
    encapsulator.peer(BEHIND_GATEWAY, ttl_mode=FIXED, ttl=255)
    assert wrap(encapsulator, outgoing(ttl=5)).ttl == 255


def test_2003_15_a_fixed_outer_ttl_reaches_an_exit_beyond_the_inner_one(gateways):
    """A router lies between the ends: a packet of TTL 1 comes through with a TTL of its own outside."""
    a, b = gateways.ends
    a.do("peer set", "remote", B, "ttl", "64")
    with counting(a, b) as count, Capture(gateways.router, "to-b") as wire:
        send_raw(gateways.lan_a, ipv4_packet(LAN_A, GATEWAY_B, PROTO_ICMP, icmp_echo(1, 1), ttl=2))
        ping_through(gateways, LAN_A, LAN_B, gateways.lan_a)
    a.do("peer set", "remote", B, "ttl", "inherit")
    assert count.verdicts(b) == {"decap_ok": 2, "encap_ok": 2}
    assert [(packet.ttl, packet.inner.ttl) for packet in wire.packets if packet.src == A] == [(63, 1), (63, 63)]


def test_2003_16_a_forwarded_packet_from_the_entrys_address_is_discarded(encapsulator):
    """It went round in a circle or is forged; the entry's own packets from there are no such ones."""
    discard(encapsulator, leaving(outgoing(src=LOCAL)), "encap_source", **FROM_ELSEWHERE)
    assert wrap(encapsulator, outgoing(src=LOCAL)).inner.src == LOCAL


def test_2003_16_a_forwarded_packet_from_any_address_of_the_gateway_is_discarded(gateways):
    """Every address of the entry, not the outer one alone; the kernel sees to the others."""
    with Capture(gateways.router, "to-a") as wire:
        for address in (A, GATEWAY_A, "127.0.0.1"):
            send_raw(gateways.lan_a, ipv4_packet(address, LAN_B, PROTO_UDP, udp_datagram(7, 9)))
        ping_through(gateways, LAN_A, LAN_B, gateways.lan_a)
    assert [packet.inner.src for packet in wire.packets if packet.src == A] == [LAN_A]


def test_2003_17_a_forwarded_packet_from_the_tunnels_exit_is_discarded(encapsulator):
    """Its source is where the tunnel would take it."""
    discard(encapsulator, leaving(outgoing(src=BEHIND_GATEWAY)), "encap_source", **FROM_ELSEWHERE)


def test_2003_17_a_forwarded_packet_from_the_tunnels_exit_does_not_leave(gateways):
    """As seen behind the gateway."""
    a, b = gateways.ends
    with counting(a, b) as count, Capture(gateways.router, "to-a") as wire:
        send_raw(gateways.lan_a, ipv4_packet(B, LAN_B, PROTO_UDP, udp_datagram(7, 9)))
        ping_through(gateways, LAN_A, LAN_B, gateways.lan_a)
    assert count.verdicts(a) == {"encap_source": 1, "encap_ok": 1, "decap_ok": 1}
    assert [packet.inner.src for packet in wire.packets if packet.src == A] == [LAN_A]


def test_2003_30_outer_df_is_set_unless_told_otherwise(encapsulator):
    """The default, for packets that may be fragmented too."""
    assert wrap(encapsulator, outgoing()).df and wrap(encapsulator, outgoing(flags="MF", frag=3)).df


@pytest.mark.parametrize("sender", ["gateway", "behind it"])
def test_2003_30_a_packet_that_may_be_fragmented_is_fragmented_before_it_is_wrapped(gateways, sender):
    """Too long and without DF: fragments inside, each with an outer header of its own that is no fragment."""
    namespace, source = {"gateway": (gateways.a, GATEWAY_A), "behind it": (gateways.lan_a, LAN_A)}[sender]
    datagram = udp_datagram(7, 9, pattern(1464))
    with Capture(gateways.router, "to-a") as wire, Capture(gateways.lan_b, "eth0") as lan:
        send_raw(namespace, ipv4_packet(source, LAN_B, PROTO_UDP, datagram))
        ping_through(gateways, LAN_A, LAN_B, gateways.lan_a)
    sent = [packet for packet in wire.packets if packet.src == A and packet.inner.protocol == PROTO_UDP]
    assert [(packet.inner.offset, packet.inner.mf) for packet in sent] == [(0, True), (1456, False)]
    assert all(packet.df and not packet.mf and not packet.offset and packet.total_length <= 1500 for packet in sent)
    pieces = [packet for packet in lan.packets if packet.protocol == PROTO_UDP and packet.dst == LAN_B]
    assert b"".join(piece.payload for piece in pieces) == datagram


@pytest.mark.parametrize("rpf", [LOOSE, OFF], ids=["loose", "off"])
def test_2003_31_packets_of_strangers_are_not_unwrapped(decapsulator, rpf):
    """Only a configured far end's packets are, and only those for the address that it knows."""
    decapsulator.device(rpf=rpf)
    for stranger in (outer(inner(), remote="192.0.2.99"), outer(inner(), local="172.16.16.40")):
        leave_to_the_stack(decapsulator, arriving(stranger), "not_peer")
    assert unwrap(decapsulator, outer(inner())) == raw(inner())
