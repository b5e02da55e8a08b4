# SPDX-License-Identifier: GPL-2.0-only
"""Random IPv4 packets, mostly well-formed; by struct, since scapy takes too long for so many."""

import struct

from .ipv4 import HEADER, ICMP, IPIP, TCP, UDP, with_checksum

GSO_BY_FRAGS = 0xFFFF


def header(random, protocol, source, destination, length, extra=b"", fragment=0, tos=None, ttl=None):
    """An IPv4 header for `length` bytes behind it."""
    total = 20 + len(extra) + length
    return with_checksum(HEADER.pack(0x45 + len(extra) // 4, random.randrange(256) if tos is None else tos, total,
                                     random.randrange(0x10000), fragment,
                                     random.choice((1, 2, 63, 64, 255)) if ttl is None else ttl, protocol, 0, source,
                                     destination) + extra)


def options(random, share):
    return b"\x01" * (4 * random.randrange(1, 11)) if random.random() < share else b""


def _size(random):
    choice = random.random()
    return random.randrange(0, 100) if choice < 0.85 else random.randrange(1200, 1500) if choice < 0.93 else \
        random.randrange(100, 1200)


def _transport(random, protocol, size):
    if protocol == TCP:
        return struct.pack("!HHIIBBHHH", 1, 2, 3, 4, 0x50, 0x10, 5, 0, 0) + random.randbytes(size)
    if protocol == UDP:
        return struct.pack("!HHHH", 1, 2, 8 + size, 0) + random.randbytes(size)
    if protocol == ICMP:
        return bytes([random.choice((0, 3, 3, 4, 5, 8, 8, 11, 12, 13)), random.randrange(16)]) + random.randbytes(6 + size)
    return random.randbytes(size)


def inner(random, source, destination, size=None, ttl=None, tos=None):
    protocol = random.choice((TCP, UDP, UDP, UDP, ICMP, IPIP, 47))
    transport = _transport(random, protocol, _size(random) if size is None else size)
    fragment = random.choice((0, 0, 0, 0x4000, 0x4000, 0x4000, 0x2000, 0x0007, 0x8000))
    return header(random, protocol, source, destination, len(transport), options(random, 0.1), fragment, tos,
                  ttl) + transport


def gso(random, source, destination):
    """A TCP or UDP packet of several segments, one in four in a tunnel of its own, and their size."""
    protocol = random.choice((TCP, UDP))
    packet = _transport(random, protocol, random.randrange(1000, 3000))
    if random.random() < 0.25:
        packet = header(random, protocol, source, destination, len(packet), options(random, 0.1), 0x4000) + packet
        protocol = IPIP
    packet = header(random, protocol, source, destination, len(packet), fragment=0x4000, ttl=64) + packet
    return packet, random.choice((100, 500, 1000, 1400, 1450, 1460, 1472, GSO_BY_FRAGS))
