# SPDX-License-Identifier: GPL-2.0-only
"""What is to be reached, and whether it was."""
from dataclasses import asdict, dataclass

from . import table


@dataclass(frozen=True)
class Goal:
    """A figure, and what it has to be: at least or at most so much. unit: what follows the numbers; "" for a ratio.

    floor: what the same figure is with programs that do the least that a tunnel must. Where that is beyond the limit, it
    cannot be reached.
    """
    what: str
    value: float
    at_least: float = None
    at_most: float = None
    unit: str = ""
    floor: float = None

    def _holds(self, value):
        return ((self.at_least is None or value >= self.at_least)
                and (self.at_most is None or value <= self.at_most))

    @property
    def reached(self):
        return self._holds(self.value)

    def _answer(self):
        if self.reached:
            return "yes"
        if self.floor is None:
            return "no"
        return "no" if self._holds(self.floor) else "no, nor can it be"

    def _text(self, number):
        return f"{number:.0f} {self.unit}" if self.unit and abs(number) >= 10 else f"{number:.2f} {self.unit}".strip()

    def row(self):
        limit = f"at least {self._text(self.at_least)}" if self.at_most is None else f"at most {self._text(self.at_most)}"
        return [self.what, self._text(self.value), limit, "" if self.floor is None else self._text(self.floor),
                self._answer()]


def show(goals):
    table.show("To reach", ["what", "measured", "to reach", "least programs", "reached"], [goal.row() for goal in goals])


def json(goals):
    return [asdict(goal) | {"reached": goal.reached} for goal in goals]
