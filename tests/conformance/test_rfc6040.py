# SPDX-License-Identifier: GPL-2.0-only
"""RFC 6040 and RFC 9601, congestion marks through a tunnel, and RFC 2983, the differentiated services code point."""

import pytest
from scapy.compat import raw

from networks.wire import IPv4, checksum
from programs.frames import arriving, inner, outer
from programs.tables import ECN_COMPATIBILITY, ECN_NORMAL, FIXED, LOOSE, MONITOR, OFF
from programs.underlay import BEHIND_GATEWAY
from programs.verdicts import INDEX

from .one_packet import discard, outgoing, unwrap, wrap

NOT_ECT, ECT_1, ECT_0, CE = 0, 1, 2, 3
EVERY_ECN = (NOT_ECT, ECT_1, ECT_0, CE)
# Figure 4: what comes out, by what arrived inside, for Not-ECT, ECT(0), ECT(1) and CE outside. None: nothing.
COLUMNS = (NOT_ECT, ECT_0, ECT_1, CE)
FIGURE_4 = {NOT_ECT: (NOT_ECT, NOT_ECT, NOT_ECT, None), ECT_0: (ECT_0, ECT_0, ECT_1, CE),
            ECT_1: (ECT_1, ECT_1, ECT_1, CE), CE: (CE, CE, CE, CE)}


# What the figure marks (!!!) and lets pass.
ALARMING = ((NOT_ECT, ECT_0), (NOT_ECT, ECT_1), (CE, ECT_1))


def verdict_on(inside, outside):
    return "ecn_alarm" if (inside, outside) in ALARMING else "decap_ok"


def check_row(decapsulator, inside):
    """One row of figure 4, each field in turn."""
    for outside, result in zip(COLUMNS, FIGURE_4[inside]):
        packet = outer(inner(tos=0x48 | inside), tos=0xB8 | outside)
        if result is None:
            discard(decapsulator, arriving(packet), "ecn_drop")
        else:
            assert IPv4(unwrap(decapsulator, packet, verdict_on(inside, outside))).tos == 0x48 | result


def test_6040_1_normal_mode_copies_the_field(encapsulator):
    """The outer field is the inner one, congestion experienced too."""
    for ecn in EVERY_ECN:
        assert wrap(encapsulator, outgoing(tos=ecn)).tos == ecn


def test_6040_2_compatibility_mode_clears_the_field(encapsulator):
    """The outer field is Not-ECT, and the inner one stays."""
    encapsulator.peer(BEHIND_GATEWAY, ecn=ECN_COMPATIBILITY)
    for ecn in EVERY_ECN:
        sent = wrap(encapsulator, outgoing(tos=ecn))
        assert (sent.tos, sent.inner.tos) == (NOT_ECT, ecn)


def test_6040_3_inside_not_ect(decapsulator):
    """It stays Not-ECT; with CE outside, whose sender cannot be told, it is dropped."""
    check_row(decapsulator, NOT_ECT)


def test_6040_4_inside_ect_0(decapsulator):
    """The stronger mark of both: ECT(1) over ECT(0), CE over all."""
    check_row(decapsulator, ECT_0)


def test_6040_5_inside_ect_1(decapsulator):
    """It stays, unless congestion was met."""
    check_row(decapsulator, ECT_1)


def test_6040_6_inside_ce(decapsulator):
    """Congestion that was met before the tunnel is never forgotten."""
    check_row(decapsulator, CE)


def test_6040_7_the_one_such_combination_that_is_dropped_is_counted(decapsulator):
    """Not-ECT inside and CE outside: a counter, so that a flood of them is no flood of lines."""
    for count in (1, 2, 3):
        discard(decapsulator, arriving(outer(inner(tos=NOT_ECT), tos=CE)), "ecn_drop")
        assert decapsulator.verdicts()[INDEX["ecn_drop"]] == count


def test_6040_8_the_checksum_is_right_for_every_combination_and_code_point(decapsulator):
    """All sixteen combinations but the one that is dropped, with all 64 code points."""
    for inside in EVERY_ECN:
        for outside in EVERY_ECN:
            if (inside, outside) == (NOT_ECT, CE):
                continue
            for dscp in range(64):
                packet = inner(tos=dscp << 2 | inside)
                out = unwrap(decapsulator, outer(packet, tos=outside), verdict_on(inside, outside))
                assert checksum(IPv4(out).header) == 0
                assert out[2:10] == raw(packet)[2:10] and out[12:] == raw(packet)[12:]


@pytest.mark.parametrize("mode", [ECN_NORMAL, ECN_COMPATIBILITY], ids=["normal", "compatibility"])
def test_6040_9_one_exit_for_every_mode_of_the_entry(decapsulator, mode):
    """The exit does not ask how the other end fills the field in, nor how its own entry does."""
    decapsulator.device(ecn=mode)
    decapsulator.peer(BEHIND_GATEWAY, ecn=mode)
    for inside in EVERY_ECN:
        check_row(decapsulator, inside)


@pytest.mark.parametrize("device", [{"rpf": OFF}, {"rpf": LOOSE}, {"monitor": MONITOR}],
                         ids=["rpf off", "rpf loose", "monitor"])
def test_6040_10_a_drop_for_ecn_is_counted_under_its_own_reason(decapsulator, device):
    """Not-ECT inside and CE outside: one packet under `ecn_drop`, and one of the peer's drops, in every mode."""
    decapsulator.device(**device)
    outcome = discard(decapsulator, arriving(outer(inner(tos=NOT_ECT), tos=CE)), "ecn_drop")
    assert {remote: moved.drops for remote, moved in outcome.counters.items()} == {BEHIND_GATEWAY: 1}


@pytest.mark.parametrize("device, peer, copied", [
    (ECN_COMPATIBILITY, 0, False), (ECN_NORMAL, ECN_COMPATIBILITY, False), (ECN_COMPATIBILITY, ECN_NORMAL, True)],
    ids=["of the device", "of the peer", "not of this peer"])
def test_9601_1_the_entry_can_be_told_to_clear_the_field(encapsulator, device, peer, copied):
    """For a far end that is not known to propagate it: on a device, and for each peer."""
    encapsulator.device(ecn=device)
    encapsulator.peer(BEHIND_GATEWAY, ecn=peer)
    for ecn in EVERY_ECN:
        assert wrap(encapsulator, outgoing(tos=0x48 | ecn)).tos == 0x48 | (ecn if copied else NOT_ECT)


def test_2983_1_the_entry_copies_or_sets_the_code_point_and_leaves_ecn_alone(encapsulator):
    """Uniform: copied, the default. Pipe: a value of its own. Congestion marks are copied in both."""
    for ecn in EVERY_ECN:
        assert wrap(encapsulator, outgoing(tos=0x48 | ecn)).tos == 0x48 | ecn
    encapsulator.device(tos_mode=FIXED, tos=0xB8)
    for ecn in EVERY_ECN:
        sent = wrap(encapsulator, outgoing(tos=0x48 | ecn))
        assert (sent.tos, sent.inner.tos) == (0xB8 | ecn, 0x48 | ecn)


def test_2983_1_the_exit_keeps_the_inner_code_point(decapsulator):
    """What routers between the ends made of the outer code point ends with the tunnel."""
    for dscp in range(64):
        out = unwrap(decapsulator, outer(inner(tos=0x48), tos=dscp << 2))
        assert IPv4(out).tos == 0x48
