# SPDX-License-Identifier: GPL-2.0-only
"""`help` of each command."""
import pathlib
import re
import subprocess

import pytest

from usage import PROGRAM, commands, help_of

LAYOUT_H = pathlib.Path(__file__).resolve().parent.parent / "include/layout.h"


def test_the_table_is_read():
    assert {("attach",), ("peer", "add"), ("stats",)} <= set(commands())


@pytest.mark.parametrize("command", commands(), ids=" ".join)
def test_help_of_each_command_shows_examples_of_it(command):
    assert any(f" {' '.join(command)}" in line
               for line in help_of(command).split("\n\n", 1)[1].splitlines() if line.startswith("  ipipbpf "))


@pytest.mark.parametrize("word", ("--help", "-h"))
@pytest.mark.parametrize("command", commands(), ids=" ".join)
def test_help_may_be_asked_for_as_an_option(command, word):
    done = subprocess.run([PROGRAM, *command, word], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, help_of(command), "")


@pytest.mark.parametrize("command", commands(), ids=" ".join)
def test_help_may_stand_before_the_command(command):
    done = subprocess.run([PROGRAM, "help", *command], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, help_of(command), "")


def test_help_before_a_first_word_is_that_of_all_its_commands():
    done = subprocess.run([PROGRAM, "help", "peer"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, help_of(("peer",)), "")


@pytest.mark.parametrize("words, named", [(("frob",), "unknown command 'frob'"), (("-j",), "unknown command '-j'"),
                                          (("peer", "frob"), "unknown word 'frob'"),
                                          (("show", "eth0"), "unknown word 'eth0'")])
def test_help_about_what_there_is_not(words, named):
    done = subprocess.run([PROGRAM, "help", *words], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "") and named in done.stderr and done.stderr.count("\n") == 1


def test_help_of_migrate_names_the_layout_of_this_version():
    layout = re.search(r"^#define LAYOUT (\d+)$", LAYOUT_H.read_text(encoding="utf-8"), re.MULTILINE)[1]
    assert f"this version's own is {layout}\n" in help_of(("migrate",))
