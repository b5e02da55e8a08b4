# SPDX-License-Identifier: GPL-2.0-only
"""Frames of GSO packets in a tunnel: sizes of their segments, their lengths and their checksums."""
import errno
import struct

from programs.bpf import KERNEL

from .program import counting
from .topology import INNER_A, INNER_B
from .traffic import TCP_BYTES, send_udp_segments
from .wire import ETHERNET_HEADER, PROTO_TCP, PROTO_UDP, checksum, transport_header_length

MTU, OUTER = 1500, 20
SEGMENTS = ((1452, 40), (1400, 2), (1000, 7), (100, 64))
CHECKSUM_FIELD = {PROTO_TCP: 16, PROTO_UDP: 6}


def check_frame(frame):
    """Sound lengths and checksums throughout."""
    _check_lengths(frame)
    _check_transport_checksum(frame)


def _check_lengths(frame):
    """Both headers say how long they are, with nothing behind, and have the right checksum."""
    outer, inner = frame.ip, frame.ip.inner
    assert checksum(outer.header) == 0 and checksum(inner.header) == 0
    assert outer.total_length == len(frame.data) - ETHERNET_HEADER == inner.total_length + OUTER


def _check_transport_checksum(frame):
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


def check_tcp_sizes(frames):
    """Of at least TCP_BYTES, only what ends a stretch of data is shorter than the MTU lets it."""
    data = [frame for frame in frames if payload_size(frame)]
    sizes = list(segments_of(data))
    full = MTU - OUTER - 20 - transport_header_length(data[0].ip.inner)
    assert sum(sizes) >= TCP_BYTES and max(sizes) == full and sizes.count(full) > 0.9 * len(sizes)


def check_udp_segments_are_refused(network):
    """Of a device that does not sum up: by the kernel itself before Linux 6.11, and then by our program, which counts."""
    end, _ = network.ends
    for size, number in SEGMENTS:
        with counting(end) as count:
            try:
                send_udp_segments(network.a, INNER_A, (INNER_B, 9), size, number)
            except OSError as error:
                assert error.errno == errno.EIO and KERNEL < (6, 11)
                continue
        assert KERNEL >= (6, 11) and count.verdicts(end) == {"encap_error": number}
