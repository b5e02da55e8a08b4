# SPDX-License-Identifier: GPL-2.0-only
"""Ingress at TC: the sum over a whole packet that a network card gave (CHECKSUM_COMPLETE) stays right.

The kernel holds it against the packet after the test run. It can do so for frames without tags and trailer alone: a
test run does not tell a program's helpers that a packet is at ingress, nor looks whether cutting made its sum void.
"""

import pytest

from . import bpf
from .frames import arriving, icmp_error, inner, options, outer, told
from .underlay import BEHIND_GATEWAY, GATEWAY, LOCAL

CHECKSUM_COMPLETE = 1 << 2  # BPF_F_TEST_SKB_CHECKSUM_COMPLETE, Linux 6.11


@pytest.mark.parametrize("length", [0, 4, 40])
@pytest.mark.parametrize("outer_ecn, inner_ecn, result", [(0, 0, 0), (3, 3, 3), (3, 2, 3), (3, 1, 3), (1, 2, 1)])
def test_the_sum_over_a_packet_stays_right(decap_tc, dataplane, outer_ecn, inner_ecn, result, length):
    decap_tc.peer(BEHIND_GATEWAY, "192.168.1.0/24")
    frame = arriving(outer(inner(b"odd", tos=inner_ecn), tos=outer_ecn, options=options(length)))
    context = bpf.skb_context(ifindex=decap_tc.ifindex)
    _, out = dataplane.programs["tc"].run(frame, context, flags=CHECKSUM_COMPLETE)
    assert out == arriving(inner(b"odd", tos=result))


@pytest.mark.parametrize("payload", [b"even", b"odd"])
@pytest.mark.parametrize("length", [0, 4, 40])
def test_the_sum_over_an_error_that_is_handed_on_stays_right(decap_tc, dataplane, length, payload):
    decap_tc.peer(BEHIND_GATEWAY, "192.168.1.0/24")
    what = inner(payload, src="192.168.8.8", dst="192.168.1.9")
    quoted = outer(what, remote=LOCAL, local=BEHIND_GATEWAY)
    error = icmp_error(quoted, 3, 1, src=GATEWAY, quote=600, options=options(length))
    context = bpf.skb_context(ifindex=decap_tc.ifindex)
    _, out = dataplane.programs["tc"].run(arriving(error), context, flags=CHECKSUM_COMPLETE)
    assert out == arriving(told(GATEWAY, "192.168.8.8", what))
