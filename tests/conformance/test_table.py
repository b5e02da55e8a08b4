# SPDX-License-Identifier: GPL-2.0-only
"""The table of lines and the tests that are named after them."""

import re
from pathlib import Path

from .lines import LINES
from .named import functions, line_of
from .unprobed import UNPROBED


def named_tests():
    return list(functions("test"))


def test_each_test_is_named_after_a_line():
    assert [test for test in named_tests() if line_of(test[1]) not in LINES] == []


def test_each_line_has_a_test_or_a_reason_for_none():
    tested = {line_of(name) for _, name in named_tests()}
    assert [line for line in LINES if line not in tested and not LINES[line].untested] == []


def test_no_line_has_both():
    tested = {line_of(name) for _, name in named_tests()}
    assert [line for line in tested if LINES[line].untested] == []


def test_no_test_hides_another():
    """A second function of the same name in a file would take the first one's place."""
    for kind in ("test", "probe"):
        named = list(functions(kind))
        assert named and len(set(named)) == len(named)


def test_each_probe_is_named_after_a_line():
    assert [probe for probe in functions("probe") if line_of(probe[1]) not in LINES] == []


def test_each_line_has_a_probe_or_a_reason_for_none():
    probed = {line_of(name) for _, name in functions("probe")}
    assert set(LINES) == probed ^ set(UNPROBED)


def published():
    """The rows of the table that the project publishes, as lists of cells."""
    lines = (Path(__file__).parents[1] / "conformance.md").read_text(encoding="utf-8").splitlines()
    return [[cell.strip() for cell in line.strip("| ").split(" | ")] for line in lines if re.match(r"\| \d", line)]


def test_the_published_table_has_every_line_and_its_limit():
    """As `make conformance` writes it, which looks at the rest too."""
    rows = published()
    assert [row[:2] for row in rows] == [[name, line.requirement] for name, line in LINES.items()]
    assert [row[0] for row in rows if not row[3].endswith(LINES[row[0]].limit or LINES[row[0]].untested)] == []


def test_the_published_table_names_who_saw_it():
    named = {}
    for kind in ("test", "probe"):
        for _, name in functions(kind):
            named.setdefault(line_of(name), {}).setdefault(kind, []).append(f"`{name}`")
    for row in published():
        kinds = named.get(row[0], {})
        assert row[4] == (", ".join(kinds.get("probe") or kinds.get("test", [])) or "nobody"), row[0]
