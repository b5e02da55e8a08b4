# SPDX-License-Identifier: GPL-2.0-only
"""RFC 1812 and RFC 1122: what is discarded in silence, martian addresses, forwarding."""

import struct

import pytest
from scapy.compat import raw

from networks.program import counting
from networks.topology import A, B, INNER_A, INNER_B, Gateways
from networks.traffic import Pinger
from networks.wire import PROTO_ICMP, PROTO_IPIP, PROTO_UDP, Capture, checksum, icmp_echo, ipv4_packet, udp_datagram
from programs.frames import arriving, inner, outer
from programs.tables import OFF
from programs.underlay import BEHIND_GATEWAY

from .on_the_wire import from_a, from_b, ping_through, sent_to, to_a, to_b
from .one_packet import discard, unwrap

LAN_A, LAN_B = Gateways.LAN_A, Gateways.LAN_B
GATEWAY_B = Gateways.GATEWAY_B
ECHO = ipv4_packet(INNER_B, INNER_A, PROTO_ICMP, icmp_echo(81, 1))


def rewritten(packet, at, value):
    """A packet with bytes of its header replaced, and the checksum right for them."""
    packet = packet[:at] + value + packet[at + len(value):]
    return packet[:10] + struct.pack("!H", checksum(packet[:10] + packet[12:20])) + packet[12:]


BAD_HEADERS = {
    "shorter than a header": lambda packet: packet[:19],
    "wrong checksum": lambda packet: packet[:10] + b"\0\0" + packet[12:],
    "version 0": lambda packet: rewritten(packet, 0, b"\x05"),
    "version 5": lambda packet: rewritten(packet, 0, b"\x55"),
    "version 6": lambda packet: rewritten(packet, 0, b"\x65"),
    "IHL 4": lambda packet: rewritten(packet, 0, b"\x44"),
    "IHL 0": lambda packet: rewritten(packet, 0, b"\x40"),
    "total length below the header's": lambda packet: rewritten(packet, 2, b"\x00\x13"),
    "total length beyond the packet": lambda packet: rewritten(packet, 2, b"\x00\xff"),
}


@pytest.mark.parametrize("bad", BAD_HEADERS.values(), ids=BAD_HEADERS)
def test_1812_1_a_bad_inner_header_is_discarded(decapsulator, bad):
    """As a router discards it, before anything else of it is believed."""
    decapsulator.device(rpf=OFF)
    discard(decapsulator, arriving(outer(bad(raw(inner())))), "inner_bad")


@pytest.mark.parametrize("where", ["outer", "inner"])
def test_1812_1_bad_headers_are_discarded_silently(hosts, where):
    """On the wire: A answers none of them, neither the sender inside nor the far end."""
    with Capture(hosts.router, "to-a") as wire:
        for bad in BAD_HEADERS.values():
            to_a(hosts, bad(from_b(ECHO)) if where == "outer" else from_b(bad(ECHO)))
        ping_through(hosts)
    assert [packet.inner.payload[0] for packet in sent_to(wire)] == [8]


MARTIANS = ("0.0.0.0", "0.1.2.3", "127.0.0.1", "127.255.255.255", "224.0.0.1", "239.255.255.255", "240.0.0.1",
            "255.255.255.254", "255.255.255.255")


@pytest.mark.parametrize("source", MARTIANS)
def test_1812_2_no_packet_from_a_martian_source_comes_out(decapsulator, source):
    """This network, loopback, multicast, reserved, limited broadcast: refused even where no source is checked."""
    decapsulator.device(rpf=OFF)
    discard(decapsulator, arriving(outer(inner(src=source))), "martian_source")


@pytest.mark.parametrize("source", ["1.0.0.0", "126.255.255.255", "128.0.0.0", "223.255.255.255"])
def test_1812_2_their_neighbours_do_come_out(decapsulator, source):
    """The last address before each such block, and the first behind it."""
    decapsulator.device(rpf=OFF)
    assert unwrap(decapsulator, outer(inner(src=source))) == raw(inner(src=source))


@pytest.mark.parametrize("target", ["0.0.0.0", "0.1.2.3", "127.0.0.1", "127.1.2.3", "240.0.0.1", "255.255.255.254",
                                    "255.255.255.255"])
