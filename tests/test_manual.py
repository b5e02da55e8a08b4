# SPDX-License-Identifier: GPL-2.0-only
"""The manual: what it says of commands and verdicts is what the program has, and its readers accept it."""
import os
import pathlib
import re
import subprocess

import pytest

from usage import commands, help_of
from test_readme import verdicts

ROOT = pathlib.Path(__file__).resolve().parent.parent
PAGES = sorted((ROOT / "man").glob("*.[58]"))


def words(text):
    """The text with its lines joined, as the page breaks them otherwise."""
    return " ".join(text.split())


@pytest.fixture(scope="module")
def page():
    done = subprocess.run(["mandoc", "-Tutf8", "-Owidth=1000", ROOT / "man/ipipbpf.8"], capture_output=True, text=True,
                          check=True)
    return words(re.sub(".\b", "", done.stdout))


def test_there_are_pages():
    assert "ipipbpf.8" in [path.name for path in PAGES]


def complaints(*command):
    """What a reader of manual pages says of one, which it must have been able to read."""
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, check=False,
                          env={**os.environ, "LC_ALL": "C.UTF-8", "MANWIDTH": "80"})
    assert done.returncode == 0, done
    return done


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_man_has_nothing_to_say(path):
    assert complaints("man", "--warnings", "-E", "UTF-8", "-l", "-Tutf8", "-Z", path).stderr == ""


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_mandoc_has_nothing_to_say(path):
    done = complaints("mandoc", "-Tlint", path)
    assert done.stdout + done.stderr == ""


def test_its_commands_are_those_of_help(page):
    source = (ROOT / "man/ipipbpf.8").read_text(encoding="utf-8")
    assert re.findall(r"^\.SS ipipbpf (.*)$", source, re.MULTILINE) == [" ".join(command) for command in commands()]
    for command, usage in commands().items():
        assert f"ipipbpf {' '.join(command)} {words(usage)}" in page, command


@pytest.mark.parametrize("verdict", verdicts(), ids=lambda verdict: verdict[0].strip("`"))
def test_every_verdict_stands_there_with_its_meaning_and_remedy(page, verdict):
    name, fate, meaning, remedy = verdict
    assert f"{name.strip('`')} ({fate}) {meaning[0].upper()}{meaning[1:]}. What to do: {remedy}." in page


@pytest.mark.parametrize("name", ("README.md", "man/ipipbpf.8", "man/ipipbpf.conf.5"))
def test_that_a_fixed_ttl_is_refused_where_df_is_left_away_is_said_there(name):
    """In the row of a table, or the paragraph of a page, that is about pmtudisc."""
    text = (ROOT / name).read_text(encoding="utf-8").replace("`", "")
    about = re.search(r"^(?:\| pmtudisc \||\.B pmtudisc\n)((?:(?!\n\.|\|$).)*)", text, re.I | re.M | re.S)[1]
    assert "refused with a fixed ttl" in words(about).lower()


def test_every_option_and_example_of_help_stands_there(page):
    for command in commands():
        for line in help_of(command).splitlines():
            if re.match(r"  (ipipbpf |[a-z-])", line):
                assert words(line) in page, line
