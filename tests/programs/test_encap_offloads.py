# SPDX-License-Identifier: GPL-2.0-only
"""Egress: a wrapped packet is known to the kernel as one, without which no device could cut or check it rightly.

The kernel refuses to wrap what it knows as wrapped. So a program of ours goes over into the one under test, and on a
second run of the same packet, which `repeat` makes without restoring it, asks the kernel to wrap it and notes the answer.
"""

import errno
import os
import struct

import pytest

from . import bpf
from .bpf import instruction
from .frames import inner, leaving
from .tagging import (CALL, CB0, EXIT, JUMP_IF_NOT, LOAD, LOAD_MAP, MAP_FD, MOVE, MOVE_IMMEDIATE, R0, R1, R2, R3, R4, R6,
                      REFUSED, STORE, TAIL_CALL, TC_INDEX)
from .underlay import BEHIND_GATEWAY, ELSEWHERE

ADJUST_ROOM, ROOM_MAC, ENCAP_L3_IPV4 = 50, 1, 1 << 1


@pytest.fixture
def wrapped_once_more(dataplane):
    """A function: the kernel's answer to wrapping a frame that the egress program has had."""
    tested = bpf.create_map(bpf.MAP_TYPE_PROG_ARRAY, "tested", 4, 4, 1)
    tested[bytes(4)] = struct.pack("=I", dataplane.programs["egress"].fd)
    go_over = [instruction(MOVE_IMMEDIATE, R4, immediate=1), instruction(STORE, R6, R4, TC_INDEX),
               instruction(MOVE, R1, R6),
               instruction(LOAD_MAP, R2, MAP_FD, immediate=tested.fd), instruction(0), instruction(MOVE_IMMEDIATE, R3),
               instruction(CALL, immediate=TAIL_CALL), instruction(MOVE_IMMEDIATE, R0, immediate=REFUSED),
               instruction(EXIT)]
    wrap = [instruction(MOVE, R1, R6), instruction(MOVE_IMMEDIATE, R2, immediate=20),
            instruction(MOVE_IMMEDIATE, R3, immediate=ROOM_MAC),
            instruction(MOVE_IMMEDIATE, R4, immediate=ENCAP_L3_IPV4), instruction(CALL, immediate=ADJUST_ROOM),
            instruction(STORE, R6, R0, CB0), instruction(MOVE_IMMEDIATE, R0), instruction(EXIT)]
    start = [instruction(MOVE, R6, R1), instruction(LOAD, R2, R6, TC_INDEX),
             instruction(JUMP_IF_NOT, R2, offset=len(go_over))]
    program = bpf.load_program(bpf.PROG_TYPE_SCHED_CLS, "wrap_again", start + go_over + wrap)

    def answer(frame, **context):
        returned, _ = program.run(frame, bpf.skb_context(**context), repeat=2)
        assert returned == 0
        return -struct.unpack("=i", struct.pack("=I", program.context_out()["cb0"]))[0]

    yield answer
    os.close(program.fd)
    os.close(tested.fd)


@pytest.mark.parametrize("remote", [BEHIND_GATEWAY, ELSEWHERE])
def test_the_kernel_knows_the_outer_header(encap, wrapped_once_more, remote):
    encap.peer(remote, "192.168.1.0/24")
    frame = leaving(inner(src="192.168.8.8", dst="192.168.1.9"))
    assert wrapped_once_more(frame, ifindex=encap.ifindex) == errno.EALREADY


def test_what_is_left_alone_is_no_tunnels_packet(encap, wrapped_once_more):
    encap.peer(BEHIND_GATEWAY, "192.168.1.0/24")
    frame = leaving(inner(src="192.168.8.8", dst="192.168.2.9"))
    assert wrapped_once_more(frame, ifindex=encap.ifindex) == 0
