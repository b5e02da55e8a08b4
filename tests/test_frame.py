# SPDX-License-Identifier: GPL-2.0-only
"""The tests' own frame: what may be skipped, and how a run ends."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent


def run(folder, tests, skips=""):
    """Runs `tests` under a copy of the frame: exit status and last line."""
    (folder / "conftest.py").write_bytes((HERE / "conftest.py").read_bytes())
    (folder / "pytest.ini").write_bytes((HERE / "pytest.ini").read_bytes())
    (folder / "skips.txt").write_text(skips)
    (folder / "test_it.py").write_text("import pytest\n" + tests)
    done = subprocess.run([sys.executable, "-m", "pytest", str(folder)], capture_output=True, text=True, cwd=folder,
                          env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"})
    return done.returncode, done.stdout.splitlines()[-1]


PASSES = "def test_one(): pass\n"


def test_the_last_line_says_how_many(tmp_path):
    tests = PASSES + "def test_two(): assert False\n"
    assert run(tmp_path, tests) == (1, "1 passed, 1 failed, 0 skipped")


@pytest.mark.parametrize("skip", ["def test_two(): pytest.skip('no')\n",
                                  "@pytest.mark.skip\ndef test_two(): pass\n",
                                  "@pytest.mark.xfail\ndef test_two(): assert False\n",
                                  "@pytest.fixture\ndef it(): pytest.skip('no')\ndef test_two(it): pass\n"],
                         ids=["skip", "mark", "xfail", "fixture"])
def test_a_skip_without_leave_fails(tmp_path, skip):
    assert run(tmp_path, PASSES + skip) == (1, "1 passed, 1 failed, 0 skipped")
    assert run(tmp_path, PASSES + skip, "test_it.py::test_two | false")[0] == 1


def test_a_module_that_skips_itself_fails(tmp_path):
    assert run(tmp_path, "pytest.skip('no', allow_module_level=True)\n" + PASSES)[0] != 0


def test_a_listed_test_is_skipped_where_its_probe_succeeds(tmp_path):
    tests = PASSES + "def test_two(): assert False\n"
    assert run(tmp_path, tests, "# why\n\ntest_it.py::test_t* | true\n") == (0, "1 passed, 0 failed, 1 skipped")
    assert run(tmp_path, tests, "test_it.py::test_two | false\n") == (1, "1 passed, 1 failed, 0 skipped")


def test_a_run_of_skips_alone_fails(tmp_path):
    assert run(tmp_path, PASSES, "* | true\n") == (1, "0 passed, 0 failed, 1 skipped")


def test_a_broken_fixture_is_one_failure(tmp_path):
    tests = PASSES + "@pytest.fixture\ndef it():\n    yield\n    assert False\ndef test_two(it): assert False\n"
    assert run(tmp_path, tests) == (1, "1 passed, 1 failed, 0 skipped")
