# SPDX-License-Identifier: GPL-2.0-only
"""The tunnel next to the kernel's own ipip and gre, in an emulated machine whose kernel has them."""
from . import in_machine, traffic
from .goals import Goal
from .paths import AUTO, FLOOR, GRE, IPIP, NATIVE, PLAIN_1480, RULES, VXLAN
from .speeds import Speeds

KERNEL = "6.1"
PATHS = (PLAIN_1480, IPIP, GRE, VXLAN, FLOOR, RULES, AUTO, NATIVE)
RUNS = [traffic.RUNS[kind] for kind in ("tcp1", "udp64", "polling")]
AT_LEAST_OF_IPIP = 1.3


def measure_inside(effort):
    return Speeds(PATHS).measure(RUNS, effort)


def measure(effort):
    return in_machine.measure(KERNEL, "emulated", effort)


def show(found):
    print(f"\nIn an emulated machine with Debian's kernel {KERNEL}, timed by instructions: only the ratios mean something.")
    found.show(IPIP, (GRE, VXLAN, PLAIN_1480, FLOOR, RULES))


def json(found):
    return {"kernel": KERNEL, **found.json()}


def goals(found):
    for figure in ("tcp1", "udp64"):
        yield Goal(f"{traffic.FIGURES[figure].short}, {found.label(AUTO)} against {IPIP}, emulated",
                   found.ratio(figure, AUTO, IPIP).median, at_least=AT_LEAST_OF_IPIP,
                   floor=found.ratio(figure, RULES, IPIP))


def charts(found):
    yield found.chart("emulated", f"Next to the kernel's tunnels (emulated, by instructions, Linux {KERNEL})", IPIP,
                      ("tcp1", "udp64", "polling_p50"), (PLAIN_1480, VXLAN, GRE, FLOOR, RULES, AUTO, NATIVE))
