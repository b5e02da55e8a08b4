# SPDX-License-Identifier: GPL-2.0-only
"""The packets that probes send, and the errors among those that come back."""

import struct

from networks.topology import A, B
from networks.wire import PROTO_ICMP, PROTO_IPIP, PROTO_UDP, checksum, ipv4_packet, udp_datagram

from .errors import IcmpError
from .probed import LAN_A, LAN_B

ERRORS = (3, 4, 5, 11, 12)


def inner(payload=b"inside", src=LAN_A, dst=LAN_B, **fields):
    """A packet for the tunnel: of the host behind the gateway, unless told otherwise, for one behind B."""
    return ipv4_packet(src, dst, PROTO_UDP, udp_datagram(7, 9, payload), **fields)


def reply(payload=b"inside", src=LAN_B, dst=LAN_A, **fields):
    """A packet that comes through the tunnel."""
    return inner(payload, src, dst, **fields)


def from_b(packet, src=B, dst=A, **fields):
    """An outer packet of B's."""
    return ipv4_packet(src, dst, PROTO_IPIP, packet, **fields)


def tcp_segment(payload):
    """TCP's header and payload, with the checksum left to the device."""
    return struct.pack("!HHIIBBHHH", 7, 9, 1, 1, 5 << 4, 0x10, 0xFFFF, 0, 0) + payload


def of_size(size, **fields):
    """A packet for the tunnel, `size` bytes long."""
    return inner(bytes(size - 28), **fields)


def quote(packet):
    """The outer packet that the end made of a packet which it forwarded: what a router's error is about."""
    ttl = packet[8] - 1
    return ipv4_packet(A, B, PROTO_IPIP, rewritten(packet, 8, bytes([ttl])), ttl=ttl, df=True)


def rewritten(packet, at, value):
    """A packet with bytes of its header replaced, and the checksum right for them."""
    packet = packet[:at] + value + packet[at + len(value):]
    return packet[:10] + struct.pack("!H", checksum(packet[:10] + packet[12:20])) + packet[12:]


def errors_in(packets):
    """The ICMP errors among packets."""
    return [IcmpError(packet) for packet in packets if packet.protocol == PROTO_ICMP and packet.payload[0] in ERRORS]
