# SPDX-License-Identifier: GPL-2.0-only
"""Tunnels inside a tunnel, and inner packets to every kind of address."""
import socket

import pytest

from .program import counting
from .topology import A, B, INNER_A, INNER_B
from .traffic import TIMEOUT_SECONDS, ping, send_raw, tcp_transfer
from .wire import PROTO_IPIP, PROTO_UDP, Capture, ethernet, ipv4_packet, send_frame, udp_datagram


def nested(depth, payload):
    """A UDP packet between the inner addresses in `depth` tunnels between the same."""
    packet = ipv4_packet(INNER_A, INNER_B, PROTO_UDP, udp_datagram(7, 9, payload))
    for layer in range(depth):
        packet = ipv4_packet(INNER_A, INNER_B, PROTO_IPIP, packet, identification=layer + 1)
    return packet


@pytest.mark.parametrize("depth", range(1, 9))
def test_one_layer_is_put_on_and_one_taken_off(joined, depth):
    """Whatever is inside: B's stack gets what A's stack sent, and the wire one header more."""
    a, b = joined.ends
    packet = nested(depth, bytes(range(256)))
    with joined.b.socket(socket.AF_INET, socket.SOCK_RAW, PROTO_IPIP) as raw, counting(a, b) as count, \
            Capture(joined.router, "to-a") as wire:
        raw.settimeout(TIMEOUT_SECONDS)
        raw.bind((INNER_B, 0))
        send_raw(joined.a, packet)
        assert raw.recv(1 << 16) == packet
    sent, = (packet for packet in wire.packets if packet.src == A)
    assert sent.payload == packet and sent.protocol == PROTO_IPIP
    assert count.verdicts(a)["encap_ok"] == 1 and count.verdicts(b)["decap_ok"] == 1


IN_VXLAN_A, IN_VXLAN_B = "10.77.0.1", "10.77.0.2"


@pytest.fixture
def vxlan(joined):
    """A vxlan device of the kernel's on both ends, whose packets go into our tunnel."""
    for namespace, local, remote, address in ((joined.a, INNER_A, INNER_B, IN_VXLAN_A),
                                              (joined.b, INNER_B, INNER_A, IN_VXLAN_B)):
        namespace.ip(f"link add vxlan0 mtu 1430 type vxlan id 1 dstport 4789 local {local} remote {remote}")
        namespace.ip(f"addr add {address}/24 dev vxlan0")
        namespace.ip("link set vxlan0 up")
    yield joined
    for namespace in (joined.a, joined.b):
        namespace.ip("link del vxlan0")


def test_a_tunnel_of_the_kernels_passes_through_ours_once_it_cuts_its_packets_itself(vxlan):
    for namespace in (vxlan.a, vxlan.b):
        namespace.run("ethtool", "-K", "vxlan0", "tso", "off")
    with counting(*vxlan.ends) as count:
        tcp_transfer(vxlan.a, IN_VXLAN_A, vxlan.b, IN_VXLAN_B, 200 << 10)
    assert [set(count.verdicts(end)) for end in vxlan.ends] == [{"encap_ok", "decap_ok"}] * 2


def test_what_it_leaves_to_be_cut_is_refused_and_counted(vxlan):
    with vxlan.b.socket(socket.AF_INET, socket.SOCK_STREAM) as listener, counting(vxlan.ends[0]) as count, \
            vxlan.a.socket(socket.AF_INET, socket.SOCK_STREAM) as stream:
        listener.bind((IN_VXLAN_B, 0))
        listener.listen(1)
        stream.connect(listener.getsockname())
        stream.sendall(bytes(8000))
    assert count.verdicts(vxlan.ends[0])["encap_error"] > 1


MARTIANS = ("0.0.0.0", "0.1.2.3", "127.0.0.1", "240.0.0.1", "255.255.255.254")
TARGETS = (*MARTIANS, "10.66.66.66", "169.254.1.1", "169.254.4.4", "172.31.255.255", A, B,
           "172.16.15.255", "192.168.1.99", "224.0.0.1", "239.1.2.3", "255.255.255.255")


@pytest.mark.parametrize("target", TARGETS)
def test_an_inner_packet_to_any_kind_of_address(joined, target):
    """Martians are dropped; all others are the stack's affair, and B, which does not forward, sends them nowhere."""
    a, b = joined.ends
    packet = ipv4_packet(A, B, PROTO_IPIP, ipv4_packet(INNER_A, target, PROTO_UDP, udp_datagram(7, 9)))
    frame = ethernet(joined.b.address_of("eth0"), joined.router.address_of("to-b"), packet)
    with Capture(joined.router, "to-b") as wire, counting(b) as count:
        send_frame(joined.router, "to-b", frame)
        assert ping(joined.a, INNER_A, INNER_B) == []
    received = {name: number for name, number in count.verdicts(b).items() if name != "encap_ok"}
    assert received == ({"decap_ok": 1, "martian_destination": 1} if target in MARTIANS else {"decap_ok": 2})
    assert not [packet for packet in wire.packets if packet.dst == target and packet.protocol == PROTO_UDP]
