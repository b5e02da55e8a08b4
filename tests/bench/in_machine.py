# SPDX-License-Identifier: GPL-2.0-only
"""Measuring in an emulated machine whose clock counts the instructions of its one processor.

How fast it is means nothing, how two of its paths compare does, and comes out alike however busy this machine is.
"""
import json
import subprocess
import sys

from . import compiled, machine
from .speeds import Speeds

ROUNDS, SECONDS = 7, 0.1
MARK = "measured: "


def _compile():
    """The machine has no compiler."""
    for name in ("tcp_stream", "udp_blast", "round_trips"):
        compiled.program(name)
    for name in ("floor", "floor_forward", "parts", "restore", "ends"):
        compiled.bpf_object(name)


def _follow(process):
    """Passes on what the machine says, but for the line with the results, which it returns."""
    found = None
    for line in process.stdout:
        if line.startswith(MARK):
            found = json.loads(line.removeprefix(MARK))
        else:
            print(f"  {line.rstrip()}", file=sys.stderr, flush=True)
    return found


def measure(kernel, part, effort, *words, options=()):
    """The Speeds of what a part measures inside. words: for that part; options: for tests/vm/run."""
    _compile()
    rounds, seconds = (effort.rounds, effort.seconds) if effort.quick else (ROUNDS, SECONDS)
    command = ["python3", "tests/bench/inside", part, str(rounds), str(seconds), *words]
    with subprocess.Popen([machine.ROOT / "tests/vm/run", "--counted", "--kernel", kernel, *options, "--", *command],
                          stdout=subprocess.PIPE, text=True) as process:
        found = _follow(process)
    if process.returncode or not found:
        raise ChildProcessError(f"{part}: the virtual machine failed: exit status {process.returncode}")
    return Speeds.from_json(found)
