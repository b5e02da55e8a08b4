# SPDX-License-Identifier: GPL-2.0-only
"""What GSO packets become in a tunnel: sizes of segments on the wire, their lengths and their checksums.

Whoever cuts a packet, a device or the kernel for it, must know that it is wrapped, and how long each segment is.
"""
import struct

import pytest

from .program import counting
from .topology import A, INNER_A, INNER_B, TwoHosts
from .traffic import tcp_transfer, udp_segments
from .tunnels import between_two_hosts
from .wire import ETH_P_IP, ETHERNET_HEADER, PROTO_TCP, PROTO_UDP, Capture, checksum, transport_header_length

MTU, OUTER = 1500, 20
TCP_BYTES = 1 << 20
SEGMENTS = ((1452, 40), (1400, 2), (1000, 7), (100, 64))
SEGMENTATION = ("tso", "tx-udp-segmentation")
# By who cuts packets: the offloads that A's device lacks.
WHO_CUTS = {
    "nobody on veth": (),
    "the kernel, behind the tunnel": (*SEGMENTATION, "tx-ipxip4-segmentation"),
    "the kernel, which sums up too": (*SEGMENTATION, "tx-ipxip4-segmentation", "tx"),
    "the kernel, before the tunnel": (*SEGMENTATION, "gso"),
}
CHECKSUM_FIELD = {PROTO_TCP: 16, PROTO_UDP: 6}


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


def check_lengths(frame):
    """Both headers say how long they are, with nothing behind, and have the right checksum."""
    outer, inner = frame.ip, frame.ip.inner
    assert checksum(outer.header) == 0 and checksum(inner.header) == 0
    assert outer.total_length == len(frame.data) - ETHERNET_HEADER == inner.total_length + OUTER


def check_transport_checksum(frame):
    """It is right; or left to a device, which is told where it is and finds the pseudo header's sum there."""
    packet = frame.ip.inner
    pseudo_header = packet.header[12:20] + struct.pack("!HH", packet.protocol, len(packet.payload))
    if frame.checksum_left is None:
        assert checksum(pseudo_header + packet.payload) == 0, f"wrong checksum: {packet}"
        return
    field = CHECKSUM_FIELD[packet.protocol]
    assert frame.checksum_left == (ETHERNET_HEADER + OUTER + packet.header_length, field)
    held, = struct.unpack_from("!H", packet.payload, field)
    assert held ^ 0xFFFF == checksum(pseudo_header)


def payload_size(frame):
    packet = frame.ip.inner
    return len(packet.payload) - transport_header_length(packet)


def segments_of(frames):
    """Bytes of payload in each segment that the frames are, or are cut into on their way."""
    for frame in frames:
        size = payload_size(frame)
        step = frame.gso_size or size
        yield from (min(step, size - at) for at in range(0, size, step))


def check_frames(frames, off):
    for frame in frames:
        check_lengths(frame)
        check_transport_checksum(frame)
        assert frame.checksum_left is None or "tx" not in off
        assert not frame.gso_size or not off, "nobody has cut it"


def test_tcp_segments_are_as_long_as_the_mtu_lets_them(hosts, off):
    with Capture(hosts.router, "to-a") as wire:
        tcp_transfer(hosts.a, INNER_A, hosts.b, INNER_B, TCP_BYTES)
    frames = sent_by_a(wire, PROTO_TCP)
    check_frames(frames, off)
    data = [frame for frame in frames if payload_size(frame)]
    sizes = list(segments_of(data))
    full = MTU - OUTER - 20 - transport_header_length(data[0].ip.inner)
    # Only what ends a stretch of data is shorter.
    assert sum(sizes) >= TCP_BYTES and max(sizes) == full and sizes.count(full) > 0.9 * len(sizes)
    assert off or any(frame.gso_size for frame in data), "nothing was worth cutting: this test shows nothing"


def test_udp_segments_keep_their_size(hosts, off):
    a, _ = hosts.ends
    for segment, number in SEGMENTS:
        if "tx" in off:
            # The kernel refuses UDP_SEGMENT on a device that does not sum up.
            with pytest.raises(OSError):
                udp_segments(hosts.a, INNER_A, hosts.b, INNER_B, segment, number)
            continue
        with Capture(hosts.router, "to-a") as wire, counting(a) as count:
            udp_segments(hosts.a, INNER_A, hosts.b, INNER_B, segment, number)
        frames = sent_by_a(wire, PROTO_UDP)
        check_frames(frames, off)
        assert list(segments_of(frames)) == [segment] * number
        assert count.verdicts(a) == {"encap_ok": number}
