# SPDX-License-Identifier: GPL-2.0-only
"""B and C reach each other through A, which is peer of both: what leaves one tunnel there enters another."""
import struct

import pytest

from .program import MODES, End, counting
from .straight import goes_straight
from .topology import A, B, TwoHosts, cable
from .traffic import Pinger, ping, tcp_transfer, udp_segments
from .wire import PROTO_ICMP, PROTO_IPIP, PROTO_UDP, checksum, ethernet, ipv4_packet, send_frame, udp_datagram

C = "172.16.32.9"
INSIDE = {"a": "10.1.0.1", "b": "10.2.0.1", "c": "10.3.0.1"}
NETS = {"a": "10.1.0.0/16", "b": "10.2.0.0/16", "c": "10.3.0.0/16"}
ROUTER = "172.16.16.1"


@pytest.fixture(params=["src", "no src"])
def hub(request):
    """A with B and C as peers, at the defaults; its routes have a preferred source in A's own prefix, or none."""
    with TwoHosts() as network:
        network.c = network.host("C")
        cable(network.c, f"eth0 {C}/20", network.router, "to-c 172.16.32.1/20")
        network.a.ip("route add 172.16.32.0/20 via 172.16.16.1")
        network.c.ip("route add 172.16.16.0/20 via 172.16.32.1")
        network.a.sysctl("net.ipv4.ip_forward", 1)
        # Before it forwards a packet out of the device it came by, Linux 5.10 tells the sender of a shorter way.
        for device in ("all", "eth0"):
            network.a.sysctl(f"net.ipv4.conf.{device}.send_redirects", 0)
        network.ends = {name: End(getattr(network, name)) for name in "abc"}
        for name, end in network.ends.items():
            end.namespace.ip(f"addr add {INSIDE[name]}/32 dev lo")
            end.attach(*(("src", INSIDE[name]) if name != "a" or request.param == "src" else ()))
        network.ends["a"].peer(B, "prefix", NETS["b"])
        network.ends["a"].peer(C, "prefix", NETS["c"])
        for name, other in ("bc", "cb"):
            network.ends[name].peer(A, "prefix", NETS["a"], "prefix", NETS[other])
        yield network


def errors_at_b(hub, provoke):
    """(type, code, MTU) of the errors that B's inner address hears of after `provoke`."""
    with Pinger(hub.b, INSIDE["b"], INSIDE["c"]) as pinger:
        provoke()
        assert pinger.ping() is not None
    return [struct.unpack("!BB4xH", packet.payload[:8]) for packet in pinger.errors]


def test_an_error_about_a_packet_for_one_peer_reaches_its_sender_behind_another(hub):
    inside = ipv4_packet(INSIDE["b"], INSIDE["c"], PROTO_UDP, udp_datagram(7, 9), ttl=62)
    message = struct.pack("!BBHI", 3, 1, 0, 0) + ipv4_packet(A, C, PROTO_IPIP, inside, df=True)
    message = message[:2] + struct.pack("!H", checksum(message)) + message[4:]
    frame = ethernet(hub.a.address_of("eth0"), hub.router.address_of("to-a"),
                     ipv4_packet(ROUTER, A, PROTO_ICMP, message))
    with counting(hub.ends["a"]) as count:
        assert errors_at_b(hub, lambda: send_frame(hub.router, "to-a", frame)) == [(3, 1, 0)]
    assert count.verdicts(hub.ends["a"]) == {"error_relayed": 1, "encap_ok": 3, "decap_ok": 2}


def test_a_packet_that_is_too_big_for_one_peer_draws_an_error_through_another(hub):
    hub.a.ip(f"route replace 172.16.32.0/20 via {ROUTER} mtu lock 1400")

    def provoke():
        with Pinger(hub.b, INSIDE["b"], INSIDE["c"]) as pinger:
            assert pinger.ping(1381 - 28, timeout=0.2) is None
    with counting(hub.ends["a"]) as count:
        assert errors_at_b(hub, provoke) == [(3, 4, 1380)]
    assert count.verdicts(hub.ends["a"]) == {"encap_too_big": 1, "encap_ok": 3, "decap_ok": 3}


def test_tcp_and_udp_pass_from_one_tunnel_into_another(hub):
    tcp_transfer(hub.b, INSIDE["b"], hub.c, INSIDE["c"], 4 << 20)
    udp_segments(hub.b, INSIDE["b"], hub.c, INSIDE["c"], 1452, 40)
    assert ping(hub.b, INSIDE["b"], INSIDE["c"], (0, 56, 1452, 1453, 20000)) == []


FORWARDS_NOTHING = """
table ip filter {
	chain forward { type filter hook forward priority filter; policy drop; }
}
"""


@pytest.mark.parametrize("mode", MODES)
def test_with_forward_on_what_passes_from_one_tunnel_into_another_passes_the_stack_by(hub, mode):
    end = hub.ends["a"]
    # A veth takes frames from XDP once its other end has NAPI.
    hub.router.run("ethtool", "-K", "to-a", "gro", "on")
    end.attach("mode", mode, "forward", "on")
    tcp_transfer(hub.b, INSIDE["b"], hub.c, INSIDE["c"], 1 << 20)
    assert ping(hub.b, INSIDE["b"], INSIDE["c"], (0, 56, 1452, 1453, 20000)) == []
    hub.a.run("nft", "-f", "-", input=FORWARDS_NOTHING)
    with Pinger(hub.b, INSIDE["b"], INSIDE["c"]) as pinger, counting(end) as count:
        answers = [pinger.ping(timeout=0.2) for _ in range(10)]
    moved = count.verdicts(end)
    if not goes_straight(mode):
        assert not any(answers) and set(moved) == {"decap_ok"}
        return
    # A packet is left to the stack now and then, for the neighbour code to see, and ends there.
    assert any(answers) and {answer.ttl for answer in answers if answer} == {63}
    assert moved["decap_forwarded"] == moved["encap_ok"] >= 2
    assert set(moved) <= {"decap_forwarded", "encap_ok", "decap_ok"}


@pytest.mark.parametrize("mode", MODES)
def test_with_forward_on_a_path_mtu_that_was_told_is_held_wherever_a_packet_is_wrapped(hub, mode):
    end = hub.ends["a"]
    hub.router.run("ethtool", "-K", "to-a", "gro", "on")
    end.attach("mode", mode, "forward", "on")
    assert ping(hub.b, INSIDE["b"], INSIDE["c"], (56, 56)) == []
    hub.router.ip("link set to-c mtu 1400")

    def provoke():
        # B forgets what it was told, and A does not.
        hub.b.ip("route flush cache")
        with Pinger(hub.b, INSIDE["b"], INSIDE["c"]) as pinger:
            assert pinger.ping(1480 - 28, timeout=0.2) is None
    for verdict in ("error_relayed", "encap_too_big", "encap_too_big"):
        with counting(end) as count:
            assert errors_at_b(hub, provoke) == [(3, 4, 1380)]
        assert count.verdicts(end)[verdict] == 1
