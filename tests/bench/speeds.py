# SPDX-License-Identifier: GPL-2.0-only
"""What traffic over several paths showed, and how the paths compare."""
import collections
import sys

from . import paths, table, traffic
from .charts import Bars
from .samples import Samples, rounds

# A batch of rounds has networks of its own: where their memory happens to lie is chance that must not last for a run.
ROUNDS_A_BATCH = 7


def _batches(count):
    for done in range(0, count, ROUNDS_A_BATCH):
        yield done, min(ROUNDS_A_BATCH, count - done)


class Speeds:
    """{figure: {path's name: Samples}}, and the mode that auto took."""

    def __init__(self, names):
        self._names, self.auto = names, ""
        self._of = collections.defaultdict(lambda: {name: Samples() for name in names})

    def measure(self, runs, effort, made=paths.made):
        """Each run over each path in each round. run(path, seconds) gives {figure: value}; made: whence the paths come."""
        for done, count in _batches(effort.rounds):
            with made(self._names) as ways:
                for number, turns in rounds(count, ways):
                    print(f"traffic, round {done + number + 1} of {effort.rounds}", file=sys.stderr, flush=True)
                    for path in turns:
                        self._run(path, runs, effort.seconds)
        return self

    def _run(self, path, runs, seconds):
        for run in runs:
            for figure, value in run(path, seconds).items():
                self._of[figure][path.name].append(value)
        if path.name == paths.AUTO:
            self.auto = path.mode

    def label(self, name):
        return f"{name} ({self.auto})" if name == paths.AUTO else name

    def ratio(self, figure, name, other):
        """How a path compares to another, round by round."""
        return self._of[figure][name].against(self._of[figure][other])

    def _rows(self, figure, first, others):
        scale, number = traffic.FIGURES[figure].scale, traffic.FIGURES[figure].number
        for name, samples in self._of[figure].items():
            yield [self.label(name), table.spread(Samples(value / scale for value in samples), number),
                   table.middle(self.ratio(figure, name, first)),
                   *(f"{self.ratio(figure, name, other).median:.2f}" for other in others)]

    def show(self, first, others):
        """A table for each figure: with the ratio to `first` and its spread, and the ratios to others."""
        for figure in self._of:
            count = len(self._of[figure][first])
            less = ", the less the better" if traffic.FIGURES[figure].less else ""
            table.show(f"{traffic.FIGURES[figure].title}{less}: median of {count} (min..max); ratios, round by round: "
                       "median (quartiles)",
                       ["path", "", f"against {first}", *(f"against {other}" for other in others)],
                       list(self._rows(figure, first, others)))

    def chart(self, name, title, first, figures, ways):
        """Ratios to a path: a group of bars for each figure, a colour for each path."""
        series = {self.label(way): [self.ratio(figure, way, first) for figure in figures] for way in ways}
        return Bars(name, title, f"against {first}", [traffic.FIGURES[figure].short for figure in figures],
                    {label: [(ratio.median, *ratio.quartiles) for ratio in ratios] for label, ratios in series.items()},
                    line=1)

    def json(self):
        return {"auto": self.auto, "figures": {figure: {name: samples.json() for name, samples in ways.items()}
                                               for figure, ways in self._of.items()}}

    @classmethod
    def from_json(cls, found):
        """What json() gave, in another process."""
        speeds = cls(next(iter(found["figures"].values())))
        speeds.auto = found["auto"]
        for figure, ways in found["figures"].items():
            for name, samples in ways.items():
                speeds._of[figure][name].extend(samples["samples"])
        return speeds
