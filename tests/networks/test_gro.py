# SPDX-License-Identifier: GPL-2.0-only
"""Generic receive offload: the segments of an inner flow reach the stack merged.

The frames are put on the wire one by one, so that nobody else merges them; the stack's own counters tell what it got.
Native XDP unwraps before GRO, which then sees the inner flow; in mode tc GRO comes first and knows IPIP. Not so mode skb:
the kernel merges nothing on a device with generic XDP.
"""
import socket
import time

import pytest
from scapy.compat import raw
from scapy.layers.inet import IP, TCP
from scapy.layers.l2 import Ether

from .ip_counters import received
from .topology import A, B, INNER_A, INNER_B, TwoHosts
from .tunnels import between_two_hosts

SEGMENTS, BYTES, HEADERS = 16, 1000, 40
HOLD_NS = 1_000_000_000
SETTLE_SECONDS = 5


@pytest.fixture(scope="module", params=("native", "tc"))
def host_b(request):
    """B with a tunnel from A, whose device may hold packets back for others that continue them."""
    with TwoHosts() as network:
        between_two_hosts(network, request.param)
        network.b.run("ethtool", "-K", "eth0", "gro", "on")
        # From a cable whose other end merges before it sends, veth's GRO expects nothing.
        network.router.run("ethtool", "-K", "to-b", "tso", "off")
        # A mount namespace of its own, since /sys shows the devices of the network namespace that it was mounted in.
        network.b.run("ip", "netns", "exec", network.b.name, "sh", "-c",
                      f"echo {HOLD_NS} >/sys/class/net/eth0/gro_flush_timeout")
        yield network


def segments(link):
    """A flow's segments out of the tunnel, in order; the last one asks to be handed on."""
    for number in range(SEGMENTS):
        inner = IP(src=INNER_A, dst=INNER_B, id=100 + number, flags="DF") / TCP(
            sport=1111, dport=2222, seq=1 + number * BYTES, ack=1, flags="PA" if number == SEGMENTS - 1 else "A")
        yield raw(Ether(dst=link) / IP(src=A, dst=B, proto=4, flags="DF", id=500 + number) / inner / bytes(BYTES))


def handed_on(network):
    """How many packets IP on B makes of the segments."""
    link = ":".join(f"{byte:02x}" for byte in network.b.address_of("eth0"))
    frames = list(segments(link))
    packets, octets = received(network.b)
    with network.router.socket(socket.AF_PACKET, socket.SOCK_RAW, 0) as wire:
        for frame in frames:
            wire.sendto(frame, ("to-b", 0))
    deadline = time.monotonic() + SETTLE_SECONDS
    while received(network.b)[1] < octets + SEGMENTS * BYTES and time.monotonic() < deadline:
        time.sleep(0.02)
    packets, octets = (now - before for now, before in zip(received(network.b), (packets, octets)))
    assert octets == SEGMENTS * BYTES + packets * HEADERS
    return packets


def test_segments_of_an_inner_flow_are_merged(host_b):
    assert handed_on(host_b) < SEGMENTS / 2


def test_without_gro_each_is_handed_on_alone(host_b):
    host_b.b.run("ethtool", "-K", "eth0", "gro", "off")
    try:
        assert handed_on(host_b) == SEGMENTS
    finally:
        host_b.b.run("ethtool", "-K", "eth0", "gro", "on")
