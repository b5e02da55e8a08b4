# SPDX-License-Identifier: GPL-2.0-only
"""RFC 1191 and RFC 4459: path MTU discovery, and what becomes of packets that are too long for the tunnel."""

import pytest

from networks.program import End, counting
from networks.topology import A, B, INNER_A, INNER_B, Gateways
from networks.traffic import Pinger, ping, tcp_transfer, udp_segments
from networks.tunnels import carrying
from networks.wire import PROTO_ICMP, Capture, icmp_echo, ipv4_packet
from programs.frames import leaving
from programs.tables import NOPMTUDISC
from programs.underlay import BEHIND_GATEWAY, DEV, MTU, NARROW, NARROW_MTU

from .fragments import fragments_of
from .on_the_wire import from_b, ping_through, sent_to, to_a
from .one_packet import discard, outgoing, outgoing_tcp, wrap

OUTER, UDP_HEADERS, TCP_HEADERS = 20, 28, 40
LAN_A, LAN_B = Gateways.LAN_A, Gateways.LAN_B


def test_4459_1_the_entry_makes_no_outer_fragments_and_says_so(encapsulator):
    """A packet without DF that is too long for the path is refused under a reason of its own."""
    encapsulator.device(df=NOPMTUDISC)
    longest = MTU[DEV] - OUTER - UDP_HEADERS
    assert wrap(encapsulator, outgoing(bytes(longest))).total_length == MTU[DEV]
    discard(encapsulator, leaving(outgoing(bytes(longest + 1))), "encap_too_big")


def test_4459_1_the_exit_refuses_outer_fragments_and_says_so(hosts):
    """Each is counted under a reason of its own; A keeps none to wait for the rest, and sends no error about them."""
    a, _ = hosts.ends
    echo = ipv4_packet(INNER_B, INNER_A, PROTO_ICMP, icmp_echo(41, 1, bytes(1000)))
    pieces = fragments_of(from_b(echo), 504)
    with Capture(hosts.router, "to-a") as wire, counting(a) as count:
        for piece in pieces:
            to_a(hosts, piece)
        ping_through(hosts)
    assert len(pieces) == 3 and count.verdicts(a) == {"outer_fragment": 3, "encap_ok": 1, "decap_ok": 1}
    assert [packet.inner.payload[0] for packet in sent_to(wire)] == [8]


def test_4459_3_a_network_with_room_for_the_outer_header_carries_full_packets():
    """1500 bytes with DF from network to network, where what lies between has 1520: nothing is cut or refused."""
    with Gateways() as network:
        for namespace, device in ((network.a, "eth0"), (network.b, "eth0"), (network.router, "to-a"),
                                  (network.router, "to-b")):
            namespace.ip(f"link set dev {device} mtu 1520")
        a, b = network.ends = End(network.a), End(network.b)
        for end, remote, prefix in ((a, B, "192.168.2.0/24"), (b, A, "192.168.1.0/24")):
            end.attach("routes", "on")
            end.peer(remote, "prefix", prefix)
        with Pinger(network.lan_a, LAN_A, LAN_B) as pinger, Capture(network.router, "to-a") as wire:
            assert pinger.ping(1472) is not None
        assert pinger.errors == [] and [packet.total_length for packet in wire.packets] == [1520, 1520]


def test_4459_4_a_packet_without_df_is_fragmented_inside(gateways):
    """Each fragment has an outer packet of its own, which is whole; the far end's host puts them together."""
    with Capture(gateways.router, "to-a") as wire, carrying(gateways, *gateways.ends):
        assert ping(gateways.lan_a, LAN_A, LAN_B, (1453, 1472), df=False) == []
    sent = [packet.inner for packet in wire.packets if packet.src == A]
    assert [(packet.offset, packet.mf) for packet in sent] == [(0, True), (1456, False)] * 2


@pytest.mark.parametrize("remote, mtu", [(BEHIND_GATEWAY, MTU[DEV]), (NARROW, NARROW_MTU)])
def test_4459_5_a_gso_packet_is_judged_by_its_segments(encapsulator, remote, mtu):
    """Its length says nothing: with segments that just fit it goes on to be wrapped, with a byte more it is too big.

    In a test run a GSO packet is of no kind that the kernel lets a program wrap: `encap_error` is as far as it gets.
    """
    encapsulator.peer(remote, "192.168.1.0/24")
    fits = mtu - OUTER - TCP_HEADERS
    for segments in (1, 2):
        for gso_size, verdict in ((fits, "encap_error"), (fits + 1, "encap_too_big")):
            frame = leaving(outgoing_tcp(bytes(gso_size * segments)))
            outcome = encapsulator.observe(frame, gso_size=gso_size)
            assert outcome.verdicts == {verdict: segments}


def test_4459_5_gso_packets_pass_whose_segments_fit(hosts):
    """Live: TCP and UDP in packets many times longer than the MTU, with nothing longer than it on the wire."""
    with carrying(hosts, *hosts.ends) as count:
        tcp_transfer(hosts.a, INNER_A, hosts.b, INNER_B, 1 << 20)
        udp_segments(hosts.a, INNER_A, hosts.b, INNER_B, 1452, 40)
    assert count.totals(hosts.ends[0])["tx_bytes"] > 1 << 20
