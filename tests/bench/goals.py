# SPDX-License-Identifier: GPL-2.0-only
"""What is to be reached, and whether it was."""
from dataclasses import dataclass

from . import table
from .samples import Samples


@dataclass(frozen=True)
class Goal:
    """A figure, and what it has to be: at least or at most so much. unit: what follows the numbers; "" for a ratio.

    floor: Samples of the same figure with programs that do the least that a tunnel must. Where three quarters of these
    miss the limit, it cannot be reached.
    """
    what: str
    value: float
    at_least: float = None
    at_most: float = None
    unit: str = ""
    floor: Samples = None

    def _holds(self, value):
        return ((self.at_least is None or value >= self.at_least)
                and (self.at_most is None or value <= self.at_most))

    @property
    def reached(self):
        return self._holds(self.value)

    def _text(self, number):
        return f"{number:.0f} {self.unit}" if self.unit and abs(number) >= 10 else f"{number:.2f} {self.unit}".strip()

    @property
    def possible(self):
        """False where it was measured that it is not."""
        return self.floor is None or any(map(self._holds, self.floor.quartiles))

    def _answer(self):
        return "yes" if self.reached else "no" if self.possible else "no, nor can it be"

    def row(self):
        limit = f"at least {self._text(self.at_least)}" if self.at_most is None else f"at most {self._text(self.at_most)}"
        floor = "" if self.floor is None else self._text(self.floor.median)
        return [self.what, self._text(self.value), limit, floor, self._answer()]

    def json(self):
        return {"what": self.what, "value": self.value, "unit": self.unit, "at_least": self.at_least,
                "at_most": self.at_most, "least_programs": self.floor and self.floor.median, "reached": self.reached,
                "possible": self.possible}


def show(goals):
    table.show("To reach", ["what", "measured", "to reach", "least programs", "reached"], [goal.row() for goal in goals])


def json(goals):
    return [goal.json() for goal in goals]
