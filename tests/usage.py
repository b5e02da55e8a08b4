# SPDX-License-Identifier: GPL-2.0-only
"""The command table as `ipipbpf help` prints it."""
import functools
import pathlib
import re
import subprocess

PROGRAM = pathlib.Path(__file__).resolve().parent.parent / "build/ipipbpf"


def _output(*words):
    return subprocess.run([PROGRAM, *words], capture_output=True, text=True, check=True).stdout


@functools.cache
def commands():
    """Each command with the words behind it: {("peer", "del"): "DEV remote ADDR|any"}."""
    table, name = {}, None
    for line in _output("help").splitlines():
        heading = re.match(r"  ipipbpf ((?:peer|prefix) \w+|\w+) ?(.*)", line)
        if heading:
            name = tuple(heading[1].split())
            table[name] = heading[2]
        elif name and line.startswith(" " * 11):
            table[name] += " " + line.strip()
    return table


@functools.cache
def help_of(command):
    """What `help` prints of one command."""
    return _output(*command, "help")


def keywords(usage):
    """The keywords in a command's usage, each with the values that the usage spells out; None: it has no value."""
    found, last = {}, None
    for token in re.findall(r"\[|\]|[^\s\[\]]+", usage):
        names = token.split("|")
        if token in ("[", "]", "|", "..."):
            last = None
        elif last:
            found[last], last = [name for name in names if name.islower()], None
        elif names[0].islower():
            found.update(dict.fromkeys(names))
            last = token
    return found
