# SPDX-License-Identifier: GPL-2.0-only
"""Figures that were measured several times: what is said of them."""
import statistics


class Samples(list):
    """One figure's samples, in the order of the rounds."""

    @property
    def median(self):
        return statistics.median(self)

    def ratio(self, other):
        """The ratio of the medians."""
        return self.median / other.median

    def json(self):
        return {"median": self.median, "min": min(self), "max": max(self), "samples": list(self)}


def rounds(count, cases):
    """The cases in each of `count` rounds, each round beginning with another one, so that none is always the first."""
    for number in range(count):
        start = number % len(cases)
        yield number, [*cases[start:], *cases[:start]]
