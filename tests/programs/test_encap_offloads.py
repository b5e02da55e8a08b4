# SPDX-License-Identifier: GPL-2.0-only
"""Egress: a wrapped packet is known to the kernel as one, without which no device could cut or check it rightly.

The kernel refuses to wrap what it knows as wrapped. So a program of ours goes over into the one under test, and on a
second run of the same packet, which `repeat` makes without restoring it, does with the packet what a test asks for.
"""

import errno
import os
import struct

import pytest

from . import bpf
from .bpf import instruction
from .frames import inner, leaving
from .tagging import (CALL, CB0, EXIT, JUMP_IF_NOT, LOAD, LOAD_MAP, MAP_FD, MOVE, MOVE_IMMEDIATE, R0, R1, R2, R3, R4, R5,
                      R6, REFUSED, STORE, TAIL_CALL, TC_INDEX)
from .underlay import BEHIND_GATEWAY, ELSEWHERE

ADJUST_ROOM, ROOM_MAC, ENCAP_L3_IPV4 = 50, 1, 1 << 1


class Twice:
    """A program, and on a packet's second run others' instructions; R6 is the context. before: those of the first run."""

    def __init__(self, program, second, before=()):
        self._tested = bpf.create_map(bpf.MAP_TYPE_PROG_ARRAY, "tested", 4, 4, 1)
        self._tested[bytes(4)] = struct.pack("=I", program.fd)
        first = [instruction(MOVE_IMMEDIATE, R4, immediate=1), instruction(STORE, R6, R4, TC_INDEX), *before,
                 *self.go_over()]
        start = [instruction(MOVE, R6, R1), instruction(LOAD, R2, R6, TC_INDEX),
                 instruction(JUMP_IF_NOT, R2, offset=len(first))]
        self._program = bpf.load_program(bpf.PROG_TYPE_SCHED_CLS, "twice", start + first + second(self))

    def go_over(self):
        return [instruction(MOVE, R1, R6), instruction(LOAD_MAP, R2, MAP_FD, immediate=self._tested.fd), instruction(0),
                instruction(MOVE_IMMEDIATE, R3), instruction(CALL, immediate=TAIL_CALL),
                instruction(MOVE_IMMEDIATE, R0, immediate=REFUSED), instruction(EXIT)]

    def run(self, frame, **context):
        """What was returned last, the frame, and what is in the context's first word."""
        returned, out = self._program.run(frame, bpf.skb_context(**context), repeat=2)
        return returned, out, struct.unpack("=i", struct.pack("=I", self._program.context_out()["cb0"]))[0]

    def close(self):
        os.close(self._program.fd)
        os.close(self._tested.fd)


def make_room(by, flags):
    return [instruction(MOVE, R1, R6), instruction(MOVE_IMMEDIATE, R2, immediate=by),
            instruction(MOVE_IMMEDIATE, R3, immediate=ROOM_MAC), instruction(MOVE_IMMEDIATE, R4, immediate=flags),
            instruction(MOVE_IMMEDIATE, R5), instruction(CALL, immediate=ADJUST_ROOM)]


@pytest.fixture
def wrapped_once_more(dataplane):
    """A function: the kernel's answer to wrapping a frame that the egress program has had."""
    twice = Twice(dataplane.programs["egress"], lambda _: make_room(20, ENCAP_L3_IPV4) + [
        instruction(STORE, R6, R0, CB0), instruction(MOVE_IMMEDIATE, R0), instruction(EXIT)])

    def answer(frame, **context):
        returned, _, error = twice.run(frame, **context)
        assert returned == 0
        return -error

    yield answer
    twice.close()


@pytest.fixture
def unwrapped_and_wrapped_again(dataplane):
    """A function: what a frame is that the egress program has again, after others took off its outer header and left the
    kernel's mark."""
    twice = Twice(dataplane.programs["egress"], lambda program: make_room(-20, 0) + program.go_over())
    yield lambda frame, **context: twice.run(frame, **context)[1]
    twice.close()


@pytest.mark.parametrize("remote", [BEHIND_GATEWAY, ELSEWHERE])
def test_the_kernel_knows_the_outer_header(encap, wrapped_once_more, remote):
    encap.peer(remote, "192.168.1.0/24")
    frame = leaving(inner(src="192.168.8.8", dst="192.168.1.9"))
    assert wrapped_once_more(frame, ifindex=encap.ifindex) == errno.EALREADY


def test_what_is_left_alone_is_no_tunnels_packet(encap, wrapped_once_more):
    encap.peer(BEHIND_GATEWAY, "192.168.1.0/24")
    frame = leaving(inner(src="192.168.8.8", dst="192.168.2.9"))
    assert wrapped_once_more(frame, ifindex=encap.ifindex) == 0


def test_a_packet_that_still_bears_another_tunnels_mark_is_wrapped(encap, unwrapped_and_wrapped_again):
    encap.peer(BEHIND_GATEWAY, "192.168.1.0/24")
    before, frame = encap.verdict("encap_ok"), leaving(inner(src="192.168.8.8", dst="192.168.1.9"))
    once = encap.observe(frame)
    assert unwrapped_and_wrapped_again(frame, ifindex=encap.ifindex)[12:] == once.out[12:]
    assert once.verdicts == {"encap_ok": 1} and encap.verdict("encap_ok") == before + 3
