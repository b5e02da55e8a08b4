# SPDX-License-Identifier: GPL-2.0-only
"""`forward on` on gateways: what comes out of the tunnel for the private network passes the stack by."""
import contextlib
import re
import struct
import time

import pytest

from .checking import check
from .program import End, counting
from .straight import goes_straight
from .topology import A, B, Gateways
from .traffic import Pinger, Stream, ping, tcp_transfer, udp_echo, udp_segments
from .wire import PROTO_TCP, Capture, checksum

NET_A, NET_B = "192.168.1.0/24", "192.168.2.0/24"
LAN_A, LAN_B = Gateways.LAN_A, Gateways.LAN_B
GATEWAY_A, GATEWAY_B = Gateways.GATEWAY_A, Gateways.GATEWAY_B
CLOSED = """
table ip filter {
	chain forward { type filter hook forward priority filter; policy drop; }
}
"""


def take_frames(network):
    """The far ends of the private networks' cables take frames from XDP: that a veth does once it has NAPI."""
    for host in (network.lan_a, network.lan_b):
        host.run("ethtool", "-K", "eth0", "gro", "on")


def has_no_taker(mode):
    """Older kernels do not say who takes frames from XDP."""
    return mode == "native" and not goes_straight(mode)


def join(network, mode, *words):
    ends = End(network.a), End(network.b)
    take_frames(network)
    for end, gateway, remote, prefix in zip(ends, (GATEWAY_A, GATEWAY_B), (B, A), (NET_B, NET_A)):
        warnings = end.attach("src", gateway, "mode", mode, *words)
        assert bool(warnings) == has_no_taker(mode), warnings
        end.peer(remote, "prefix", prefix)
    return ends


@pytest.fixture(scope="module")
def gateways(mode):
    """Gateways that forward, once for each mode: a test leaves them as they were."""
    with Gateways() as network:
        network.ends = join(network, mode, "forward", "on")
        yield network


@contextlib.contextmanager
def forwarding(*ends):
    """All that the ends receive in the block is carried, and at each some of it straight on."""
    with counting(*ends) as count:
        yield count
        count.settle(lambda seen: seen.balanced(*ends))
    for end in ends:
        moved, totals = count.verdicts(end), count.totals(end)
        if not goes_straight(end.show()["mode"]):
            assert set(moved) == {"encap_ok", "decap_ok"}
            continue
        assert set(moved) == {"encap_ok", "decap_ok", "decap_forwarded"} or set(moved) == {"encap_ok",
                                                                                           "decap_forwarded"}, moved
        assert moved["decap_forwarded"] + moved.get("decap_ok", 0) == totals["rx_packets"] and not totals["drops"]
    assert count.balanced(*ends)


def both_ways(network):
    return ((network.lan_a, LAN_A, network.lan_b, LAN_B), (network.lan_b, LAN_B, network.lan_a, LAN_A))


def test_private_networks_reach_each_other(gateways):
    for client, here, server, there in both_ways(gateways):
        with forwarding(*gateways.ends):
            assert ping(client, here, there, (0, 56, 1452)) == []
            # Fragments, of which the first names the ports.
            assert ping(client, here, there, (1453, 20000), df=False) == []
            udp_echo(client, here, server, there, (0, 100, 1452, 9000))
            tcp_transfer(client, here, server, there, 4 << 20)
            udp_segments(client, here, server, there, 1000, 7)


def test_senders_that_leave_no_checksum_to_others(gateways):
    """TCP whose checksums are whole, of which XDP sends most straight on."""
    hosts = gateways.lan_a, gateways.lan_b
    for host in hosts:
        host.run("ethtool", "-K", "eth0", "tx", "off")
    try:
        for client, here, server, there in both_ways(gateways):
            with forwarding(*gateways.ends) as count:
                tcp_transfer(client, here, server, there, 4 << 20)
            for end in gateways.ends:
                moved = count.verdicts(end)
                if goes_straight(end.show()["mode"]):
                    assert moved["decap_forwarded"] > 10 * moved.get("decap_ok", 0), moved
    finally:
        for host in hosts:
            host.run("ethtool", "-K", "eth0", "tx", "on")


def whole(frame):
    """Whether the transport checksum of a frame is right, or left to a device that finds it begun."""
    packet = frame.ip
    pseudo = packet.header[12:20] + struct.pack("!HH", packet.protocol, len(packet.payload))
    if frame.checksum_left:
        begun = packet.payload[16:18]
        return checksum(pseudo) == 0xFFFF - int.from_bytes(begun, "big")
    return checksum(pseudo + packet.payload) == 0


