# SPDX-License-Identifier: GPL-2.0-only
"""Runs `check`, reads what it found, and does what it says."""
import functools
import json
import os
import pathlib
import subprocess
import tempfile

from .namespace import cleaner
from .program import binary, environment
from .topology import INNER_A, INNER_B
from .traffic import ping

ROUNDS = 3
# Who asked in vain by ARP asks again after a second. Shorter where no answer is expected.
ANSWER_SECONDS, SILENCE_SECONDS = 2, 0.3
STATUS = {"ok": 0, "fixed": 0, "warning": 1, "error": 2}


class Found:
    """What one run of `check` found."""

    def __init__(self, done):
        assert not done.stderr, done.stderr
        self.status, self.lines = done.returncode, json.loads(done.stdout)
        assert self.status == max(STATUS[line["severity"]] for line in self.lines), done.stdout

    def __repr__(self):
        return f"{self.status} {self.in_the_way or self.lines}"

    @property
    def in_the_way(self):
        return [line for line in self.lines if line["severity"] in ("warning", "error")]

    @property
    def fixed(self):
        return [line for line in self.lines if line["severity"] == "fixed"]

    def of(self, check):
        """The lines of one check, those that are well too."""
        return [line for line in self.lines if line["check"] == check]

    def what(self, check):
        return " / ".join(line["what"] for line in self.of(check))


def check(end, *words, device=True, **options):
    """`check` of the end's device, or of its namespace."""
    return Found(end.command("-j", "check", *words, *([end.device] if device else []), **options))


@functools.cache
def _directory_of_program():
    """A directory where the program that is tested is called `ipipbpf`, as in the commands that it prints."""
    directory = pathlib.Path(tempfile.mkdtemp(prefix="ipipbpf-path-"))
    cleaner().note("directory", directory)
    (directory / "ipipbpf").symlink_to(os.path.abspath(binary()))
    return directory


def run_command(line, directory=None):
    """Runs a command that `check` printed, as a person would, in a directory where it may leave files."""
    command = line["command"]
    path = f"{_directory_of_program()}:{os.environ['PATH']}"
    done = subprocess.run(command, shell=True, capture_output=True, text=True, check=False,
                          env=environment(PATH=path), cwd=directory)
    assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"


def follow(end, device=True):
    """Does what `check` says until it is content; returns the commands."""
    commands = []
    for _ in range(ROUNDS):
        found = check(end, device=device)
        if not found.in_the_way:
            return commands
        commands.append(found.in_the_way[0]["command"])
        run_command(found.in_the_way[0])
    raise AssertionError(f"not content after {commands}: {check(end, device=device)}")


def nft(namespace, text):
    """Loads a ruleset written in one line: nft wants a block's end on a line of its own."""
    namespace.run("nft", "-f", "-", input=text.replace("; }", ";\n}\n"))


def flows(hosts, timeout=ANSWER_SECONDS):
    """Whether A's ping through the tunnel is answered."""
    try:
        return ping(hosts.a, INNER_A, INNER_B, timeout=timeout) == []
    except OSError:
        return False
