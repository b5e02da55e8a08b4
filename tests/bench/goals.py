# SPDX-License-Identifier: GPL-2.0-only
"""What is to be reached, and whether it was."""
from dataclasses import asdict, dataclass

from . import table


@dataclass(frozen=True)
class Goal:
    """A figure, and what it has to be: at least or at most so much. unit: what follows the numbers; "" for a ratio."""
    what: str
    value: float
    at_least: float = None
    at_most: float = None
    unit: str = ""

    @property
    def reached(self):
        return ((self.at_least is None or self.value >= self.at_least)
                and (self.at_most is None or self.value <= self.at_most))

    def _text(self, number):
        return f"{number:.0f} {self.unit}" if self.unit and abs(number) >= 10 else f"{number:.2f} {self.unit}".strip()

    def row(self):
        limit = f"at least {self._text(self.at_least)}" if self.at_most is None else f"at most {self._text(self.at_most)}"
        return [self.what, self._text(self.value), limit, "yes" if self.reached else "no"]


def show(goals):
    table.show("To reach", ["what", "measured", "to reach", "reached"], [goal.row() for goal in goals])


def json(goals):
    return [asdict(goal) | {"reached": goal.reached} for goal in goals]
