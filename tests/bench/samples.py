# SPDX-License-Identifier: GPL-2.0-only
"""Figures that were measured several times: what is said of them."""
import random
import statistics


class Samples(list):
    """One figure's samples, in the order of the rounds."""

    @property
    def median(self):
        return statistics.median(self)

    @property
    def quartiles(self):
        """Between the two lies one half of the samples."""
        first, _, third = statistics.quantiles(self, n=4, method="inclusive") if len(self) > 1 else self * 3
        return first, third

    def against(self, other):
        """The ratio to `other` in each round. What slows the machine for a while slows both, and is gone from it."""
        return Samples(one / two for one, two in zip(self, other, strict=True))

    def json(self):
        return {"median": self.median, "min": min(self), "max": max(self), "samples": list(self)}


def rounds(count, cases):
    """The cases in each of `count` rounds, each time in another order, so that none always follows the same other."""
    order = random.Random(count)
    for number in range(count):
        yield number, order.sample(cases, len(cases))
