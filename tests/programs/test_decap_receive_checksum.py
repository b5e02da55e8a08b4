# SPDX-License-Identifier: GPL-2.0-only
"""TC: the sum over a whole packet that a network card gave (CHECKSUM_COMPLETE) stays right, also of one that is sent on
out of another device as it came; and so does a card's word that sums are right (CHECKSUM_UNNECESSARY).

The kernel holds the sum against the packet after the test run. It can do so for frames without tags and trailer alone: a
test run does not tell a program's helpers that a packet is at ingress, nor looks whether cutting made its sum void.
"""

import pytest
from scapy.compat import raw

from . import bpf
from .bpf import instruction
from .frames import arriving, icmp_error, inner, leaving, options, outer, told, wrapped
from .tagging import CALL, CB0, EXIT, MOVE, MOVE_IMMEDIATE, R0, R1, R2, R6, STORE
from .test_encap_offloads import Twice
from .underlay import BEHIND_GATEWAY, GATEWAY, LOCAL, UNROUTED

CHECKSUM_COMPLETE = 1 << 2  # BPF_F_TEST_SKB_CHECKSUM_COMPLETE, Linux 6.11
CSUM_LEVEL, QUERY, INCREASE = 135, 0, 1


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


def test_the_sum_over_a_packet_that_is_wrapped_stays_right(encap, dataplane):
    encap.peer(BEHIND_GATEWAY, "192.168.1.0/24")
    packet = inner(b"odd", src="192.168.8.8", dst="192.168.1.9")
    for _ in range(2):  # the first goes by way of the kernel's neighbour code
        context = bpf.skb_context(ifindex=encap.ifindex)
        _, out = dataplane.programs["egress"].run(leaving(packet), context, flags=CHECKSUM_COMPLETE)
        assert out[14:] == wrapped(packet)[14:]


@pytest.mark.parametrize("length", [0, 13, 548, 1000])
def test_the_sum_over_a_packet_that_becomes_an_error_stays_right(encap, dataplane, length):
    encap.peer(UNROUTED, "192.168.1.0/24")
    packet = inner(bytes(length), src="192.168.8.8", dst="192.168.1.9")
    context = bpf.skb_context(ifindex=encap.ifindex)
    _, out = dataplane.programs["egress"].run(leaving(packet), context, flags=CHECKSUM_COMPLETE)
    assert out[14:] == raw(told(UNROUTED, "192.168.8.8", packet))


def level(change):
    """Of the sums that are known to be right, one within the other: how many there are, less one."""
    return [instruction(MOVE, R1, R6), instruction(MOVE_IMMEDIATE, R2, immediate=change),
            instruction(CALL, immediate=CSUM_LEVEL)]


@pytest.mark.parametrize("sums", [1, 2])
def test_what_a_card_found_right_is_known_to_be_right_behind_the_program(decap_tc, dataplane, sums):
    decap_tc.peer(BEHIND_GATEWAY, "192.168.1.0/24")
    twice = Twice(dataplane.programs["tc"], lambda _: level(QUERY) + [
        instruction(STORE, R6, R0, CB0), instruction(MOVE_IMMEDIATE, R0), instruction(EXIT)], before=sums * level(INCREASE))
    _, out, known = twice.run(arriving(outer(inner())), ifindex=decap_tc.ifindex)
    twice.close()
    assert (out, known) == (arriving(inner()), sums - 1)
