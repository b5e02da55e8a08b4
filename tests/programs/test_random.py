# SPDX-License-Identifier: GPL-2.0-only
"""Random packets through every program, each against the reference.

IPIPBPF_SEED repeats a run, IPIPBPF_PACKETS makes it shorter or longer.
"""

import os
import time
from collections import Counter

import pytest

from . import verdicts
from .epoch import HOOKS, PACKETS, chosen_seed, random_epoch, run_epoch

ALL_PACKETS = int(os.environ.get("IPIPBPF_PACKETS", 100_000))
SEED = chosen_seed()


def test_random_packets_agree_with_the_reference(dataplane, forwarding_ifindex, capsys):
    seen, started = Counter(), time.monotonic()
    for number in range(-(-ALL_PACKETS // PACKETS)):
        hook = HOOKS[number % len(HOOKS)]
        epoch, wrong = run_epoch(lambda: random_epoch(dataplane, forwarding_ifindex, hook, number, SEED))
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
