# SPDX-License-Identifier: GPL-2.0-only
"""Asks bash what it would offer."""
import os
import pathlib
import subprocess

from usage import PROGRAM

SCRIPT = pathlib.Path(__file__).resolve().parent.parent / "completion/ipipbpf"
ASK = '. "$0"; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _ipipbpf "$1"; printf "%s\\n" "${COMPREPLY[@]}"'


def complete(*words, env=None):
    """What is offered for the last of the words behind `ipipbpf`."""
    done = subprocess.run(["bash", "--norc", "-c", ASK, SCRIPT, PROGRAM, *words], capture_output=True, text=True,
                          check=True, env=env or os.environ)
    assert done.stderr == ""
    return set(done.stdout.split())
