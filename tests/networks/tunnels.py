# SPDX-License-Identifier: GPL-2.0-only
"""Tunnels laid over a network, and what holds for whatever went through one."""
import contextlib

from .program import End, check_carried, counting
from .topology import A, B, INNER_A, INNER_B
from .wire import Capture, check_wire


def between_two_hosts(network, mode, *words, mode_b=None):
    """Attaches A and B of TwoHosts and makes each the other's peer; returns both ends."""
    a, b = End(network.a, network.device), End(network.b, network.device)
    a.attach("mode", mode, "src", INNER_A, *words)
    b.attach("mode", mode_b or mode, "src", INNER_B, *words)
    a.peer(B, "prefix", INNER_B)
    b.peer(A, "prefix", INNER_A)
    return a, b


@contextlib.contextmanager
def carrying(network, one, other, mtu=1500, ends=(A, B)):
    """All IPv4 traffic in the block goes through the tunnel, is counted alike on both ends, and fits the underlay."""
    captures = [Capture(network.router, device) for device in ("to-a", "to-b")]
    with counting(one, other) as count, captures[0], captures[1]:
        yield count
        count.settle(lambda seen: seen.balanced(one, other))
    for capture in captures:
        assert check_wire(capture.frames, mtu, ends) or capture.unseen, "nothing went over the wire"
    check_carried(count, one, other)
