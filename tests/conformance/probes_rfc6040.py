# SPDX-License-Identifier: GPL-2.0-only
"""RFC 6040 and RFC 9601, congestion marks through a tunnel, and RFC 2983, the differentiated services code point."""

from networks.wire import checksum

from .probe_packets import from_b, inner, reply
from .probing import at_best

NOT_ECT, ECT_1, ECT_0, CE = EVERY_ECN = range(4)
NAMES = ("Not-ECT", "ECT(1)", "ECT(0)", "CE")
# Figure 4: what comes out, by what arrived inside, for each field outside. None: nothing.
OUTSIDE = (NOT_ECT, ECT_0, ECT_1, CE)
FIGURE_4 = {NOT_ECT: (NOT_ECT, NOT_ECT, NOT_ECT, None), ECT_0: (ECT_0, ECT_0, ECT_1, CE),
            ECT_1: (ECT_1, ECT_1, ECT_1, CE), CE: (CE, CE, CE, CE)}


def entering(end, dscp=0):
    return [packet.tos for packet in end.forward(*(inner(tos=dscp | ecn) for ecn in EVERY_ECN)).wrapped]


def row(end, inside, dscp=0):
    """Packets that come out, for each field outside."""
    return [(end.receive(from_b(reply(tos=dscp | inside), tos=outside)).lan or [None])[0] for outside in OUTSIDE]


def is_row(end, inside):
    out = [packet and packet.tos & 3 for packet in row(end, inside)]
    for outside, result, expected in zip(OUTSIDE, out, FIGURE_4[inside]):
        if result != expected:
            return f"{'nothing' if result is None else NAMES[result]} with outer {NAMES[outside]}"
    return True


def probe_6040_1_normal_mode(tunnel):
    def check(end):
        for ecn, outside in zip(EVERY_ECN, entering(end), strict=True):
            if outside & 3 != ecn:
                return f"{NAMES[ecn]} becomes {NAMES[outside & 3]}"
        return True
    return at_best(tunnel, check, "tos inherit")


def probe_6040_2_compatibility_mode(tunnel):
    return entering(tunnel("ecn compat")) == [NOT_ECT] * 4 or "not cleared"


def probe_6040_3_inside_not_ect(tunnel):
    return is_row(tunnel(), NOT_ECT)


def probe_6040_4_inside_ect_0(tunnel):
    return is_row(tunnel(), ECT_0)


def probe_6040_5_inside_ect_1(tunnel):
    return is_row(tunnel(), ECT_1)


def probe_6040_6_inside_ce(tunnel):
    return is_row(tunnel(), CE)


def probe_6040_7_alarms(tunnel):
    def witnessed(inside, outside):
        seen = tunnel().witness(("wire", from_b(reply(tos=inside), tos=outside)), log="non-ECT from")
        return seen.counters.keys(), seen.logged

    for inside, outside in ((NOT_ECT, ECT_0), (NOT_ECT, ECT_1), (NOT_ECT, CE), (CE, ECT_1)):
        if witnessed(inside, outside) == witnessed(inside, inside):
            return f"inner {NAMES[inside]} with outer {NAMES[outside]} is neither"
    return True


def probe_6040_8_checksum(tunnel):
    for inside, expected in FIGURE_4.items():
        for packet, result in zip(row(tunnel(), inside, dscp=0x48), expected):
            if result is not None and (checksum(packet.header) or packet.tos != 0x48 | result):
                return "wrong"
    return True


def probe_6040_9_whatever_the_mode(tunnel):
    for words in ("", "tos inherit", "tos 0x48"):
        for inside in EVERY_ECN:
            if is_row(tunnel(words), inside) is not True:
                return f"with `{words}`: {is_row(tunnel(words), inside)}"
    return True


def probe_6040_10_counter(tunnel):
    seen = tunnel().see(("wire", from_b(reply(), tos=CE)), counting=True)
    return any(name in seen.counters for name in ("ecn_drop", "rx_frame_errors")) or "no counter"


def probe_9601_1_clearing(tunnel):
    return entering(tunnel("ecn compat"), 0xB8) == [0xB8] * 4 or "not cleared"


def probe_2983_1_code_point(tunnel):
    inherited = [tos & 0xFC for tos in entering(tunnel("tos inherit"), 0xB8)]
    fixed = [tos & 0xFC for tos in entering(tunnel("tos 0x48"), 0xB8)]
    return (inherited, fixed) == ([0xB8] * 4, [0x48] * 4) or "not to be chosen"
