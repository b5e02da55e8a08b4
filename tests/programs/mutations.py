# SPDX-License-Identifier: GPL-2.0-only
"""Mutations of frames: each takes a frame and gives another, which may be wrong in any way."""

import struct
from dataclasses import dataclass

from .ipv4 import ICMP, ICMP_ERRORS, IPIP, OFFSET, Header, with_checksum, with_icmp_checksum

TAGS = (b"\x81\x00", b"\x88\xa8")
ICMP_HEADER = 8
DEEPEST = 12
# What BPF_PROG_TEST_RUN takes of a TC program on every kernel.
LONGEST = 3000
BYTES = (0, 1, 2, 3, 4, 5, 11, 12, 15, 17, 0x40, 0x44, 0x45, 0x46, 0x4F, 0x54, 0x65, 0x7F, 0x80, 0xFE, 0xFF)
WORDS = (0, 1, 8, 19, 20, 21, 28, 39, 40, 41, 68, 575, 576, 577, 1279, 1300, 1480, 1499, 1500, 1501, 0x1FFF, 0x2000,
         0x3FFF, 0x4000, 0x7FFF, 0x8000, 0xFFEB, 0xFFEC, 0xFFFE, 0xFFFF)
# Bytes of an IPv4 header and of an ICMP one that mean something by themselves, and words of two bytes that do.
IPV4_BYTES, IPV4_WORDS = (0, 1, 6, 8, 9, 12, 16, 19), (2, 4, 6, 10)
ICMP_BYTES, ICMP_WORDS = (0, 1), (2, 4, 6)
# End of list, no operation, record route, timestamp, loose and strict source route, security, router alert, unknown.
OPTION_TYPES = (0, 1, 7, 68, 131, 137, 130, 148, 30, 255)


@dataclass
class Layer:
    """An IPv4 or ICMP header in a frame. quoted: an ICMP error tells of it."""
    at: int
    icmp: bool
    quoted: bool


def network_offset(frame):
    """Where the packet of a frame starts, behind any number of tags; None if it is not IPv4."""
    at = 12
    while frame[at:at + 2] in TAGS:
        at += 4
    return at + 2 if frame[at:at + 2] == b"\x08\x00" else None


def layers(frame):
    """The headers of a frame from the outermost on, as far as each of them leads to the next."""
    found, at, quoted = [], network_offset(frame), False
    while at is not None and len(found) < DEEPEST and at + 20 <= len(frame):
        header = Header(frame, at)
        found.append(Layer(at, False, quoted))
        at += max(20, header.length)
        if header.fragment & OFFSET:
            break
        if header.protocol == ICMP and at + ICMP_HEADER <= len(frame):
            found.append(Layer(at, True, quoted))
            quoted = True
            if frame[at] not in ICMP_ERRORS:
                break
            at += ICMP_HEADER
        elif header.protocol != IPIP:
            break
    return found


def headers(frame):
    """The IPv4 headers among the layers of a frame."""
    return [layer for layer in layers(frame) if not layer.icmp]


def replaced(frame, at, new):
    return frame[:at] + new + frame[at + len(new):]


# Repairs

def with_right_lengths(frame):
    """The total length of each header that nobody quotes: up to the end of the frame."""
    for layer in headers(frame):
        if not layer.quoted:
            frame = replaced(frame, layer.at + 2, struct.pack("!H", min(0xFFFF, len(frame) - layer.at)))
    return frame


def with_right_checksums(frame):
    """From the innermost on, since that of an ICMP error covers what it quotes."""
    found = layers(frame)
    for layer, carrier in reversed(list(zip(found, [None, *found]))):
        if layer.icmp:
            end = carrier.at + Header(frame, carrier.at).total
            if layer.at + ICMP_HEADER <= end:
                frame = frame[:layer.at] + with_icmp_checksum(frame[layer.at:end]) + frame[end:]
        else:
            end = layer.at + max(20, Header(frame, layer.at).length)
            frame = frame[:layer.at] + with_checksum(frame[layer.at:end]) + frame[end:]
    return frame


# Shapes

def unwrapped(frame):
    """Without the outermost header of a tunnel; the same frame if there is none."""
    found = headers(frame)
    if len(found) < 2 or Header(frame, found[0].at).protocol != IPIP:
        return frame
    return frame[:found[0].at] + frame[found[1].at:]


def wrapped(random, frame, depth):
    """In `depth` tunnels, whose headers are copies of the packet's own but for their options."""
    at = network_offset(frame)
    if at is None or len(frame) < at + 20:
        return frame
    header = b"\x45" + frame[at + 1:at + 6] + random.choice((b"\0\0", b"\x40\0")) + frame[at + 8:at + 9] + bytes([IPIP])
    header += frame[at + 10:at + 20]
    return with_right_checksums(with_right_lengths(frame[:at] + header * depth + frame[at:]))


