# SPDX-License-Identifier: GPL-2.0-only
"""What README.md says of verdicts and commands is what the code has."""
import pathlib
import re
import shlex
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
FATES = {"UNTOUCHED": "untouched", "DROP": "dropped", "CARRY": "carried"}
# The words of README's examples that name something of the example.
EXAMPLES = {"eth0", "etc"}


def verdicts():
    source = (ROOT / "include/verdict.h").read_text(encoding="utf-8").replace("\\\n", "\n")
    entries = re.findall(r'X\(\w+,\s*"(\w+)",\s*(UNTOUCHED|DROP|CARRY),\s*"([^"]*)",\s*"([^"]*)"\)', source)
    return [(f"`{name}`", FATES[fate], meaning, remedy) for name, fate, meaning, remedy in entries]


def table(heading):
    section = README.split(f"\n## {heading}\n", 1)[1].split("\n## ", 1)[0]
    rows = [tuple(cell.strip() for cell in line.strip("|").split("|")) for line in section.splitlines()
            if line.startswith("|")]
    return rows[2:]


def code_lines():
    """The lines of README's code blocks, each continued one as one."""
    blocks = re.findall(r"^```\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
    return [line for block in blocks for line in re.sub(r"\n +", " ", block).splitlines()]


def commands(program):
    """The words behind `program` on each line of code that begins with it."""
    lines = (line.removeprefix("sudo ").removeprefix(program + " ") for line in code_lines()
             if line.startswith((f"{program} ", f"sudo {program} ")))
    return [line.split(" | ")[0] for line in lines]


def test_the_table_of_verdicts_is_the_list_in_verdict_h():
    assert len(verdicts()) > 20
    assert table("Verdicts") == verdicts()


@pytest.fixture(scope="module")
def usage():
    return subprocess.run([ROOT / "build/ipipbpf", "help"], capture_output=True, text=True, check=True).stdout


def test_the_commands_are_those_of_help(usage):
    assert f"```\n{usage}```\n" in README


def test_every_word_of_an_ipipbpf_command_is_one_that_help_knows(usage):
    known = {*re.findall(r"[a-z_]+", usage), *EXAMPLES}
    lines = commands("ipipbpf")
    assert len(lines) >= 8
    for line in lines:
        words = re.findall(r"(?<![\w.:])[a-z][a-z0-9_]*(?![\w.])", line)
        assert set(words) <= known, line


def test_every_make_target_is_one_of_the_makefile():
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    assert {"demo", "check", "install"} <= {*commands("make")} <= {*targets}


def test_every_picture_is_there():
    pictures = re.findall(r"!\[[^]]+\]\(([^)]+)\)", README)
    assert pictures and all((ROOT / picture).is_file() for picture in pictures), pictures


@pytest.mark.parametrize("map_name, key, value", [("peers", 4, 32), ("prefixes", 8, 8)])
def test_every_bpftool_command_writes_as_many_bytes_as_the_map_takes(map_name, key, value):
    lines = [shlex.split(line) for line in commands("bpftool") if f"/{map_name} key" in line]
    assert lines
    for words in lines:
        given = words[words.index("key") + 1:]
        split = given.index("value") if "value" in given else len(given)
        assert len(given[:split]) == key
        assert "value" not in given or len(given[split + 1:]) == value
