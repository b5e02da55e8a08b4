# SPDX-License-Identifier: GPL-2.0-only
"""A traced program that strace has stopped (inject=...:signal=SIGSTOP)."""
import time

ALIKE, PAUSE_SECONDS = 10, 0.02


def _children(parent):
    with open(f"/proc/{parent}/task/{parent}/children", encoding="ascii") as file:
        return [int(child) for child in file.read().split()]


def _standing(process):
    """Its state, and how often it has run: a tracer makes no difference between its stops and others'."""
    with open(f"/proc/{process}/status", encoding="ascii") as file:
        fields = dict(line.split(":", 1) for line in file.read().splitlines())
    return fields["State"].split()[0], fields["voluntary_ctxt_switches"], fields["nonvoluntary_ctxt_switches"]


def standing_still(tracer):
    """Waits until the program that `tracer` runs stands still; returns its number."""
    seen = []
    while len(seen) < ALIKE or len(set(seen[-ALIKE:])) > 1 or seen[-1][1][0] not in "tT":
        seen += [(child, _standing(child)) for child in _children(tracer)[:1]]
        time.sleep(PAUSE_SECONDS)
    return seen[-1][0]
