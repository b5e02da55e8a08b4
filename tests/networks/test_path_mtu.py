# SPDX-License-Identifier: GPL-2.0-only
"""A link beyond the router is narrower than the underlay device: what a sender inside is told, and what then passes."""
import struct

import pytest

from programs.bpf import FIB_TELLS_SOURCE

from .program import End, counting
from .topology import A, B, INNER_A, INNER_B, Gateways, TwoHosts
from .traffic import TCP_BYTES, Pinger, ping, tcp_transfer, udp_segments
from .wire import PROTO_ICMP, Capture, IPv4, checksum

NARROW = 1400
INSIDE = NARROW - 20
FRAGMENTATION_NEEDED = (3, 4)
OFFLOADS = ("on", "off")


def make_narrow(network):
    """The link between the router and B: what A cannot know."""
    network.router.ip(f"link set dev to-b mtu {NARROW}")
    network.b.ip(f"link set dev eth0 mtu {NARROW}")


def set_offloads(namespace, device, setting):
    """Leaves checksums and segments to the device, or has the stack make them."""
    namespace.run("ethtool", "-K", device, "tx", setting, "tso", setting, "gso", setting)


@pytest.fixture(params=OFFLOADS)
def offloads(request):
    return request.param


@pytest.fixture
def hosts(mode):
    with TwoHosts() as network:
        make_narrow(network)
        a, b = End(network.a), End(network.b)
        a.attach("mode", mode, "src", INNER_A)
        b.attach("mode", mode, "src", INNER_B)
        a.peer(B, "prefix", INNER_B)
        b.peer(A, "prefix", INNER_A)
        network.ends = a, b
        yield network


@pytest.fixture
def gateways(mode):
    with Gateways() as network:
        make_narrow(network)
        a, b = End(network.a), End(network.b)
        a.attach("mode", mode, "src", Gateways.GATEWAY_A)
        b.attach("mode", mode, "src", Gateways.GATEWAY_B)
        a.peer(B, "prefix", "192.168.2.0/24")
        b.peer(A, "prefix", "192.168.1.0/24")
        network.ends = a, b
        yield network


def errors_in(packets):
    """(type, code, MTU, quoted packet) of the ICMP errors among packets, whose checksums and lengths are right."""
    found = []
    for packet in packets:
        if packet.protocol == PROTO_ICMP and packet.payload[0] == FRAGMENTATION_NEEDED[0]:
            assert checksum(packet.header) == 0 and checksum(packet.payload) == 0, packet
            assert packet.total_length <= 576 and not packet.behind
            kind, code, mtu = struct.unpack_from("!BB4xH", packet.payload)
            found.append((kind, code, mtu, IPv4(packet.payload[8:])))
    return found


def check_told(errors, source, target):
    """At least one error, and each of them tells the sender the MTU that is left inside, about a packet of its own."""
    assert errors
    for kind, code, mtu, quoted in errors:
        assert (kind, code, mtu) == (*FRAGMENTATION_NEEDED, INSIDE)
        assert (quoted.src, quoted.dst) == (source, target)


def fits(frames):
    return all(frame.largest_packet <= NARROW for frame in frames)


def path_mtu(end):
    return end.show()["peers"][0]["path_mtu"]


def test_a_sender_on_the_gateway_learns_it(hosts):
    a, b = hosts.ends
    assert path_mtu(a) is None
    with counting(a, b) as count, Pinger(hosts.a, INNER_A, INNER_B) as pinger:
        assert pinger.ping(INSIDE - 27, timeout=0.3) is None
        assert pinger.ping(INSIDE - 28) is not None
    assert [struct.unpack_from("!BB4xH", error.payload) for error in pinger.errors] == [(*FRAGMENTATION_NEEDED, INSIDE)]
    assert path_mtu(a) == NARROW
    assert count.verdicts(a) == {"encap_ok": 2, "error_relayed": 1, "decap_ok": 1}
    # The kernel makes fragments that fit from now on.
    assert ping(hosts.a, INNER_A, INNER_B, (INSIDE - 27, 20000)) == []


