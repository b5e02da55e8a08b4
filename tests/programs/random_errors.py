# SPDX-License-Identifier: GPL-2.0-only
"""Random ICMP errors about outer packets of ours, and about some that only look like it."""

import struct

from .ipv4 import ICMP, IPIP, UDP, with_checksum, with_icmp_checksum
from .random_ipv4 import header, options

# Type and code: those that are handed on, those that are not, and what is no error.
RELAYED = [(3, 4)] * 6 + [(11, 0)] * 2 + [(3, code) for code in range(16) if code not in (3, 4, 5)]
IGNORED = [(3, 3), (3, 5), (3, 16), (3, 200), (11, 1), (12, 0), (12, 1)]
NO_ERRORS = [(0, 0), (4, 0), (5, 1), (8, 0)]


def error(random, packet, local, remote, router):
    """A router's error to `local` about an inner packet that went to `remote`; all addresses are numbers."""
    quote = _outer(random, packet, local, remote) + packet
    choice = random.random()
    kind, code = random.choice(RELAYED if choice < 0.8 else IGNORED if choice < 0.97 else NO_ERRORS)
    first_half = random.randrange(0x10000) if random.random() < 0.1 else 0
    second_half = _mtu(random, len(quote)) if code == 4 or random.random() < 0.1 else 0
    message = struct.pack("!BBHHH", kind, code, 0, first_half, second_half) + quote[:_quoted(random)]
    message = with_icmp_checksum(message)
    if random.random() < 0.08:
        message = _wrong_byte(random, message)
    to = local if random.random() < 0.97 else remote
    fragment = random.choice((0x2000, 5)) if random.random() < 0.02 else random.choice((0, 0, 0x4000))
    return header(random, ICMP, router, to, len(message), options(random, 0.15), fragment) + message


def _outer(random, packet, local, remote):
    """Our outer header as a router quotes it; now and then of no packet that we send."""
    fragment = random.choice((0x2000, 7)) if random.random() < 0.04 else random.choice((0, 0x4000, 0x4000))
    protocol = UDP if random.random() < 0.02 else IPIP
    outer = header(random, protocol, local, remote, len(packet), options(random, 0.02), fragment)
    if random.random() < 0.1:
        outer = with_checksum(outer[:2] + struct.pack("!H", _length(random)) + outer[4:])
    if random.random() < 0.02:
        outer = bytes([random.choice((0x44, 0x46, 0x65, 0x55))]) + outer[1:]
    return outer


def _length(random):
    return random.choice((0, 20, 575, 576, 577, 1006, 1007, 1500, 2003, 9000, 65535, random.randrange(0x10000)))


def _mtu(random, length):
    choice = random.random()
    if choice < 0.25:
        return 0
    if choice < 0.5:
        return max(0, length + random.choice((-1, -1, 0, 1, -20, -500)))
    return random.choice((1, 68, 575, 576, 577, 600, 1000, 1280, 1400, random.randrange(0x10000)))


def _quoted(random):
    """How many bytes a router quotes: the 28 of RFC 792, nearly as little as tells the inner sender, or more."""
    choice = random.random()
    if choice < 0.15:
        return 28
    if choice < 0.35:
        return random.randrange(44, 60)
    if choice < 0.55:
        return random.randrange(0, 120)
    return random.choice((528, 548, 1400, random.randrange(600)))


def _wrong_byte(random, message):
    at = random.randrange(len(message))
    return message[:at] + bytes([message[at] ^ 1 << random.randrange(8)]) + message[at + 1:]