def test_no_checksum_is_lost_on_the_way(gateways):
    """Senders leave checksums to their devices; what reaches the other host is right or known to be begun."""
    with Capture(gateways.lan_b, "eth0") as capture:
        tcp_transfer(gateways.lan_a, LAN_A, gateways.lan_b, LAN_B, 1 << 20)
    seen = [frame for frame in capture.frames if not frame.outgoing and frame.ip.protocol == PROTO_TCP]
    assert len(seen) > 20 and all(whole(frame) for frame in seen)


def test_the_stack_and_its_firewall_are_passed_by_and_only_so(gateways):
    """A firewall at B that forwards nothing: what goes straight on arrives, and what does not, does not."""
    with Pinger(gateways.lan_a, LAN_A, LAN_B) as pinger, Capture(gateways.lan_b, "eth0") as capture:
        # Next hops are left to the stack now and then: the first packet may be one of those.
        assert pinger.ping()
        gateways.b.run("nft", "-f", "-", input=CLOSED)
        try:
            with counting(gateways.ends[1]) as count:
                pinger.ping(timeout=0.3)
        finally:
            gateways.b.run("nft", "flush", "ruleset")
    arrived = [packet for packet in capture.packets if packet.dst == LAN_B]
    assert len(arrived) == 1 + count.verdicts(gateways.ends[1]).get("decap_forwarded", 0)


def test_ttl_goes_down_by_one_at_each_gateway(gateways):
    with forwarding(*gateways.ends), Capture(gateways.lan_b, "eth0") as lan, Pinger(gateways.lan_a, LAN_A,
                                                                                    LAN_B) as pinger:
        answers = [pinger.ping() for _ in range(3)]
    assert [answer.ttl for answer in answers] == [62] * 3
    arrived = [packet for packet in lan.packets if packet.dst == LAN_B]
    assert [packet.ttl for packet in arrived] == [62] * 3
    assert all(checksum(packet.header) == 0 for packet in arrived)


def test_traceroute_shows_the_gateways(mode):
    with Gateways() as network:
        join(network, mode, "forward", "on", "ttl", "64")
        shown = network.lan_a.run("traceroute", "-n", "-q", "1", "-N", "1", "-w", "1", LAN_B)
    assert re.findall(r"^ *\d+ +(\S+)", shown, re.M) == [GATEWAY_A, GATEWAY_B, LAN_B], shown


def test_a_packet_that_is_too_big_for_the_way_out_draws_an_error_from_the_stack(gateways):
    gateways.b.ip("link set lan0 mtu 1300")
    gateways.lan_b.ip("link set eth0 mtu 1300")
    try:
        with Pinger(gateways.lan_a, LAN_A, LAN_B) as pinger:
            assert pinger.ping(1300 - 28) is not None
            assert pinger.ping(1301 - 28, timeout=0.3) is None
        assert [struct.unpack("!BB4xH", error.payload[:8]) for error in pinger.errors] == [(3, 4, 1300)]
        assert [error.src for error in pinger.errors] == [GATEWAY_B]
        assert ping(gateways.lan_a, LAN_A, LAN_B, (1400,), df=False) == []
        tcp_transfer(gateways.lan_a, LAN_A, gateways.lan_b, LAN_B, 1 << 20)
    finally:
        gateways.b.ip("link set lan0 mtu 1500")
        gateways.lan_b.ip("link set eth0 mtu 1500")
        gateways.lan_a.ip("route flush cache")


def test_the_first_packet_to_a_neighbour_that_is_not_resolved_arrives(gateways):
    for _ in range(3):
        gateways.b.ip("neighbour flush dev lan0")
        assert ping(gateways.lan_a, LAN_A, LAN_B) == []


def test_a_neighbour_that_became_stale_is_probed(gateways):
    """What XDP sends tells the neighbour code nothing; the packets that it is left do."""
    neighbour = ("-4", "neighbour", "show", "to", LAN_B, "dev", "lan0")
    mac = ":".join(f"{byte:02x}" for byte in gateways.lan_b.address_of("eth0"))
    gateways.b.ip(f"neighbour replace {LAN_B} lladdr {mac} nud stale dev lan0")
    with Stream(gateways.lan_a, LAN_A, gateways.lan_b, LAN_B, 200) as stream:
        deadline = time.monotonic() + 10
        while gateways.b.ip_json(*neighbour)[0]["state"] == ["STALE"] and time.monotonic() < deadline:
            time.sleep(0.1)
    assert gateways.b.ip_json(*neighbour)[0]["state"] != ["STALE"]
    assert not stream.missing


