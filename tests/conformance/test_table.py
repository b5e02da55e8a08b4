# SPDX-License-Identifier: GPL-2.0-only
"""The table of lines and the tests that are named after them."""

from .lines import LINES
from .named import functions, line_of


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
