# SPDX-License-Identifier: GPL-2.0-only
"""How long and how often things are measured."""
from dataclasses import dataclass


@dataclass(frozen=True)
class Effort:
    """rounds: how often each transfer is measured, in turns with the others; seconds: how long each time."""
    rounds: int = 14
    seconds: float = 0.3
    quick: bool = False


QUICK = Effort(rounds=3, seconds=0.1, quick=True)
