# SPDX-License-Identifier: GPL-2.0-only
"""RFC 6864 and RFC 791: identification, fragments, header lengths and checksums."""

from networks.traffic import pattern
from networks.wire import IPv4, checksum

from .errors import FRAGMENTATION_NEEDED, UNREACHABLE
from .fragments import fragments_of
from .probe_packets import errors_in, from_b, inner, of_size, reply, rewritten

LENGTHS = range(0, 41, 4)
NOTHING = b"\x01"


def probe_6864_1_atomic(tunnel):
    packets = [inner(), inner(df=True), *fragments_of(inner(bytes(100)), 8)[:2]]
    sent = [(packet.df, packet.mf, packet.offset) for packet in tunnel().forward(*packets).wrapped]
    return sent == [(True, False, 0)] * len(packets) or "not atomic"


def probe_6864_3_rate(tunnel):
    sent = [packet.df for packet in tunnel().forward(inner(), of_size(1480)).wrapped]
    return sent == [True, True] or "DF is clear, at any rate"


def probe_6864_4_df_is_kept(tunnel):
    for words in ("", "nopmtudisc"):
        seen = tunnel(words).forward(of_size(1480, df=True), of_size(1481, df=True))
        if [(packet.total_length, packet.df, packet.inner.df) for packet in seen.wrapped] != [(1500, True, True)]:
            return "not kept at the entry"
        if [error.what[:2] for error in errors_in(seen.lan)] != [(UNREACHABLE, FRAGMENTATION_NEEDED)]:
            return "not told"
    pairs = [(df, outside) for df in (True, False) for outside in (True, False)]
    out = tunnel().receive(*(from_b(reply(df=df), df=outside) for df, outside in pairs)).lan
    return [packet.df for packet in out] == [df for df, _ in pairs] or "not kept at the exit"


def probe_6864_5_copies(tunnel):
    ids = [packet.id for packet in tunnel("nopmtudisc").forward(*[inner()] * 20).wrapped]
    return len(set(ids)) == 20 or "the same one again"


def probe_6864_6_identification_is_ignored(tunnel):
    values = (0, 0, 1, 0x1234, 0x1234, 0xFFFF)
    out = tunnel().receive(*(from_b(reply(), df=True, identification=value) for value in values)).lan
    return len(out) == len(values) or "not ignored"


def probe_6864_7_own_identification(tunnel):
    ids = [packet.id for packet in tunnel("nopmtudisc").forward(*[inner(identification=0x1111)] * 10).wrapped]
    return len(set(ids)) == 10 or "the inner one, or the same again"


def flipped(packet, start, kept):
    """The packet with each bit of a header's 20 bytes flipped in turn, but those of the bytes in `kept`."""
    for bit in range(160):
        if bit // 8 not in kept:
            data = bytearray(packet)
            data[start + bit // 8] ^= 0x80 >> bit % 8
            yield bytes(data)


def probe_791_1_damaged(tunnel):
    # But for those bytes that say whose outer packet it is.
    for start, kept, where in ((0, {0, 9, *range(12, 20)}, "outer"), (20, set(), "inner")):
        seen = tunnel().receive(*flipped(from_b(reply()), start, kept))
        if seen.lan or seen.wire:
            return f"a wrong {where} checksum is not minded"
    return True


def probe_791_1_made_anew(tunnel):
    sent, = tunnel().forward(inner(tos=1)).wrapped
    out, = tunnel().receive(from_b(reply(tos=2), tos=3)).lan
    return not checksum(sent.header) and not checksum(out.header) or "wrong"


def probe_791_2_fragments_of_8_bytes(tunnel):
    pieces = fragments_of(reply(pattern(100)), 8)
    out = tunnel().receive(*(from_b(piece) for piece in reversed(pieces))).lan
    if [packet.payload for packet in out] != [IPv4(piece).payload for piece in reversed(pieces)]:
        return "changed on their way out"
    pieces = fragments_of(inner(pattern(100)), 8)
    sent = tunnel().forward(*pieces).wrapped
    expected = [IPv4(piece).payload for piece in pieces]
    return [packet.inner.payload for packet in sent] == expected or "changed on their way in"


def probe_791_2_68_and_576_bytes(tunnel):
    small, usual = inner(b"", options=NOTHING * 40), of_size(576)
    sent = tunnel().forward(small, usual).wrapped
    out = tunnel().receive(from_b(reply(b"", options=NOTHING * 40)), from_b(reply(bytes(548)))).lan
    lengths = [packet.inner.total_length for packet in sent], [packet.total_length for packet in out]
    return lengths == ([68, 576], [68, 576]) or "not in one piece"


def probe_791_3_header_lengths(tunnel):
    packets = [from_b(reply(options=NOTHING * inside), options=NOTHING * outside)
               for inside in LENGTHS for outside in LENGTHS]
    out = tunnel().receive(*packets).lan
    if [packet.header_length for packet in out] != [20 + inside for inside in LENGTHS for _ in LENGTHS]:
        return "not all are unwrapped"
    sent = tunnel().forward(*(inner(options=NOTHING * length) for length in LENGTHS)).wrapped
    lengths = [packet.inner.header_length for packet in sent]
    return lengths == [20 + length for length in LENGTHS] or "not all are wrapped"


def probe_791_4_lengths_that_lie(tunnel):
    packet = reply()
    for length in (0, 19, len(packet) + 1, 0xFFFF):
        lie = length.to_bytes(2, "big")
        for frame in (from_b(rewritten(packet, 2, lie)), from_b(rewritten(packet, 2, lie)) + bytes(100)):
            if tunnel().receive(frame).lan:
                return f"an inner length of {length} is not minded"
    for length in (0, 19, 39, 20 + len(packet) + 1, 0xFFFF):
        if tunnel().receive(rewritten(from_b(packet), 2, length.to_bytes(2, "big"))).lan:
            return f"an outer length of {length} is not minded"
    return True


def probe_791_4_what_lies_behind(tunnel):
    seen = tunnel().receive(from_b(reply()) + bytes(30), from_b(reply() + b"behind"))
    return [packet.behind for packet in seen.lan] == [b"", b""] or "it comes out"
