# SPDX-License-Identifier: GPL-2.0-only
"""What must become of one packet."""

from dataclasses import dataclass, field

from .tables import Counters


@dataclass
class News:
    """What a packet tells of the way to a peer. mtu: a new path MTU. owed: True a new error, False one that is paid."""
    remote: str
    mtu: int = None
    owed: bool = None


@dataclass
class Judgement:
    """verdict: None if the packet is not taken up. out: the frame that goes on; None if nothing does.

    packets: as how many it counts. redirected: `out` leaves by the kernel's neighbour code or goes to the stack, and not
    to the next program of the hook.
    After encap_ok, out has identification 0: the contract leaves it open. macs: what the link header must be where the
    packet stays on DEV, None where the kernel's neighbour code writes it.
    """
    verdict: str = None
    fate: str = "UNTOUCHED"
    out: bytes = None
    packets: int = 1
    peer: str = None
    counters: Counters = field(default_factory=Counters)
    macs: bytes = None
    redirected: bool = False
    news: News = None


def dropped(verdict, peer=None, packets=1):
    return Judgement(verdict, "DROP", None, packets, peer, Counters(drops=packets) if peer is not None else Counters())