def test_1812_3_a_packet_to_a_martian_destination_is_not_forwarded(gateways, target):
    """Out of the tunnel, with a default route that would take it on."""
    gateways.b.ip(f"route add default via {LAN_B}")
    with Capture(gateways.lan_b, "eth0") as lan, Capture(gateways.router, "to-b") as wire:
        to_b(gateways, from_a(ipv4_packet(LAN_A, target, PROTO_UDP, udp_datagram(7, 9))))
        ping_through(gateways, LAN_A, LAN_B, gateways.lan_a)
    gateways.b.ip("route del default")
    assert {packet.dst for packet in lan.packets} == {LAN_A, LAN_B}
    assert len(sent_to(wire)) == 1


def test_1812_4_a_martian_is_counted_for_the_peer_that_sent_it(decapsulator):
    """Under its own reason, and among that peer's drops."""
    outcome = discard(decapsulator, arriving(outer(inner(src="127.0.0.1"))), "martian_source")
    assert {remote: moved.drops for remote, moved in outcome.counters.items()} == {BEHIND_GATEWAY: 1}


def test_1812_5_sources_are_validated_unless_told_otherwise_and_in_silence(hosts):
    """`strict` is what a new attachment has; what it refuses draws no answer."""
    a, _ = hosts.ends
    assert (a.show()["rpf"], a.show()["peers"][0]["effective"]["rpf"]) == ("strict", "strict")
    with Capture(hosts.router, "to-a") as wire, counting(a) as count:
        to_a(hosts, from_b(ipv4_packet("192.168.1.7", INNER_A, PROTO_ICMP, icmp_echo(82, 1))))
        ping_through(hosts)
    assert count.verdicts(a) == {"rpf_prefix": 1, "encap_ok": 1, "decap_ok": 1}
    assert [packet.inner.payload[0] for packet in sent_to(wire)] == [8]


def test_1812_5_source_validation_can_be_switched_off(decapsulator):
    """A setting of the device, and of each peer."""
    stranger = inner(src="192.0.2.7")
    discard(decapsulator, arriving(outer(stranger)), "rpf_prefix")
    decapsulator.peer(BEHIND_GATEWAY, rpf=OFF)
    assert unwrap(decapsulator, outer(stranger)) == raw(stranger)
    decapsulator.peer(BEHIND_GATEWAY)
    decapsulator.device(rpf=OFF)
    assert unwrap(decapsulator, outer(stranger)) == raw(stranger)


def test_1812_6_forwarding_out_of_the_tunnel_ends_a_ttl_of_1_with_time_exceeded(gateways):
    """The exit forwards as a router: TTL 1 goes no further, and the sender gets the error through the tunnel."""
    with Capture(gateways.lan_b, "eth0") as lan, Pinger(gateways.lan_a, LAN_A, LAN_B) as pinger:
        to_b(gateways, from_a(ipv4_packet(LAN_A, LAN_B, PROTO_UDP, udp_datagram(7, 9), ttl=1)))
        assert pinger.ping() is not None
    error, = pinger.errors
    assert (error.src, error.payload[:2]) == (GATEWAY_B, b"\x0b\x00")
    assert not [packet for packet in lan.packets if packet.protocol == PROTO_UDP]


def test_1812_6_a_multicast_packet_whose_ttl_ends_draws_no_error(gateways):
    """Nothing comes back from the exit for one to a group."""
    with Capture(gateways.router, "to-b") as wire:
        to_b(gateways, from_a(ipv4_packet(LAN_A, "239.1.1.1", PROTO_UDP, udp_datagram(7, 9), ttl=1)))
        ping_through(gateways, LAN_A, LAN_B, gateways.lan_a)
    assert [packet.inner.payload[0] for packet in sent_to(wire)] == [0]


@pytest.mark.parametrize("source", ["127.0.0.1", "127.1.2.3"])
def test_1122_1_loopback_sources_do_not_come_in(hosts, source):
    """Inside or outside: a packet from 127/8 is discarded, and answered by nobody."""
    a, _ = hosts.ends
    a.do("peer set", "remote", B, "rpf", "off")
    with Capture(hosts.router, "to-a") as wire, counting(a) as count:
        to_a(hosts, from_b(ipv4_packet(source, INNER_A, PROTO_ICMP, icmp_echo(83, 1))))
        to_a(hosts, ipv4_packet(source, A, PROTO_ICMP, icmp_echo(83, 1)))
        to_a(hosts, ipv4_packet(source, A, PROTO_IPIP, ECHO))
        ping_through(hosts)
    a.do("peer set", "remote", B, "rpf", "strict")
    assert count.verdicts(a) == {"martian_source": 1, "not_peer": 1, "encap_ok": 1, "decap_ok": 1}
    assert [packet.inner.payload[0] for packet in sent_to(wire)] == [8]
