# SPDX-License-Identifier: GPL-2.0-only
"""Charts, drawn by gnuplot as SVG. Each says below of what commit, on what kernel and CPU it was made."""
import subprocess
import textwrap
from dataclasses import dataclass

WIDTH, HEIGHT = 900, 440
COLOURS = ("#9aa0a6", "#e08214", "#1b7837", "#5aae61", "#2166ac", "#92c5de", "#762a83", "#c2a5cf")

_FRAME = """set terminal svg size {width},{height} font "sans-serif,13" background "white" enhanced
set title {title} noenhanced
set ylabel {unit} noenhanced
set label 1 {about} at screen 0.99,0.02 right font ",10" textcolor rgb "#606060" noenhanced
set key outside center top horizontal samplen 1 noenhanced
set tmargin 5
set border 3
set grid ytics lc rgb "#e0e0e0"
set xtics nomirror noenhanced
set ytics nomirror
set bmargin 6
set yrange [0:*]
"""
_BARS = """set style data histogram
set style histogram errorbars gap 1 lw 1
set style fill solid border lc rgb "white"
set errorbars lc rgb "black"
set xrange [-0.7:{last}.7]
"""
# Characters of a label below a group, on a line.
LABEL_WIDTH = 13


def _quoted(text):
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _wrapped(text):
    return '"' + "\\n".join(textwrap.wrap(text, LABEL_WIDTH)) + '"'


def _frame(chart, about):
    return _FRAME.format(width=WIDTH, height=HEIGHT, title=_quoted(chart.title), unit=_quoted(chart.unit),
                         about=_quoted(about))


def _block(name, rows):
    return f"${name} << EOD\n" + "".join(" ".join(map(str, row)) + "\n" for row in rows) + "EOD\n"


@dataclass(frozen=True)
class Bars:
    """Groups of bars. series: {label: [(value, low, high) of each group]}; line: a height at which to draw one."""
    name: str
    title: str
    unit: str
    groups: list
    series: dict
    line: float = None

    def script(self, about):
        rows = [[_wrapped(group), *(number for values in self.series.values() for number in values[index])]
                for index, group in enumerate(self.groups)]
        plots = [f'$data using {at}:{at + 1}:{at + 2}:xtic(1) title {_quoted(label)} lc rgb "{COLOURS[index]}"'
                 for index, (label, at) in enumerate(zip(self.series, range(2, 100, 3)))]
        line = f'{self.line} with lines notitle lc rgb "black" dt 2' if self.line else None
        return (_frame(self, about) + _BARS.format(last=len(rows) - 1) + _block("data", rows) +
                "plot " + ", ".join(filter(None, [*plots, line])) + "\n")


@dataclass(frozen=True)
class Lines:
    """Lines over a logarithmic axis. series: {label: [(x, value, low, high)]}."""
    name: str
    title: str
    unit: str
    axis: str
    series: dict

    def script(self, about):
        blocks = "".join(_block(f"data{index}", rows) for index, rows in enumerate(self.series.values()))
        plots = [f'$data{index} using 1:2:3:4 with yerrorlines pt 7 ps 0.5 '
                 f'lc rgb "{COLOURS[index]}" title {_quoted(label)}' for index, label in enumerate(self.series)]
        axis = f'set xlabel {_quoted(self.axis)} noenhanced\nset logscale x\nset format x "%.0s%c"\n'
        return _frame(self, about) + axis + blocks + "plot " + ", ".join(plots) + "\n"


def draw(chart, directory, about):
    """Writes DIRECTORY/NAME.svg, and the script that made it beside it."""
    target = directory / f"{chart.name}.svg"
    script = f"set output {_quoted(str(target))}\n" + chart.script(about)
    (directory / f"{chart.name}.gnuplot").write_text(script, encoding="utf-8")
    subprocess.run(["gnuplot"], input=script, text=True, check=True)
    return target
