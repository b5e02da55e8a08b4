# SPDX-License-Identifier: GPL-2.0-only
"""The tunnel next to the kernel's own ipip and gre, in a virtual machine whose kernel has them.

The machine is emulated, and its clock counts the instructions of its one processor: how fast it is means nothing, how
two of its paths compare does, and comes out alike however busy this machine is.
"""
import json as text
import subprocess
import sys

from . import compiled, machine, traffic
from .goals import Goal
from .paths import AUTO, FLOOR, GRE, IPIP, NATIVE, PLAIN_1480, VXLAN
from .speeds import Speeds

KERNEL = "6.1"
PATHS = (PLAIN_1480, VXLAN, IPIP, GRE, FLOOR, AUTO, NATIVE)
KINDS = ("tcp1", "udp64", "polling")
FIGURES = ("tcp1", "udp64", "polling_p50")
ROUNDS, SECONDS = 7, 0.1
MARK = "measured: "
AT_LEAST_OF_IPIP = 1.3


def _compile():
    """The machine has no compiler."""
    for name in ("tcp_stream", "udp_blast", "round_trips"):
        compiled.program(name)
    compiled.bpf_object("floor")


def _follow(process):
    """Passes on what the machine says, but for the line with the results, which it returns."""
    found = None
    for line in process.stdout:
        if line.startswith(MARK):
            found = text.loads(line.removeprefix(MARK))
        else:
            print(f"  {line.rstrip()}", file=sys.stderr, flush=True)
    return found


def measure(effort):
    _compile()
    rounds, seconds = (effort.rounds, effort.seconds) if effort.quick else (ROUNDS, SECONDS)
    words = [machine.ROOT / "tests/vm/run", "--counted", "--kernel", KERNEL,
             f"python3 tests/bench/inside {rounds} {seconds}"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as process:
        found = _follow(process)
    if process.returncode or not found:
        raise ChildProcessError(f"the virtual machine failed: exit status {process.returncode}")
    return Speeds.from_json(found)


def show(found):
    print(f"\nIn an emulated machine with Debian's kernel {KERNEL}, timed by instructions: only the ratios mean something.")
    found.show(IPIP, (GRE, VXLAN, PLAIN_1480, FLOOR))


def json(found):
    return {"kernel": KERNEL, **found.json()}


def goals(found):
    return [Goal(f"{traffic.FIGURES[figure].short}, {found.label(AUTO)} against {IPIP}, emulated",
                 found.ratio(figure, AUTO, IPIP).median, at_least=AT_LEAST_OF_IPIP) for figure in ("tcp1", "udp64")]


def charts(found):
    yield found.chart("emulated", f"Next to the kernel's tunnels (emulated, by instructions, Linux {KERNEL})", IPIP, FIGURES,
                      (PLAIN_1480, VXLAN, GRE, FLOOR, AUTO, NATIVE))
