# SPDX-License-Identifier: GPL-2.0-only
"""Ingress: RFC 6040, figure 4, for every DSCP."""

import pytest

from .frames import arriving, inner, outer, received
from .tables import ECN_COMPATIBILITY, LOOSE, MONITOR, OFF
from .underlay import BEHIND_GATEWAY

NOT_ECT, ECT_1, ECT_0, CE = 0, 1, 2, 3
FIGURE_4 = {
    (NOT_ECT, NOT_ECT): NOT_ECT, (NOT_ECT, ECT_0): NOT_ECT, (NOT_ECT, ECT_1): NOT_ECT, (NOT_ECT, CE): None,
    (ECT_0, NOT_ECT): ECT_0, (ECT_0, ECT_0): ECT_0, (ECT_0, ECT_1): ECT_1, (ECT_0, CE): CE,
    (ECT_1, NOT_ECT): ECT_1, (ECT_1, ECT_0): ECT_1, (ECT_1, ECT_1): ECT_1, (ECT_1, CE): CE,
    (CE, NOT_ECT): CE, (CE, ECT_0): CE, (CE, ECT_1): CE, (CE, CE): CE,
}
# What the figure marks (!!!) and lets pass.
ALARMING = ((NOT_ECT, ECT_0), (NOT_ECT, ECT_1), (CE, ECT_1))
NAMES = ["Not-ECT", "ECT(1)", "ECT(0)", "CE"]


@pytest.mark.parametrize("inner_ecn, outer_ecn", FIGURE_4, ids=[f"{NAMES[i]} in {NAMES[o]}" for i, o in FIGURE_4])
def test_ecn_is_combined_for_every_dscp(decap, inner_ecn, outer_ecn):
    decap.peer(BEHIND_GATEWAY, "192.168.1.0/24")
    result = FIGURE_4[inner_ecn, outer_ecn]
    for dscp in range(64):
        frame = arriving(outer(inner(tos=dscp << 2 | inner_ecn), tos=(63 - dscp) << 2 | outer_ecn))
        if result is None:
            decap.expect(frame, "ecn_drop", peer=BEHIND_GATEWAY)
        else:
            packet = inner(tos=dscp << 2 | result)
            verdict = "ecn_alarm" if (inner_ecn, outer_ecn) in ALARMING else "decap_ok"
            decap.expect(frame, verdict, arriving(packet), BEHIND_GATEWAY, received(packet))


def test_the_checksum_is_right_after_ecn_whatever_it_was_before(decap):
    """Identifications that lead the checksum over each carry."""
    decap.peer(BEHIND_GATEWAY, "192.168.1.0/24")
    for low in range(0, 0x10000, 257):
        before, after = inner(tos=0x02), inner(tos=0x03)
        before.id = after.id = low
        decap.expect(arriving(outer(before, tos=0x03)), "decap_ok", arriving(after), BEHIND_GATEWAY, received(after))


@pytest.mark.parametrize("check", [0x0000, 0x0001, 0x0002, 0xFFFE])
@pytest.mark.parametrize("inner_ecn, outer_ecn, result", [(2, 3, 3), (1, 3, 3), (2, 1, 1)])
def test_the_checksum_is_right_after_ecn_at_its_edges(decap, check, inner_ecn, outer_ecn, result):
    """An identification is chosen by which the arriving checksum is `check`."""
    decap.peer(BEHIND_GATEWAY, "192.168.1.0/24")
    before = inner(tos=inner_ecn)
    before.id = 0
    without = type(before)(bytes(before)).chksum
    identification = (without - check) % 0xFFFF
    before, after = inner(tos=inner_ecn), inner(tos=result)
    before.id = after.id = identification
    assert type(before)(bytes(before)).chksum == check
    decap.expect(arriving(outer(before, tos=outer_ecn)), "decap_ok", arriving(after), BEHIND_GATEWAY, received(after))


def test_ecn_is_combined_behind_inner_options(decap):
    from .frames import options
    decap.peer(BEHIND_GATEWAY, "192.168.1.0/24")
    for length in range(0, 41, 4):
        before, after = inner(tos=2, options=options(length)), inner(tos=3, options=options(length))
        decap.expect(arriving(outer(before, tos=3, options=options(40 - length))), "decap_ok", arriving(after),
                     BEHIND_GATEWAY, received(after))


@pytest.mark.parametrize("options", [{"rpf": OFF}, {"rpf": LOOSE}, {"ecn": ECN_COMPATIBILITY}])
def test_ecn_is_combined_in_every_mode(decap, options):
    """RFC 6040: one egress behaviour, whatever the ingress does."""
    decap.peer(BEHIND_GATEWAY, "192.168.1.0/24", **options)
    decap.expect(arriving(outer(inner(tos=2), tos=3)), "decap_ok", arriving(inner(tos=3)), BEHIND_GATEWAY,
                 received(inner()))
    decap.expect(arriving(outer(inner(tos=0), tos=3)), "ecn_drop", peer=BEHIND_GATEWAY)


def test_ecn_drop_wins_over_a_monitored_failure(decap):
    decap.peer(BEHIND_GATEWAY)
    decap.device(monitor=MONITOR)
    decap.expect(arriving(outer(inner(tos=0), tos=3)), "ecn_drop", peer=BEHIND_GATEWAY)
    decap.expect(arriving(outer(inner(tos=2), tos=3)), "rpf_prefix_mon", arriving(inner(tos=3)), BEHIND_GATEWAY,
                 received(inner()))


def test_a_failed_reverse_path_wins_over_ecn(decap):
    decap.peer(BEHIND_GATEWAY)
    decap.expect(arriving(outer(inner(tos=0), tos=3)), "rpf_prefix", peer=BEHIND_GATEWAY)
