# SPDX-License-Identifier: GPL-2.0-only
"""What is to be reached, and whether it was."""
from dataclasses import asdict, dataclass

from . import table


@dataclass(frozen=True)
class Goal:
    """A ratio, and what it has to be at least."""
    what: str
    ratio: float
    at_least: float

    @property
    def reached(self):
        return self.ratio >= self.at_least


def show(goals):
    rows = [[goal.what, f"{goal.ratio:.2f}", f"{goal.at_least:.2f}", "yes" if goal.reached else "no"] for goal in goals]
    table.show("To reach", ["what", "ratio", "at least", "reached"], rows)


def json(goals):
    return [asdict(goal) | {"reached": goal.reached} for goal in goals]
