# SPDX-License-Identifier: GPL-2.0-only
"""TC: packets of which only the link header can be read before more is asked for; test runs have whole ones."""

import contextlib
import os
import socket
import struct

import pytest
from scapy.compat import raw
from scapy.layers.inet import IP

from . import bpf, verdicts
from .attachment import TC_SHOT
from .bpf import instruction
from .frames import TAGGINGS, arriving, icmp_error, inner, leaving, options, outer, told
from .ipv4 import with_icmp_checksum
from .tagging import EXIT, JUMP_IF_NOT, LOAD, LOAD_MAP, MOVE_IMMEDIATE, R0, R1, R2, R3, STORE
from .test_truncation import LEAVING, OURS, PACKETS
from .underlay import BEHIND_GATEWAY, DEV, GATEWAY, OTHER, UNROUTED
from .wire import EGRESS, INGRESS, Scattered, Wire, attached, redirecting

SHORT = {"short behind inner options": outer(inner(b"", options=options(40))),
         "short behind both options": outer(inner(b"", options=options(40)), options=options(40)),
         "short quote of ours behind options": icmp_error(OURS, quote=20, options=options(40)),
         "ping": icmp_error(OURS, kind=8), "header alone": IP(src="192.168.1.9", dst="192.168.8.8", proto=17)}
IN_PACKETS = {**PACKETS, **SHORT}

# Places in struct __sk_buff; the difference of two registers; what a register is told to be: a map's value.
PROTOCOL, DATA, DATA_END, SUBTRACT, MAP_VALUE = 16, 76, 80, 0x1F, 2


def counted(attachment):
    return {verdicts.NAMES[index]: count for index, count in enumerate(attachment.verdicts()) if count}


def agrees(attachment, judgement):
    """Whether the one packet counts as the reference says."""
    assert counted(attachment) == ({judgement.verdict: judgement.packets} if judgement.verdict else {})
    assert attachment.counters() == ({judgement.peer: judgement.counters} if judgement.peer else {})


@pytest.fixture
def arrive(decap_tc, dataplane):
    """A function that has a frame arrive at DEV. What is not dropped goes on, out of another device, to be read."""
    with contextlib.closing(Scattered(f"far-{DEV}")) as far, contextlib.closing(Wire(f"far-{OTHER}")) as other, \
            redirecting(socket.if_nametoindex(OTHER)) as on, \
            attached(decap_tc.ifindex, INGRESS, dataplane.programs["tc"], on):
        def arrive(frame):
            far.send(frame)
            return other.receive
        yield arrive


@pytest.mark.parametrize("tags", [TAGGINGS["untagged"], TAGGINGS["vlan"], TAGGINGS["qinq"]],
                         ids=["untagged", "vlan", "qinq"])
@pytest.mark.parametrize("name", IN_PACKETS)
def test_decap_reads_a_scattered_packet_as_any_other(decap_tc, arrive, name, tags):
    decap_tc.peer(BEHIND_GATEWAY, "192.168.1.0/24")
    frame = arriving(IN_PACKETS[name], tags)
    judgement = decap_tc.judge(frame)
    receive = arrive(frame)
    if judgement.fate != "DROP":
        _, out = receive()
        assert out == (judgement.out[:12] + judgement.out[16:] if tags else judgement.out)
    agrees(decap_tc, judgement)


