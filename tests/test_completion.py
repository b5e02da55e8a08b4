# SPDX-License-Identifier: GPL-2.0-only
"""The completion of bash offers the words of the command table, and what is there of devices, peers and prefixes."""
import pytest

from completion import complete
from usage import commands, keywords

NO_DEVICE = "nothing0"
PREFIX = "10.0.0.0/8"
# What stands behind these commands before their keywords.
FIXED = {"prefix": (NO_DEVICE, PREFIX), "apply": ()}


def behind(command):
    return (*command, *FIXED.get(command[0], (NO_DEVICE,)))


def first(command):
    """The first letters of the keywords where a file may stand too."""
    return "--" if command == ("apply",) else ""


def words_of(command):
    """The keywords that may stand behind the command's device; `monitor` belongs to rpf."""
    return set(keywords(commands()[command])) - {"monitor"}


def test_the_commands_and_options():
    names = {command[0] for command in commands()}
    assert complete("") == names | {"help", "-n", "--netns", "-j", "--json", "-V", "--version", "-h", "--help"}
    assert complete("-j", "sh") == {"show"}
    assert complete("-n", "blue", "-j", "to") == {"top"}


@pytest.mark.parametrize("name", sorted({command[0] for command in commands() if len(command) > 1}))
def test_the_second_word(name):
    assert complete(name, "") == {command[1] for command in commands() if command[0] == name} | {"help"}


@pytest.mark.parametrize("command", commands(), ids=" ".join)
def test_the_keywords(command):
    expected = set() if command == ("prefix", "del") else words_of(command)
    assert complete(*behind(command), first(command)) == expected


@pytest.mark.parametrize("command, keyword, values", [
    (command, keyword, values) for command, usage in commands().items() for keyword, values in keywords(usage).items()
    if values is not None], ids=lambda value: " ".join(value) if isinstance(value, tuple) else str(value))
def test_the_values_of_a_keyword(command, keyword, values):
    assert complete(*behind(command), keyword, "") == set(values)


@pytest.mark.parametrize("command", [command for command, usage in commands().items() if "monitor" in usage],
                         ids=" ".join)
def test_monitor_follows_the_value_of_rpf(command):
    assert complete(*behind(command), "rpf", "loose", "") == words_of(command) | {"monitor"}
    assert complete(*behind(command), "ecn", "normal", "") == words_of(command)


def test_help_goes_before_a_command_too():
    assert complete("help", "") == {command[0] for command in commands()}
    assert complete("help", "peer", "") == {command[1] for command in commands() if command[0] == "peer"}


@pytest.mark.parametrize("words", (("help", "show"), ("help", "peer", "add"), ("attach", "help"), ("peer", "help"),
                                   ("peer", "add", "--help")))
def test_nothing_follows_help(words):
    assert complete(*words, "") == set()


def test_the_beginning_of_a_word_is_completed():
    assert complete("attach", NO_DEVICE, "p") == {"plain", "pmtudisc"}


def test_apply_takes_a_file(tmp_path):
    (tmp_path / "eth0.conf").write_text("")
    (tmp_path / "eth0.txt").write_text("")
    (tmp_path / "more").mkdir()
    for options in ((), ("--dry-run",), ("--confirm", "60")):
        assert complete("apply", *options, f"{tmp_path}/") == {f"{tmp_path}/eth0.conf", f"{tmp_path}/more/"}
    assert {"--dry-run", "--confirm", "help"} <= complete("apply", "")


def test_monitor_writes_to_a_capture(tmp_path):
    (tmp_path / "old.pcapng").write_text("")
    (tmp_path / "eth0.conf").write_text("")
    (tmp_path / "more").mkdir()
    for words in (("-w",), (NO_DEVICE, "-w")):
        assert complete("monitor", *words, f"{tmp_path}/") == {f"{tmp_path}/old.pcapng", f"{tmp_path}/more/"}
