# SPDX-License-Identifier: GPL-2.0-only
"""Packets put on the wire between the two ends by the router there, and what came back."""

from networks.topology import A, B, INNER_A, INNER_B
from networks.traffic import Pinger
from networks.wire import ETH_P_IP, PROTO_IPIP, ethernet, ipv4_packet, send_frame


def to_a(network, packet):
    """The router sends A a packet as it is."""
    frame = ethernet(network.a.address_of("eth0"), network.router.address_of("to-a"), packet)
    send_frame(network.router, "to-a", frame)


def to_b(network, packet):
    frame = ethernet(network.b.address_of("eth0"), network.router.address_of("to-b"), packet)
    send_frame(network.router, "to-b", frame)


def into_a(network, packet, times):
    """The host behind A sends A a packet as it is, whatever its own stack knows of the way."""
    frame = ethernet(network.a.address_of("lan0"), network.lan_a.address_of("eth0"), packet)
    for _ in range(times):
        send_frame(network.lan_a, "eth0", frame)


def from_b(packet, **fields):
    """A packet in the tunnel from B to A."""
    return ipv4_packet(B, A, PROTO_IPIP, packet, **fields)


def from_a(packet, **fields):
    return ipv4_packet(A, B, PROTO_IPIP, packet, **fields)


def ping_through(network, source=INNER_A, target=INNER_B, namespace=None):
    """An echo through the tunnel, which is answered behind all that was sent before."""
    with Pinger(namespace or network.a, source, target) as pinger:
        assert pinger.ping() is not None


def sent_to(capture):
    """The packets that the captured device of the router was sent, all of them, whoever they say that they are from."""
    return [frame.ip for frame in capture.frames if frame.ethertype == ETH_P_IP and not frame.outgoing]