@pytest.fixture
def readable(decap_tc, dataplane):
    """A function: of a frame that arrives at DEV, how many bytes the next program can read without asking. It looks at
    IPv4 alone, as the kernel speaks IPv6 by itself."""
    found = bpf.create_map(bpf.MAP_TYPE_ARRAY, "found", 4, 4, 1)
    next_program = bpf.load_program(bpf.PROG_TYPE_SCHED_CLS, "readable", [
        instruction(LOAD, R2, R1, PROTOCOL), instruction(JUMP_IF_NOT, R2, offset=6, immediate=8),
        instruction(LOAD, R2, R1, DATA_END), instruction(LOAD, R3, R1, DATA), instruction(SUBTRACT, R2, R3),
        instruction(LOAD_MAP, R1, MAP_VALUE, immediate=found.fd), instruction(0), instruction(STORE, R1, R2),
        instruction(MOVE_IMMEDIATE, R0, immediate=TC_SHOT), instruction(EXIT)])

    def readable(frame):
        far.send(frame)
        return struct.unpack("=I", found[bytes(4)])[0]

    with contextlib.closing(Scattered(f"far-{DEV}")) as far, \
            attached(decap_tc.ifindex, INGRESS, dataplane.programs["tc"], next_program):
        yield readable
    os.close(next_program.fd)
    os.close(found.fd)


@pytest.mark.parametrize("packet, needed", [
    (inner(bytes(100), src="8.8.8.8"), 14 + 4 + 20),
    (icmp_error(OURS, kind=8, src=GATEWAY), 14 + 20 + 8),
    (icmp_error(OURS, kind=8, src=GATEWAY, options=options(40)), 14 + 60 + 8),
    (icmp_error(inner(bytes(100)), src=GATEWAY, quote=100), 14 + 20 + 8 + 100),
    (icmp_error(OURS, src="192.168.1.9", quote=100, flags="MF"), 14 + 20 + 8 + 20),
    (outer(inner(bytes(100)), remote="192.0.2.99"), 14 + 20 + 20 + 20),
    (outer(inner(bytes(100), options=options(40)), remote="192.0.2.99", options=options(40)), 14 + 60 + 60 + 20),
    (outer(inner(bytes(100), ihl=0), remote="192.0.2.99"), 14 + 20 + 20),
], ids=["another's", "ping", "ping with options", "error about another's", "first fragment of an error about ours",
        "tunnel of no peer", "with options", "without an inner header"])
def test_of_what_is_left_alone_no_byte_is_made_readable_but_those_that_tell(decap_tc, readable, packet, needed):
    """The rest may stay in its pages: a tag at most, IPv4 headers, and what is behind them; of an error all of it."""
    decap_tc.peer(BEHIND_GATEWAY, "192.168.1.0/24")
    assert readable(arriving(packet, trailer=bytes(200))) == needed


@pytest.mark.parametrize("name", LEAVING)
def test_encap_reads_a_scattered_packet_as_any_other(encap, dataplane, name):
    encap.peer(BEHIND_GATEWAY, "192.168.1.0/24")
    frame = leaving(LEAVING[name])
    judgement = encap.judge(frame)
    with contextlib.closing(Scattered(DEV)) as near, contextlib.closing(Wire(f"far-{DEV}")) as far, \
            attached(encap.ifindex, EGRESS, dataplane.programs["egress"]):
        near.send(frame)
        _, out = far.receive()
    assert out[14:] == judgement.out[14:]
    agrees(encap, judgement)


@pytest.mark.parametrize("length", [0, 4, 40])
@pytest.mark.parametrize("message", [b"\x08", b"\x08" + bytes(7), b"\x08" + bytes(range(7)) + bytes(1000)],
                         ids=["a byte", "a header", "more than is quoted"])
def test_a_scattered_ping_draws_an_error_as_any_other(encap, dataplane, message, length):
    """Whether one may be told of it stands behind its IPv4 header."""
    encap.peer(UNROUTED, "192.168.1.0/24")
    whole = with_icmp_checksum(message) if len(message) > 4 else message
    what = IP(src="192.168.8.8", dst="192.168.1.9", proto=1, options=options(length)) / whole
    with contextlib.closing(Scattered(DEV)) as near, contextlib.closing(Wire(DEV)) as here, \
            attached(encap.ifindex, EGRESS, dataplane.programs["egress"]):
        near.send(leaving(what))
        _, out = here.receive()
    assert out[14:] == raw(told(UNROUTED, "192.168.8.8", what))
    assert counted(encap) == {"encap_no_route": 1}