def test_a_sender_behind_the_gateway_learns_it_from_the_gateway(gateways):
    a, _ = gateways.ends
    source, target = Gateways.LAN_A, Gateways.LAN_B
    with Capture(gateways.lan_a, "eth0") as lan:
        with counting(*gateways.ends) as count, Pinger(gateways.lan_a, source, target) as pinger:
            assert pinger.ping(INSIDE - 27, timeout=0.3) is None
            assert pinger.ping(INSIDE - 28) is not None
    assert count.verdicts(a) == {"encap_ok": 2, "error_relayed": 1, "decap_ok": 1}
    check_told(errors_in(lan.packets), source, target)
    assert {error.src for error in pinger.errors} == {Gateways.GATEWAY_A if FIB_TELLS_SOURCE else A}
    assert ping(gateways.lan_a, source, target, (INSIDE - 27, 20000)) == []


def test_the_next_sender_is_told_by_the_gateway_alone(gateways):
    a, _ = gateways.ends
    with Pinger(gateways.lan_a, Gateways.LAN_A, Gateways.LAN_B) as pinger:
        assert pinger.ping(INSIDE - 27, timeout=0.3) is None
    gateways.lan_a.ip("addr add 192.168.1.11/24 dev eth0", "route flush cache")
    with Capture(gateways.router, "to-a") as wire, counting(a) as count:
        with Pinger(gateways.lan_a, "192.168.1.11", Gateways.GATEWAY_B) as pinger:
            assert pinger.ping(INSIDE - 27, timeout=0.3) is None
    check_told(errors_in(pinger.errors), "192.168.1.11", Gateways.GATEWAY_B)
    assert count.verdicts(a) == {"encap_too_big": 1}
    assert wire.packets == []


def test_tcp_from_the_gateway_passes(hosts, offloads):
    for namespace in (hosts.a, hosts.b):
        set_offloads(namespace, "eth0", offloads)
    with Capture(hosts.router, "to-b") as narrow:
        tcp_transfer(hosts.a, INNER_A, hosts.b, INNER_B, TCP_BYTES)
    assert narrow.frames and fits(narrow.frames)


def test_tcp_from_behind_the_gateway_passes(gateways, offloads):
    """The quoted packet has a checksum that was left to a device, and its error leaves by a device that makes them."""
    for namespace, device in ((gateways.lan_a, "eth0"), (gateways.a, "lan0"), (gateways.a, "eth0")):
        set_offloads(namespace, device, offloads)
    # What the gateway's own stack says of its route's MTU is known to the host from the start.
    gateways.lan_a.ip(f"route change default via {Gateways.GATEWAY_A} mtu 1480")
    source, target = Gateways.LAN_A, Gateways.LAN_B
    with Capture(gateways.lan_a, "eth0") as lan, Capture(gateways.router, "to-b") as narrow:
        tcp_transfer(gateways.lan_a, source, gateways.lan_b, target, TCP_BYTES)
        # Known now, so that the gateway answers a GSO packet by itself.
        gateways.lan_a.ip("addr add 192.168.1.11/24 dev eth0", "route flush cache")
        told = len(errors_in(lan.packets))
        tcp_transfer(gateways.lan_a, "192.168.1.11", gateways.lan_b, target, TCP_BYTES)
    errors = errors_in(lan.packets)
    check_told(errors[:told], source, target)
    check_told(errors[told:], "192.168.1.11", target)
    assert narrow.frames and fits(narrow.frames)


def test_udp_segments_that_fit_pass_though_the_packet_is_longer(gateways):
    with counting(*gateways.ends) as count:
        udp_segments(gateways.lan_a, Gateways.LAN_A, gateways.lan_b, Gateways.LAN_B, INSIDE - 28, 20)
    assert count.verdicts(gateways.ends[0]) == {"encap_ok": 20}
