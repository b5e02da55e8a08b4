# SPDX-License-Identifier: GPL-2.0-only
"""IPv4 headers in frames, written from RFC 791."""

import struct

HEADER = struct.Struct("!BBHHHBBHII")
ICMP, IPIP, TCP, UDP = 1, 4, 6, 17
# Unreachable, time exceeded, parameter problem; not source quench and redirect: RFC 2003 lets neither out of a tunnel.
ICMP_ERRORS = (3, 11, 12)
DONT_FRAGMENT, MORE_OR_OFFSET, OFFSET = 0x4000, 0x3FFF, 0x1FFF


class Header:
    """An IPv4 header at an offset of a frame that holds at least 20 bytes of it."""

    def __init__(self, frame, at):
        (first, self.tos, self.total, self.identification, self.fragment, self.ttl, self.protocol, _, self.source,
         self.destination) = HEADER.unpack_from(frame, at)
        self.version, self.length = first >> 4, (first & 15) * 4
        self.frame, self.at = frame, at

    def fill_in(self, room, gso_size):
        """BIG TCP: a GSO packet too long for the field has a total length of 0, and is all that there is."""
        if gso_size and not self.total:
            self.total = room

    def sound(self, room):
        """Version, IHL, total length within `room` bytes, checksum."""
        if self.version != 4 or not 20 <= self.length <= self.total <= room:
            return False
        return sums_up(self.frame[self.at:self.at + self.length])

    def icmp_error(self):
        """Whether it is an ICMP error, as far as its type tells: the first fragment of one at least."""
        kind = self.frame[self.at + self.length:][:1]
        return (self.protocol == ICMP and not self.fragment & OFFSET and self.total > self.length and kind != b""
                and kind[0] in ICMP_ERRORS)


def sums_up(data):
    """Whether a checksum within `data`, over all of it, is right (RFC 1071)."""
    return int.from_bytes(data + bytes(len(data) % 2), "big") % 0xFFFF == 0


def checksum(data):
    """The complement of the sum of the 16-bit words, of which 0xFFFF is a residue class."""
    return (0xFFFF - int.from_bytes(data + bytes(len(data) % 2), "big") % 0xFFFF) % 0xFFFF


def with_checksum(header):
    """An IPv4 header with its checksum."""
    cleared = header[:10] + bytes(2) + header[12:]
    return cleared[:10] + struct.pack("!H", checksum(cleared)) + cleared[12:]


def with_icmp_checksum(message):
    """An ICMP message with its checksum."""
    cleared = message[:2] + bytes(2) + message[4:]
    return cleared[:2] + struct.pack("!H", checksum(cleared)) + cleared[4:]


def behind_link(frame):
    """Bytes of link header and number of tags before an IPv4 header; None if what follows is not IPv4, whole."""
    at, tags = 12, 0
    while tags < 2 and frame[at:at + 2] in (b"\x81\x00", b"\x88\xa8"):
        at, tags = at + 4, tags + 1
    if frame[at:at + 2] != b"\x08\x00" or len(frame) < at + 22 or frame[at + 2] >> 4 != 4:
        return None
    return at + 2, tags
