# SPDX-License-Identifier: GPL-2.0-only
"""Private networks behind A and B, which forward between them."""
import contextlib
import re
import struct

import pytest

from .program import End, check_carried, counting
from .topology import A, B, Gateways
from .traffic import TCP_BYTES, Pinger, ping, send_raw, tcp_transfer, udp_echo
from .tunnels import carrying
from .wire import Capture, PROTO_ICMP, PROTO_UDP, icmp_echo, ipv4_packet, udp_datagram

NET_A, NET_B = "192.168.1.0/24", "192.168.2.0/24"
LAN_A, LAN_B = Gateways.LAN_A, Gateways.LAN_B
GATEWAY_A, GATEWAY_B = Gateways.GATEWAY_A, Gateways.GATEWAY_B
MASQUERADE = """
table ip nat {
	chain postrouting {
		type nat hook postrouting priority srcnat;
		%s
		oifname "eth0" masquerade
	}
}
"""


def join(network, *words, source=True):
    a, b = End(network.a), End(network.b)
    for end, gateway, remote, prefix in ((a, GATEWAY_A, B, NET_B), (b, GATEWAY_B, A, NET_A)):
        end.attach(*(("src", gateway) if source else ()), *words)
        end.peer(remote, "prefix", prefix)
    return a, b


@pytest.fixture(scope="module")
def gateways(mode):
    """Joined gateways, once for each mode: a test leaves them as they were."""
    with Gateways() as network:
        network.ends = join(network, "mode", mode)
        yield network


def too_big(namespace, source, target):
    """(type, code, MTU) of what a host is told that sends a packet of 1481 bytes into a tunnel with room for 1480."""
    with Pinger(namespace, source, target) as pinger:
        assert pinger.ping(1453, timeout=0.2) is None
        return [struct.unpack("!BB4xH", error.payload[:8]) for error in pinger.errors]


def test_private_networks_reach_each_other(gateways):
    a, b = gateways.ends
    ways = ((gateways.lan_a, LAN_A, gateways.lan_b, LAN_B), (gateways.lan_b, LAN_B, gateways.lan_a, LAN_A))
    for client, here, server, there in ways:
        with carrying(gateways, a, b):
            assert ping(client, here, there, (0, 56, 1452)) == []
            # The gateway tells the sender which MTU is left; 20,000 bytes are fragments, none of which is larger.
            assert too_big(client, here, there) == [(3, 4, 1480)]
            assert ping(client, here, there, (1453, 20000)) == []
            udp_echo(client, here, server, there, (0, 100, 1452, 9000))
    # Both know that MTU by now. Linux 6.12.117 does not offer it in its SYN, so that TCP one way would tell both ends.
    for way in ways:
        with carrying(gateways, a, b):
            tcp_transfer(*way, TCP_BYTES)
    with carrying(gateways, a, b):
        assert ping(gateways.a, GATEWAY_A, LAN_B) == [] and ping(gateways.b, GATEWAY_B, GATEWAY_A) == []


def test_ttl_goes_down_by_one_at_each_gateway_and_not_in_between(gateways):
    a, b = gateways.ends
    with Capture(gateways.router, "to-a") as wire, Capture(gateways.lan_b, "eth0") as lan, carrying(gateways, a, b):
        with Pinger(gateways.lan_a, LAN_A, LAN_B) as pinger:
            answer = pinger.ping()
    assert answer.ttl == 62
    there = next(packet for packet in wire.packets if packet.src == A)
    back = next(packet for packet in wire.packets if packet.src == B)
    # Seen after the router took one off on the way back, and before on the way there.
    assert (there.ttl, there.inner.ttl) == (63, 63)
    assert (back.ttl, back.inner.ttl) == (62, 63)
    assert next(packet for packet in lan.packets if packet.dst == LAN_B).ttl == 62


def test_a_packet_of_the_gateway_itself_keeps_its_ttl(gateways):
    a, b = gateways.ends
    with Capture(gateways.router, "to-a") as wire, carrying(gateways, a, b):
        assert ping(gateways.a, GATEWAY_A, GATEWAY_B) == []
    there = next(packet for packet in wire.packets if packet.src == A)
    assert (there.ttl, there.inner.ttl) == (64, 64)


@pytest.mark.parametrize("source", (True, False), ids=("from its private address", "from its outer address"))
def test_traceroute_shows_both_gateways(source):
    with Gateways() as network:
        # With `ttl inherit` a probe that is to die at B dies at the router between, as with any tunnel.
        a, b = join(network, "ttl", "64", source=source)
        with counting(a, b) as count:
            shown = network.lan_a.run("traceroute", "-n", "-q", "1", "-N", "1", "-w", "1", LAN_B)
        hops = re.findall(r"^ *\d+ +(\S+)", shown, re.M)
        assert hops == [GATEWAY_A, GATEWAY_B if source else B, LAN_B], shown
        check_carried(count, a, b)


def test_a_packet_whose_ttl_ends_at_the_gateway_is_answered_and_not_wrapped(gateways):
    a, b = gateways.ends
    with counting(a, b) as count, Pinger(gateways.lan_a, LAN_A, LAN_B) as pinger:
        send_raw(gateways.lan_a, ipv4_packet(LAN_A, LAN_B, PROTO_ICMP, icmp_echo(1, 1), ttl=1))
        assert pinger.ping() is not None
    assert [(error.src, error.payload[0]) for error in pinger.errors] == [(GATEWAY_A, 11)]
    assert count.verdicts(a) == {"encap_ok": 1, "decap_ok": 1} == count.verdicts(b)


@pytest.mark.parametrize("claimed", (A, B), ids=("its own", "the peer's"))
def test_a_forwarded_packet_that_claims_an_outer_address_is_dropped(gateways, claimed):
    a, b = gateways.ends
    with counting(a, b) as count:
        send_raw(gateways.lan_a, ipv4_packet(claimed, LAN_B, PROTO_UDP, udp_datagram(1, 9)))
    # The kernel itself drops its own addresses as martians, before they reach DEV.
    assert count.verdicts(a) == ({} if claimed == A else {"encap_source": 1})
    assert count.verdicts(b) == {}


@contextlib.contextmanager
def masquerade(network, exception=""):
    """A hides what it forwards out of eth0 behind its own address, as for the Internet."""
    network.a.run("nft", "-f", "-", input=MASQUERADE % exception)
    yield
    network.a.run("nft", "flush", "ruleset")


def test_masquerade_on_the_underlay_device_breaks_the_tunnel(gateways):
    a, b = gateways.ends
    with masquerade(gateways), counting(a, b) as count:
        assert ping(gateways.lan_a, LAN_A, LAN_B, timeout=0.3) == [56]
    # Netfilter gave the forwarded packet A's outer address, with which nothing may enter the tunnel.
    assert count.verdicts(a) == {"encap_source": 1} and count.verdicts(b) == {}


def test_masquerade_with_an_exception_for_the_prefixes_lets_the_tunnel_work(gateways):
    a, b = gateways.ends
    with masquerade(gateways, f"ip daddr {NET_B} return"):
        with carrying(gateways, a, b):
            assert ping(gateways.lan_a, LAN_A, LAN_B) == []
            tcp_transfer(gateways.lan_a, LAN_A, gateways.lan_b, LAN_B, TCP_BYTES)
        with Capture(gateways.router, "to-b") as capture:
            assert ping(gateways.lan_a, LAN_A, B) == []
    assert {packet.src for packet in capture.packets} == {A, B}
