# SPDX-License-Identifier: GPL-2.0-only
"""One packet given to one program: what came of it, without a reference in between.

Packets come from scapy, and what a program made is taken apart by hand.
"""

from networks.wire import IPv4
from programs.attachment import TC_REDIRECT, TC_SHOT, TC_UNSPEC, XDP_DROP, XDP_PASS
from programs.frames import arriving, inner, leaving, tcp

LINK_HEADER = 14
HERE, THERE = "192.168.8.8", "192.168.1.9"


def outgoing(payload=b"inner payload", **fields):
    """A packet of this host for the tunnel."""
    return inner(payload, **{"src": HERE, "dst": THERE, **fields})


def outgoing_tcp(payload, **fields):
    return tcp(payload, **{"src": HERE, "dst": THERE, **fields})


def wrap(encapsulator, packet, **context):
    """The outer packet that a packet leaves in."""
    outcome = encapsulator.observe(leaving(packet), **context)
    assert outcome.verdicts == {"encap_ok": 1} and outcome.returned in (TC_UNSPEC, TC_REDIRECT)
    return IPv4(outcome.out[LINK_HEADER:])


def unwrap(decapsulator, packet, verdict="decap_ok", trailer=b""):
    """The bytes behind the link header, as the stack gets them, of a packet that arrived wrapped."""
    frame = arriving(packet, trailer=trailer)
    outcome = decapsulator.observe(frame)
    assert outcome.verdicts == {verdict: 1} and outcome.returned == passed(decapsulator)
    assert outcome.out[:LINK_HEADER] == frame[:LINK_HEADER]
    return outcome.out[LINK_HEADER:]


def discard(attachment, frame, verdict, **context):
    """The frame goes nowhere, and that is counted once, under this verdict."""
    outcome = attachment.observe(frame, **context)
    assert outcome.verdicts == {verdict: 1}
    assert outcome.returned == (XDP_DROP if attachment.hook == "xdp" else TC_SHOT)
    return outcome


def answer(encapsulator, packet, verdict, **context):
    """The packet that a packet was turned into which cannot be sent: the error for its sender."""
    outcome = encapsulator.observe(leaving(packet), **context)
    assert outcome.verdicts == {verdict: 1} and outcome.returned == TC_REDIRECT
    return IPv4(outcome.out[LINK_HEADER:])


def leave_to_the_stack(attachment, frame, verdict=None, **context):
    """The frame goes on as it came."""
    outcome = attachment.observe(frame, **context)
    assert outcome.verdicts == ({verdict: 1} if verdict else {})
    assert outcome.returned == passed(attachment) and outcome.out == frame


def passed(attachment):
    return XDP_PASS if attachment.hook == "xdp" else TC_UNSPEC
