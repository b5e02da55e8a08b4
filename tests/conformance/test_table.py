# SPDX-License-Identifier: GPL-2.0-only
"""The table of lines and the tests that are named after them."""

import ast
import re
from pathlib import Path

from .lines import LINES

NAMED = re.compile(r"test_(\d+)_(\d+)_")


def named_tests():
    """The test functions of this folder but this file's: (file, name)."""
    for path in sorted(Path(__file__).parent.glob("test_*.py")):
        if path != Path(__file__):
            for node in ast.parse(path.read_text()).body:
                if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
                    yield path.name, node.name


def line_of(name):
    """The line that a test is named after, or None."""
    found = NAMED.match(name)
    return f"{found[1]}-{found[2]}" if found else None


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
    named = list(named_tests())
    assert len(set(named)) == len(named)
