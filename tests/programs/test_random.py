# SPDX-License-Identifier: GPL-2.0-only
"""Random packets through every program, each against the reference.

IPIPBPF_SEED repeats a run, IPIPBPF_PACKETS makes it shorter or longer.
"""

import os
import random
import time
from collections import Counter

import pytest

from . import random_packets, underlay, verdicts
from .attachment import Attachment
from .epoch import HOOKS, PACKETS, Epoch, chosen_seed, run_epoch
from .forwarding import may_leave_by
from .tables import SWITCH_ON
from .underlay import DEV, OTHER, ROUTES

ALL_PACKETS = int(os.environ.get("IPIPBPF_PACKETS", 100_000))
SEED = chosen_seed()


def random_epoch(dataplane, ifindex, hook, number):
    make = random_packets.leaving if hook == "egress" else random_packets.arriving
    epoch = Epoch(Attachment(dataplane, hook, ifindex), random.Random(f"{SEED} {hook} {number}"), make)
    if hook != "egress" and epoch.random.random() < 0.5:
        epoch.attachment.device(forward=SWITCH_ON)
        may_leave_by(epoch.attachment, OTHER)
    return epoch


@pytest.fixture
def forwarding_ifindex(underlay_ifindex):
    """DEV's index, in this module's namespace: the host forwards for it, but never back to it, where the tunnels are."""
    underlay.set_forwarding(True, DEV)
    underlay.ip(*(f"rule add iif {DEV} to {route.prefix} prohibit pref 77" for route in ROUTES if route.device == DEV))
    return underlay_ifindex


def test_random_packets_agree_with_the_reference(dataplane, forwarding_ifindex, capsys):
    seen, started = Counter(), time.monotonic()
    for number in range(-(-ALL_PACKETS // PACKETS)):
        hook = HOOKS[number % len(HOOKS)]
        epoch, wrong = run_epoch(lambda: random_epoch(dataplane, forwarding_ifindex, hook, number))
        if wrong:
            pytest.fail(f"IPIPBPF_SEED={SEED}, {hook}, epoch {number}:\n{wrong}\n{epoch.attachment.tables}",
                        pytrace=False)
        seen += epoch.seen
    with capsys.disabled():
        print(f"\n{sum(seen.values())} random packets in {time.monotonic() - started:.0f} s, IPIPBPF_SEED={SEED}:")
        for name in verdicts.NAMES:
            print(f"  {name:20} {seen[name]:6}")
        print(f"  {'(not taken up)':20} {seen[None]:6}")
    if ALL_PACKETS >= 100_000:
        unmet = [name for name in verdicts.NAMES if not seen[name]]
        assert not unmet, "verdicts that no packet met"
