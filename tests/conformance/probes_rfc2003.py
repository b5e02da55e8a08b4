# SPDX-License-Identifier: GPL-2.0-only
"""RFC 2003, section 3: the outer header, and what may enter and leave a tunnel."""

from networks.topology import A, B
from networks.traffic import pattern
from networks.wire import PROTO_IPIP, IPv4, checksum

from .errors import TIME_EXCEEDED
from .probe_packets import errors_in, from_b, inner, reply
from .probed import GATEWAY_A
from .probing import at_best

OPTIONS = b"\x01" * 40
# Nobody's, and so no peer's either.
STRANGER = "172.16.1.99"


def probe_2003_1_outer_header(tunnel):
    packets = [inner(), inner(b""), inner(bytes(1000)), inner(options=OPTIONS)]
    sent = tunnel().forward(*packets).wrapped
    if [(outer.version, outer.header_length, outer.total_length) for outer in sent] != \
            [(4, 20, 20 + len(packet)) for packet in packets]:
        return "other lengths"
    return not any(checksum(outer.header) for outer in sent) or "wrong checksum"


def probe_2003_2_protocol(tunnel):
    return [packet.protocol for packet in tunnel().forward(inner()).wire] == [PROTO_IPIP] or "another protocol"


def probe_2003_3_tos(tunnel):
    def check(end):
        values = [0, 0x48, 0xB8, 0xFC]
        return [packet.tos for packet in end.forward(*(inner(tos=tos) for tos in values)).wrapped] == values or "TOS 0"
    return at_best(tunnel, check, "tos inherit")


def probe_2003_4_addresses(tunnel):
    outer, = tunnel().forward(inner()).wrapped
    return (outer.src, outer.dst) == (A, B) or "other addresses"


def probe_2003_5_df(tunnel):
    for words in ("", "nopmtudisc"):
        if [packet.df for packet in tunnel(words).forward(inner(df=True)).wrapped] != [True]:
            return f"DF is clear with `{words}`" if words else "DF is clear"
    return True


def probe_2003_6_df_without_inner_df(tunnel):
    seen = [packet.df for words in ("", "nopmtudisc") for packet in tunnel(words).forward(inner()).wrapped]
    return seen == [True, False] or f"DF {seen}"


def probe_2003_7_options(tunnel):
    outer, = tunnel().forward(inner(options=OPTIONS)).wrapped
    return (outer.header_length == 20 and outer.inner.header[20:] == OPTIONS) or "copied"


def probe_2003_8_ttl(tunnel):
    forwarded, = tunnel().forward(inner(ttl=9)).wrapped
    own, = tunnel().own(inner(src=GATEWAY_A, ttl=9)).wrapped
    return (forwarded.inner.ttl, own.inner.ttl) == (8, 9) or f"{forwarded.inner.ttl} and {own.inner.ttl} of 9 are left"


def probe_2003_9_end_of_ttl(tunnel):
    seen = tunnel().forward(inner(ttl=1))
    if seen.wrapped:
        return "it is wrapped"
    told = [(error.kind, error.code) for error in errors_in(seen.lan)]
    return told == [(TIME_EXCEEDED, 0)] or "the sender is not told"


def probe_2003_10_ttl_0(tunnel):
    seen = [*tunnel().forward(inner(ttl=0)).wrapped, *tunnel().own(inner(src=GATEWAY_A, ttl=0)).wrapped,
            *tunnel("ttl 64").own(inner(src=GATEWAY_A, ttl=0)).wrapped]
    return not seen or "it is wrapped"


def probe_2003_11_unwrapping(tunnel):
    # One less is for having been forwarded.
    out = tunnel().receive(*(from_b(reply(ttl=ttl), ttl=outside) for ttl in (2, 64, 255) for outside in (1, 200))).lan
    return [packet.ttl for packet in out] == [1, 1, 63, 63, 254, 254] or "changed"


def probe_2003_12_ttl_0_inside(tunnel):
    return not tunnel().receive(from_b(reply(ttl=0), ttl=64)).lan or "it goes on"


def probe_2003_13_forwarding_at_the_exit(tunnel):
    packet, = tunnel().receive(from_b(reply(ttl=9))).lan
    return packet.ttl == 8 or f"{9 - packet.ttl} taken off"


# With an identification, since the kernel fills one in where a raw socket's packet has none.
INSIDE = [{"identification": 0xBEEF, **fields}
          for fields in ({}, {"tos": 0x48}, {"df": True}, {"options": OPTIONS[:8]})]


def probe_2003_14_entering(tunnel):
    packets = [inner(pattern(300), src=GATEWAY_A, **fields) for fields in INSIDE]
    return [packet.payload for packet in tunnel().own(*packets).wrapped] == packets or "changed"


def probe_2003_14_coming_out(tunnel):
    out = tunnel().receive(*(from_b(reply(pattern(300), ttl=9, **fields)) for fields in INSIDE)).lan
    expected = [reply(pattern(300), ttl=8, **fields) for fields in INSIDE]
    return [packet.header + packet.payload for packet in out] == expected or "changed"


def probe_2003_15_outer_ttl(tunnel):
    def check(end):
        return [packet.ttl for packet in end.forward(inner(ttl=3)).wrapped] == [64] or "another TTL"
    return at_best(tunnel, check, "ttl 64")


def probe_2003_16_from_the_entrys_address(tunnel):
    sources = [A, GATEWAY_A, "127.0.0.1"]
    leaked = [packet.inner.src for packet in tunnel().forward(*(inner(src=source) for source in sources)).wrapped]
    return not leaked or f"wrapped from {', '.join(leaked)}"


def probe_2003_17_from_the_exits_address(tunnel):
    return not tunnel().forward(inner(src=B)).wrapped or "it is wrapped"


def probe_2003_30_df_as_a_rule(tunnel):
    return [packet.df for packet in tunnel().forward(inner(), inner(df=True)).wrapped] == [True, True] or "clear"


def probe_2003_30_fragments(tunnel):
    packet = inner(pattern(1464))
    sent = tunnel().forward(packet).wrapped
    if any(outer.mf or outer.offset or outer.total_length > 1500 for outer in sent):
        return "the outer packet is fragmented"
    return b"".join(outer.inner.payload for outer in sent) == IPv4(packet).payload or "lost"


def probe_2003_31_strangers(tunnel):
    out = tunnel().receive(from_b(reply(), src=STRANGER), from_b(reply(), dst=GATEWAY_A)).lan
    return not out or "unwrapped"
