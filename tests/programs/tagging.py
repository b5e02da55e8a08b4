# SPDX-License-Identifier: GPL-2.0-only
"""VLAN tags beside the frame, where the kernel keeps a packet's outermost one, for test runs of TC programs.

BPF_PROG_TEST_RUN has no way to say them, nor to show them. So a program of ours stands before the one under test: on
its first run it tags the packet, if it is told a tag, and goes over into the tested one; on a second run of the same
packet, which `repeat` makes without restoring it, it writes down the tag that it finds.
"""

import os
import struct

from . import bpf
from .bpf import instruction

R0, R1, R2, R3, R4, R5, R6 = range(7)
MOVE, MOVE_IMMEDIATE, LOAD, STORE, CALL, EXIT = 0xBF, 0xB7, 0x61, 0x63, 0x85, 0x95
JUMP_IF, JUMP_IF_NOT, LOAD_MAP, MAP_FD = 0x15, 0x55, 0x18, 1
VLAN_PUSH, TAIL_CALL = 18, 12
VLAN_PRESENT, VLAN_TCI, VLAN_PROTO, TC_INDEX = 20, 24, 28, 44
CB0, CB1, CB2 = (bpf.SKB_FIELDS[name] for name in ("cb0", "cb1", "cb2"))
REFUSED = 99


class Tagged:
    """A TC program, run with the outermost VLAN tag beside the frame."""

    def __init__(self, program):
        self._program = program
        self._tested = bpf.create_map(bpf.MAP_TYPE_PROG_ARRAY, "tested", 4, 4, 1)
        self._tested[bytes(4)] = struct.pack("=I", program.fd)
        found = [instruction(LOAD, R2, R6, VLAN_PRESENT), instruction(STORE, R6, R2, CB0),
                 instruction(LOAD, R2, R6, VLAN_PROTO), instruction(STORE, R6, R2, CB1),
                 instruction(LOAD, R2, R6, VLAN_TCI), instruction(STORE, R6, R2, CB2),
                 instruction(MOVE_IMMEDIATE, R0), instruction(EXIT)]
        # Before Linux 6.3 only a register can be stored in the context.
        tag = [instruction(MOVE_IMMEDIATE, R4, immediate=1), instruction(STORE, R6, R4, TC_INDEX),
               instruction(LOAD, R2, R6, CB1), instruction(LOAD, R3, R6, CB2),
               instruction(MOVE_IMMEDIATE, R4), instruction(STORE, R6, R4, CB1), instruction(STORE, R6, R4, CB2),
               instruction(JUMP_IF, R2, offset=3), instruction(MOVE, R1, R6), instruction(CALL, immediate=VLAN_PUSH),
               instruction(JUMP_IF_NOT, R0, offset=5),
               instruction(MOVE, R1, R6), instruction(LOAD_MAP, R2, MAP_FD, immediate=self._tested.fd), instruction(0),
               instruction(MOVE_IMMEDIATE, R3), instruction(CALL, immediate=TAIL_CALL),
               instruction(MOVE_IMMEDIATE, R0, immediate=REFUSED), instruction(EXIT)]
        start = [instruction(MOVE, R6, R1), instruction(LOAD, R2, R6, TC_INDEX),
                 instruction(JUMP_IF_NOT, R2, offset=len(tag))]
        self._before = bpf.load_program(bpf.PROG_TYPE_SCHED_CLS, "tag", start + tag + found)

    def close(self):
        os.close(self._before.fd)
        os.close(self._tested.fd)

    def run(self, frame, **fields):
        """As Program.run(), with the frame's outermost tag beside it: the frame that comes back is without it."""
        returned, out = self._before.run(*self._apart(frame, fields))
        if returned == REFUSED:
            raise OSError(f"the kernel did not tag the frame {frame.hex()}")
        return returned, out

    def tag_after(self, frame, in_band=False, **fields):
        """The tag beside the frame after the tested program ran, or no bytes. It runs once more for that. in_band: it had
        the outermost tag in the frame."""
        self._before.run(*((frame, bpf.skb_context(**fields)) if in_band else self._apart(frame, fields)), repeat=2)
        found = self._before.context_out()
        if not found["cb0"]:
            return b""
        return struct.pack("<H", found["cb1"]) + struct.pack("!H", found["cb2"])

    @staticmethod
    def _apart(frame, fields):
        kind, tag = int.from_bytes(frame[12:14], "little"), int.from_bytes(frame[14:16], "big")
        return frame[:12] + frame[16:], bpf.skb_context(cb1=kind, cb2=tag, **fields)
