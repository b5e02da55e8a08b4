# SPDX-License-Identifier: GPL-2.0-only
"""What GSO packets become in a tunnel: sizes of segments on the wire, their lengths and their checksums.

Whoever cuts a packet, a device or the kernel for it, must know that it is wrapped, and how long each segment is.
"""
import pytest

from .program import counting
from .segments import SEGMENTS, check_frame, check_tcp_sizes, check_udp_segments_are_refused, segments_of
from .topology import A, INNER_A, INNER_B, TwoHosts
from .traffic import TCP_BYTES, tcp_transfer, udp_segments
from .tunnels import between_two_hosts
from .wire import ETH_P_IP, PROTO_TCP, PROTO_UDP, Capture

SEGMENTATION = ("tso", "tx-udp-segmentation")
# By who cuts packets: the offloads that A's device lacks.
WHO_CUTS = {
    "nobody on veth": (),
    "the kernel, behind the tunnel": (*SEGMENTATION, "tx-ipxip4-segmentation"),
    "the kernel, which sums up too": (*SEGMENTATION, "tx-ipxip4-segmentation", "tx"),
    "the kernel, before the tunnel": (*SEGMENTATION, "gso"),
}


@pytest.fixture(scope="module", params=WHO_CUTS.values(), ids=WHO_CUTS)
def off(request):
    return request.param


@pytest.fixture(scope="module", params=["off", "on"], ids=["GRO off", "GRO on"])
def hosts(request, off):
    """A and B with a tunnel; A's device without these offloads, B's with or without GRO."""
    with TwoHosts() as network:
        network.ends = between_two_hosts(network, "tc")
        for name in off:
            network.a.run("ethtool", "-K", "eth0", name, "off")
        network.b.run("ethtool", "-K", "eth0", "gro", request.param)
        yield network


def sent_by_a(capture, protocol):
    """A's frames as they came, whose inner packets are of this protocol."""
    return [frame for frame in capture.frames if frame.ethertype == ETH_P_IP and not frame.outgoing
            and frame.ip.src == A and frame.ip.inner.protocol == protocol]


def check_frames(frames, off):
    for frame in frames:
        check_frame(frame)
        assert frame.checksum_left is None or "tx" not in off
        assert not frame.gso_size or not off, "nobody has cut it"


def test_tcp_segments_are_as_long_as_the_mtu_lets_them(hosts, off):
    with Capture(hosts.router, "to-a") as wire:
        tcp_transfer(hosts.a, INNER_A, hosts.b, INNER_B, TCP_BYTES)
    frames = sent_by_a(wire, PROTO_TCP)
    check_frames(frames, off)
    check_tcp_sizes(frames)
    assert off or any(frame.gso_size for frame in frames), "nothing was worth cutting: this test shows nothing"


def test_udp_segments_keep_their_size(hosts, off):
    a, _ = hosts.ends
    if "tx" in off:
        check_udp_segments_are_refused(hosts)
        return
    for segment, number in SEGMENTS:
        with Capture(hosts.router, "to-a") as wire, counting(a) as count:
            udp_segments(hosts.a, INNER_A, hosts.b, INNER_B, segment, number)
        frames = sent_by_a(wire, PROTO_UDP)
        check_frames(frames, off)
        # Whole, an older kernel does not show it to a capture.
        assert list(segments_of(frames)) == [segment] * number or (wire.unseen and not frames and not off)
        assert count.verdicts(a) == {"encap_ok": number}
