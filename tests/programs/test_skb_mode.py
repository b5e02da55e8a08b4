# SPDX-License-Identifier: GPL-2.0-only
"""Mode skb: XDP takes packets up to the MTU, TC the longer ones, which can only be GSO packets."""

import pytest

from .frames import arriving, inner, outer
from .tables import HOOK_XDP, MODE_SKB, PLAIN_DROP
from .underlay import BEHIND_GATEWAY

MTU = 1400
OUTER_AND_UDP = 48


def of_length(total):
    """A packet of ours whose outer total length is `total`, and what is inside."""
    packet = inner(bytes(total - OUTER_AND_UDP))
    return arriving(outer(packet)), arriving(packet)


@pytest.fixture
def skb_mode(decap):
    decap.device(mode_used=MODE_SKB, hook=HOOK_XDP, mtu=MTU, plain=PLAIN_DROP)
    decap.peer(BEHIND_GATEWAY, "192.168.1.0/24")
    return decap


@pytest.mark.parametrize("total, hook", ((100, "xdp"), (MTU - 1, "xdp"), (MTU, "xdp"), (MTU + 1, "tc"), (3000, "tc")))
def test_decap_in_skb_mode_is_done_by_one_hook_and_left_by_the_other(skb_mode, total, hook):
    frame, stripped = of_length(total)
    outcome = skb_mode.observe(frame)
    if skb_mode.hook == hook:
        assert (outcome.out, outcome.verdicts) == (stripped, {"decap_ok": 1})
    else:
        assert (outcome.out, outcome.verdicts, outcome.counters) == (frame, {}, {})


@pytest.mark.parametrize("total, hook", ((MTU, "xdp"), (MTU + 1, "tc")))
def test_a_plain_packet_in_skb_mode_is_judged_by_one_hook(skb_mode, total, hook):
    frame = arriving(inner(bytes(total - OUTER_AND_UDP + 20)))
    outcome = skb_mode.observe(frame)
    assert outcome.verdicts == ({"plain_source": 1} if skb_mode.hook == hook else {})
