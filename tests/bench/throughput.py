# SPDX-License-Identifier: GPL-2.0-only
"""The tunnel next to the same path without one, and to the kernel's vxlan, on this machine."""
from . import traffic
from .goals import Goal
from .paths import AUTO, CONTROL, FLOOR, NATIVE, PLAIN, PLAIN_1480, RULES, SKB, VXLAN
from .speeds import Speeds

PATHS = (PLAIN, PLAIN_1480, CONTROL, VXLAN, FLOOR, RULES, AUTO, SKB, NATIVE)
GOALS = (("tcp1", PLAIN_1480, {"at_least": 0.95}), ("tcp1", VXLAN, {"at_least": 1}),
         ("udp64", PLAIN, {"at_least": 0.90}), ("udp64", VXLAN, {"at_least": 1.3}),
         ("sleeping_p99", PLAIN, {"at_most": 1.15}))

RATES = ("tcp1", "tcp8", "udp64", "udp1400")
ROUND_TRIPS = ("sleeping_p50", "sleeping_p99", "polling_p50", "polling_p99")


def measure(effort):
    return Speeds(PATHS).measure(traffic.RUNS.values(), effort)


def show(found):
    found.show(PLAIN_1480, (PLAIN, VXLAN, FLOOR, RULES))
    print(f"\n  '{CONTROL}' is a second network like '{PLAIN_1480}': what they differ by is the measuring's own error.\n"
          f"  '{FLOOR}' put on and take off a header that is always the same, and check nothing.\n"
          f"  '{RULES}' make only the calls that the rules demand of each packet.")


def json(found):
    return found.json()


def goals(found):
    return [Goal(f"{traffic.FIGURES[figure].short}, {found.label(AUTO)} against {other}",
                 found.ratio(figure, AUTO, other).median, floor=found.ratio(figure, RULES, other), **limit)
            for figure, other, limit in GOALS]


def charts(found):
    ways = (CONTROL, VXLAN, FLOOR, RULES, AUTO, SKB, NATIVE)
    yield found.chart("throughput", "Throughput, the more the better", PLAIN_1480, RATES, ways)
    yield found.chart("latency", "Round trips, the less the better", PLAIN_1480, ROUND_TRIPS, ways)
