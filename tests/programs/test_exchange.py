# SPDX-License-Identifier: GPL-2.0-only
"""While XDP's program is exchanged both hooks are in charge: what finds no program at XDP is stripped by TC."""

import pytest

from .frames import arriving, inner, outer
from .tables import HOOK_TC, HOOK_XDP, MODE_NATIVE, MODE_SKB, PLAIN_DROP
from .underlay import BEHIND_GATEWAY

BOTH = HOOK_XDP | HOOK_TC


@pytest.fixture(params=(MODE_NATIVE, MODE_SKB), ids=("native", "skb"))
def exchanging(request, decap):
    decap.device(mode_used=request.param, hook=BOTH, mtu=1400, plain=PLAIN_DROP)
    decap.peer(BEHIND_GATEWAY, "192.168.1.0/24")
    return decap


def test_either_hook_strips(exchanging):
    packet = inner(bytes(100))
    outcome = exchanging.observe(arriving(outer(packet)))
    assert (outcome.out, outcome.verdicts) == (arriving(packet), {"decap_ok": 1})


def test_what_xdp_has_stripped_is_not_taken_for_plain_by_tc(exchanging):
    frame = arriving(inner(bytes(100)))
    outcome = exchanging.observe(frame)
    assert (outcome.out, outcome.verdicts) == (frame, {})
