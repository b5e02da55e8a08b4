# SPDX-License-Identifier: GPL-2.0-only
"""TC: packets of which only the link header can be read before more is asked for; test runs have whole ones."""

import contextlib
import socket

import pytest
from scapy.compat import raw
from scapy.layers.inet import IP

from . import verdicts
from .frames import TAGGINGS, arriving, icmp_error, inner, leaving, options, outer, told
from .ipv4 import with_icmp_checksum
from .test_truncation import LEAVING, OURS, PACKETS
from .underlay import BEHIND_GATEWAY, DEV, OTHER, UNROUTED
from .wire import EGRESS, INGRESS, Scattered, Wire, attached, redirecting

SHORT = {"short behind inner options": outer(inner(b"", options=options(40))),
         "short behind both options": outer(inner(b"", options=options(40)), options=options(40)),
         "short quote of ours behind options": icmp_error(OURS, quote=20, options=options(40)),
         "ping": icmp_error(OURS, kind=8), "header alone": IP(src="192.168.1.9", dst="192.168.8.8", proto=17)}
IN_PACKETS = {**PACKETS, **SHORT}


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