def test_it_is_switched_on_and_off_under_traffic(gateways):
    end = gateways.ends[1]
    with Stream(gateways.lan_a, LAN_A, gateways.lan_b, LAN_B, 500) as stream:
        for word in ("off", "on", "off", "on"):
            end.attach("forward", word)
            assert end.show()["forward"] == (word == "on")
    assert stream.sent > 20 and not stream.missing and not stream.refused
    end.attach("forward", "off")
    with counting(end) as count:
        assert ping(gateways.lan_a, LAN_A, LAN_B) == []
    end.attach("forward", "on")
    assert set(count.verdicts(end)) == {"decap_ok", "encap_ok"}


def test_show_names_the_devices_that_xdp_may_send_out_of(gateways, mode):
    end = gateways.ends[0]
    devices = {"native": ["lan0"] if goes_straight(mode) else [], "skb": ["eth0", "lan0"], "tc": []}[mode]
    assert sorted(end.show()["forward_devices"]) == devices
    text = end.command("show").stdout
    shown = re.search("^  forward: on(?:, by XDP out of (.*))?$", text, re.M)
    assert sorted((shown[1] or "").split(", ")) == (devices or ["no device" if has_no_taker(mode) else ""])


def test_that_no_device_takes_frames_from_xdp_is_told_until_one_does():
    with Gateways() as network:
        end = End(network.a)
        warning, = end.attach("mode", "native", "forward", "on")
        assert "no device takes frames" in warning and "gro" in warning and "mode tc" in warning
        assert "  forward: on, by XDP out of no device\n" in end.command("show").stdout
        assert end.show()["forward_devices"] == []
        assert "out of no device" in check(end).what("xdp")
        take_frames(network)
        assert bool(end.attach()) == has_no_taker("native")
        assert ("out of no device" in check(end).what("xdp")) == has_no_taker("native")
        assert end.attach("mode", "tc") == []
        assert "  forward: on\n" in end.command("show").stdout and check(end).in_the_way == []


def test_a_device_with_tunnels_of_its_own_is_never_sent_out_of_by_xdp(gateways, mode):
    end, other = gateways.ends[0], End(gateways.a, "lan0")
    other.attach("routes", "off")
    assert "lan0" not in end.show()["forward_devices"]
    other.detach()
    end.attach()
    assert ("lan0" in end.show()["forward_devices"]) == (mode != "tc" and goes_straight(mode))


def test_a_host_that_forwards_nothing_is_told_of(gateways):
    gateways.a.sysctl("net.ipv4.conf.eth0.forwarding", 0)
    try:
        warning, = gateways.ends[0].attach()
    finally:
        gateways.a.sysctl("net.ipv4.conf.eth0.forwarding", 1)
    assert "net.ipv4.conf.eth0.forwarding is 0" in warning


def test_a_vlan_device_is_sent_out_of_with_its_tag(gateways, mode):
    """By the stack, or in skb mode by XDP, whose frame the device then tags."""
    gateways.b.ip("link add link lan0 name lan0.100 type vlan id 100", "link set lan0.100 up",
                  "addr add 10.60.0.1/24 dev lan0.100")
    gateways.lan_b.ip("link add link eth0 name eth0.100 type vlan id 100", "link set eth0.100 up",
                      "addr add 10.60.0.2/24 dev eth0.100", "route replace default via 10.60.0.1")
    gateways.ends[0].do("prefix add", "10.60.0.0/24", "remote", B)
    gateways.ends[1].attach()
    try:
        with Capture(gateways.lan_b, "eth0.100") as capture, counting(gateways.ends[1]) as count:
            assert ping(gateways.lan_a, LAN_A, "10.60.0.2", (56, 56, 1400, 1452)) == []
            tcp_transfer(gateways.lan_a, LAN_A, gateways.lan_b, "10.60.0.2", 1 << 18)
        assert [packet.ttl for packet in capture.packets if packet.dst == "10.60.0.2"][:4] == [62] * 4
        assert ("decap_forwarded" in count.verdicts(gateways.ends[1])) == (mode != "native" and goes_straight(mode))
    finally:
        gateways.ends[0].do("prefix del", "10.60.0.0/24")
        gateways.b.ip("link del lan0.100")
        gateways.lan_b.ip("link del eth0.100", f"route replace default via {GATEWAY_B}")
