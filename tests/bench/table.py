# SPDX-License-Identifier: GPL-2.0-only
"""Tables on the terminal."""


def show(title, head, rows):
    """Prints rows of text under a head: the first column to the left, the others to the right."""
    lines = [head, *rows]
    widths = [max(len(line[column]) for line in lines) for column in range(len(head))]
    print(f"\n{title}\n")
    for line in lines:
        first, *others = (cell.rjust(width) if column else cell.ljust(width)
                          for column, (cell, width) in enumerate(zip(line, widths)))
        print("  " + "  ".join((first, *others)).rstrip(), flush=True)


def spread(samples, number="{:.0f}"):
    """A median with the least and the greatest sample: 120 (110..140)."""
    return f"{number.format(samples.median)} ({number.format(min(samples))}..{number.format(max(samples))})"


def middle(samples, number="{:.2f}"):
    """A median with the quartiles: 0.95 (0.93..0.98)."""
    first, third = samples.quartiles
    return f"{number.format(samples.median)} ({number.format(first)}..{number.format(third)})"
