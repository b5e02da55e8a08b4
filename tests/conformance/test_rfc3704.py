# SPDX-License-Identifier: GPL-2.0-only
"""RFC 3704 and RFC 8704, ingress filtering. The interface that a packet came from is its peer."""

import pytest
from scapy.compat import raw

from networks.program import counting
from networks.topology import B, INNER_A, INNER_B
from networks.wire import PROTO_ICMP, PROTO_IPIP, Capture, icmp_echo, ipv4_packet
from programs.frames import arriving, inner, outer
from programs.tables import LOOSE, MONITOR, NO_MONITOR, OFF, STRICT
from programs.underlay import BEHIND_GATEWAY, ON_LINK, ROUTE_BACK

from .on_the_wire import from_b, ping_through, sent_to, to_a
from .one_packet import discard, unwrap

OF_ANOTHER_PEER = "192.168.2.9"


def coming_from(source, **fields):
    return outer(inner(src=source), **fields)


def test_3704_1_strict_takes_what_the_route_back_leads_to_this_peer_for(decapsulator):
    """The longest prefix that holds the inner source is this peer's, and the route back leads into the tunnel."""
    decapsulator.peer(ON_LINK, "192.168.2.0/24", "192.168.1.128/25")
    assert unwrap(decapsulator, coming_from("192.168.1.9")) == raw(inner(src="192.168.1.9"))
    assert unwrap(decapsulator, coming_from("192.168.1.200", remote=ON_LINK)) == raw(inner(src="192.168.1.200"))
    for source, remote in ((OF_ANOTHER_PEER, BEHIND_GATEWAY), ("192.168.1.200", BEHIND_GATEWAY),
                           ("192.168.1.9", ON_LINK), (ROUTE_BACK["elsewhere"], BEHIND_GATEWAY)):
        discard(decapsulator, arriving(coming_from(source, remote=remote)), "rpf_prefix")


def test_3704_1_strict_refuses_what_the_route_back_leads_past_the_tunnel_for(decapsulator):
    """A prefix alone does not do: the kernel's best route leaves by another device, or there is none."""
    decapsulator.peer(BEHIND_GATEWAY, "192.168.0.0/16")
    discard(decapsulator, arriving(coming_from(ROUTE_BACK["elsewhere"])), "rpf_route")
    discard(decapsulator, arriving(coming_from(ROUTE_BACK["none"])), "no_route")


def echo(source, number):
    return ipv4_packet(source, INNER_A, PROTO_ICMP, icmp_echo(number, 1))


def answered(network, packets):
    """The destinations of A's answers to packets that came through the tunnel from B."""
    with Capture(network.router, "to-a") as wire:
        for packet in packets:
            to_a(network, packet)
        ping_through(network)
    inside = [packet.inner if packet.protocol == PROTO_IPIP else packet for packet in sent_to(wire)]
    return [packet.dst for packet in inside if packet.protocol == PROTO_ICMP and packet.payload[0] == 0]


def test_3704_1_strict_on_the_wire(hosts):
    """A answers B's own source; what B sends in another's name gets none."""
    a, _ = hosts.ends
    a.peer("172.16.1.63", "prefix", "10.5.0.0/16")
    with counting(a) as count:
        packets = [from_b(echo(source, 5)) for source in (INNER_B, "10.5.0.1", "192.168.1.7")]
        assert answered(hosts, packets) == [INNER_B]
    a.do("peer del", "remote", "172.16.1.63")
    assert count.verdicts(a) == {"decap_ok": 2, "rpf_prefix": 2, "encap_ok": 2}


def test_3704_2_loose_takes_what_any_route_leads_back_to(decapsulator):
    """Whose prefix it is does not matter, nor where the route leads; without any it is refused."""
    decapsulator.device(rpf=LOOSE)
    decapsulator.peer(ON_LINK, "192.168.2.0/24")
    for source in (OF_ANOTHER_PEER, ROUTE_BACK["unicast"], ROUTE_BACK["elsewhere"]):
        assert unwrap(decapsulator, coming_from(source)) == raw(inner(src=source))
    discard(decapsulator, arriving(coming_from(ROUTE_BACK["none"])), "no_route")


def test_3704_2_loose_on_the_wire(hosts):
    """A answers a source that is in no prefix as long as it has a route to it."""
    a, _ = hosts.ends
    a.do("peer set", "remote", B, "rpf", "loose")
    hosts.a.ip("route add 10.6.0.0/16 via 172.16.16.1")
    with counting(a) as count:
        assert answered(hosts, [from_b(echo(source, 6)) for source in ("10.6.0.1", "10.7.0.1")]) == ["10.6.0.1"]
    hosts.a.ip("route del 10.6.0.0/16")
    a.do("peer set", "remote", B, "rpf", "strict")
    assert count.verdicts(a) == {"decap_ok": 2, "no_route": 1, "encap_ok": 1}


@pytest.mark.parametrize("kind", ["blackhole", "unreachable", "prohibit", "local", "broadcast"])
@pytest.mark.parametrize("rpf", [STRICT, LOOSE], ids=["strict", "loose"])
def test_3704_3_a_route_that_leads_nowhere_does_not_count(decapsulator, rpf, kind):
    """A source whose best route rejects, or is this host's own address or a broadcast, has no way back."""
    decapsulator.device(rpf=rpf)
    decapsulator.peer(BEHIND_GATEWAY, "0.0.0.0/0")
    discard(decapsulator, arriving(coming_from(ROUTE_BACK[kind])), "no_route")


@pytest.mark.parametrize("rpf", [STRICT, LOOSE, OFF], ids=["strict", "loose", "off"])
@pytest.mark.parametrize("monitor", [{}, {"monitor": MONITOR}], ids=["", "monitor"])
def test_3704_5_the_unspecified_source_never_comes_through_a_tunnel(decapsulator, rpf, monitor):
    """0.0.0.0 is rightful on a link alone, for a host that asks for an address."""
    decapsulator.device(rpf=rpf, **monitor)
    decapsulator.peer(BEHIND_GATEWAY, "0.0.0.0/0")
    discard(decapsulator, arriving(coming_from("0.0.0.0")), "martian_source")


@pytest.mark.parametrize("source, rpf, verdict", [
    (OF_ANOTHER_PEER, STRICT, "rpf_prefix_mon"), (ROUTE_BACK["elsewhere"], STRICT, "rpf_route_mon"),
    (ROUTE_BACK["none"], LOOSE, "no_route_mon")])
def test_8704_4_monitor_counts_what_would_be_dropped_and_lets_it_through(decapsulator, source, rpf, verdict):
    """A counter of its own for each reason, and the peer's counters as for any packet."""
    decapsulator.peer(BEHIND_GATEWAY, "192.168.3.0/24")
    decapsulator.peer(ON_LINK, "192.168.2.0/24")
    decapsulator.device(rpf=rpf, monitor=MONITOR)
    assert unwrap(decapsulator, coming_from(source), verdict) == raw(inner(src=source))
    decapsulator.device(monitor=NO_MONITOR)
    discard(decapsulator, arriving(coming_from(source)), verdict.removesuffix("_mon"))