def quoted(error, frame, size):
    """An ICMP error that quotes `size` bytes of another frame's packet, and is else as the given one."""
    at, start = network_offset(error), network_offset(frame)
    if start is None:
        return error
    message = at + Header(error, at).length
    return with_right_checksums(with_right_lengths(error[:message + ICMP_HEADER] + frame[start:start + size]))


# Mutations

def _flip_bits(random, frame, _):
    data = bytearray(frame)
    for _ in range(random.choice((1, 1, 2, 4))):
        data[random.randrange(min(len(data), 140))] ^= 1 << random.randrange(8)
    return bytes(data)


def _write_field(random, frame, _):
    """An interesting value in a field of a header."""
    found = layers(frame)
    if not found:
        return _flip_bits(random, frame, None)
    layer = random.choice(found)
    if random.random() < 0.5:
        at = layer.at + random.choice(ICMP_WORDS if layer.icmp else IPV4_WORDS)
        return replaced(frame, at, struct.pack("!H", random.choice(WORDS)))
    at = layer.at + random.choice(ICMP_BYTES if layer.icmp else IPV4_BYTES)
    return replaced(frame, at, bytes([random.choice(BYTES)]))


def _lie_about_length(random, frame, _):
    """A total length that is a little or far from the truth, to either side."""
    found = headers(frame)
    if not found:
        return frame
    at = random.choice(found).at + 2
    told = int.from_bytes(frame[at:at + 2], "big")
    lie = random.choice((told - 1, told + 1, told - 20, told + 20, told // 2, told * 2, told ^ 0x8000, told ^ 0x100,
                         20, 19, 0, 0xFFFF, random.randrange(0x10000)))
    return replaced(frame, at, struct.pack("!H", lie & 0xFFFF))


def _truncate(random, frame, _):
    """At any byte, mostly within the headers."""
    found = layers(frame)
    last = found[-1].at + 40 if found and random.random() < 0.7 else len(frame)
    return frame[:random.randint(14, max(14, min(last, len(frame))))]


def _cut_to_fit(random, frame, _):
    """Shorter, and all lengths tell it: the packet is right."""
    return with_right_lengths(_truncate(random, frame, None))


def _extend(random, frame, _):
    size = random.choice((1, 2, 3, 4, 18, 20, 46, random.randrange(1, 1500)))
    return frame + random.choice((bytes(size), b"\xff" * size, random.randbytes(size)))


def _splice(random, frame, other):
    """The beginning of one frame, the end of another: between headers, or anywhere."""
    ends, starts = layers(frame), layers(other)
    if ends and starts and random.random() < 0.7:
        return frame[:random.choice(ends).at] + other[random.choice(starts).at:]
    return frame[:random.randint(min(14, len(frame)), len(frame))] + other[random.randrange(len(other)):]


def option_bytes(random, length):
    """Options of `length` bytes: no operations, or one of any kind whose own length is right or is not."""
    if not length or random.random() < 0.3:
        return b"\x01" * length
    told = random.choice((length, length, 0, 1, 2, 3, length - 1, length + 1, 40, 255))
    option = bytes([random.choice(OPTION_TYPES), told & 0xFF, random.choice((0, 1, 4, 5, 8, 255))])
    return (option + random.randbytes(length))[:length]


def _exchange_options(random, frame, _):
    """Other options in a header, none to ten words; IHL tells how many."""
    found = headers(frame)
    if not found:
        return frame
    at = random.choice(found).at
    words = random.randrange(11)
    behind = frame[at + max(20, Header(frame, at).length):]
    first = bytes([frame[at] & 0xF0 | 5 + words])
    return with_right_lengths(frame[:at] + first + frame[at + 1:at + 20] + option_bytes(random, 4 * words) + behind)


def _lie_about_header(random, frame, _):
    """An IHL below the shortest header, or of options that are not there; now and then another version, too."""
    found = headers(frame)
    if not found:
        return frame
    at = random.choice(found).at
    version = frame[at] >> 4 if random.random() < 0.7 else random.randrange(16)
    return replaced(frame, at, bytes([version << 4 | random.randrange(16)]))


def _nest(random, frame, _):
    return wrapped(random, frame, random.randint(1, 8))


def _tag(random, frame, _):
    """Tags added, or one taken away."""
    if frame[12:14] in TAGS and random.random() < 0.5:
        return frame[:12] + frame[16:]
    tags = b"".join(random.choice(TAGS) + random.randbytes(2) for _ in range(random.choice((1, 1, 2, 3))))
    return frame[:12] + tags + frame[12:]


MUTATIONS = [*[_write_field] * 4, *[_flip_bits, _lie_about_length, _exchange_options] * 2, _lie_about_header, _truncate,
             _cut_to_fit, _extend, _splice, _nest, _tag]


def mutated(random, frame, other):
    """One to four mutations one after the other; in half of the cases with all checksums right again.

    other: a frame to take parts from.
    """
    for _ in range(random.choice((1, 1, 1, 2, 2, 3, 4))):
        frame = random.choice(MUTATIONS)(random, frame, other)[:LONGEST]
    return with_right_checksums(frame) if random.random() < 0.5 else frame
