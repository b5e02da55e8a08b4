# SPDX-License-Identifier: GPL-2.0-only
"""Packets a second through decapsulation alone, by live frames: next to an empty program, and on two CPUs next to one.

What two CPUs add to an empty program is what this machine has to give: they share their caches, and the host with others.

What passes bears another host's MAC address, so that the stack drops it where it begins.
"""
import contextlib
import os
from dataclasses import dataclass

from networks import topology, tunnels
from networks.topology import A, B, INNER_A, INNER_B
from scapy.compat import raw
from scapy.layers.inet import IP, UDP
from scapy.layers.l2 import Ether

from . import table
from .charts import Bars
from .goals import Goal
from .live_frames import Source, program_of
from .priority import preferred
from .samples import Samples, rounds

# So many that what it takes to begin and end a test run does not count.
PACKETS, FEW_PACKETS = 400_000, 20_000
RPFS = ("strict", "loose", "off")
OTHER_HOST, ROUTER, FORGED = "02:00:00:00:99:99", "02:00:00:00:01:02", "10.9.9.9"
PLAIN_CASE, DECAP_CASE = "empty program", "decap, rpf strict"
TWICE = 1.9


def _on_cpu(name, cpu):
    return f"{name}, CPU {cpu}"


def _on_two(name):
    return f"{name}, two CPUs"


def cpus():
    """Two, if there are two."""
    return sorted({min(os.sched_getaffinity(0)), max(os.sched_getaffinity(0))})


def tunnelled(cpu, source=INNER_A, link=OTHER_HOST, target=INNER_B):
    """A frame out of the tunnel, of a flow of this CPU's own."""
    inner = IP(src=source, dst=target) / UDP(sport=1111 + cpu, dport=2222) / bytes(64)
    return raw(Ether(dst=link, src=ROUTER) / IP(src=A, dst=B, proto=4) / inner)


@dataclass(frozen=True)
class Case:
    """What is measured: the frames' source, their CPUs, and under which verdict each is counted, if under one."""
    name: str
    source: Source
    end: tunnels.End
    cpus: tuple
    verdict: str = None
    inner: str = INNER_A

    def rate(self, count):
        before = self.end.show()["verdicts"]
        rate = self.source.rate({cpu: tunnelled(cpu, self.inner) for cpu in self.cpus}, count)
        moved = {name: number - before[name] for name, number in self.end.show()["verdicts"].items()
                 if number != before[name]}
        if moved != ({self.verdict: count * len(self.cpus)} if self.verdict else {}):
            raise ValueError(f"{self.name}: counted {moved}, so this measured something else")
        return rate


def _cases(stack):
    """One receiving host for each rpf; the first of them also for all else."""
    last, both = (max(cpus()),), tuple(cpus())
    ends = {rpf: tunnels.between_two_hosts(stack.enter_context(topology.TwoHosts()), "native", "rpf", rpf)[1]
            for rpf in RPFS}
    sources = {rpf: stack.enter_context(contextlib.closing(
                   Source(end.namespace, "eth0", program_of(end.namespace, "eth0")))) for rpf, end in ends.items()}
    strict = ends["strict"]
    plain = stack.enter_context(contextlib.closing(Source(strict.namespace, "eth0")))
    yield Case(PLAIN_CASE, plain, strict, last)
    for rpf in RPFS:
        yield Case(f"decap, rpf {rpf}", sources[rpf], ends[rpf], last, "decap_ok")
    yield Case("decap, refused (rpf_prefix)", sources["strict"], strict, last, "rpf_prefix", FORGED)
    for name, source, verdict in ((PLAIN_CASE, plain, None), (DECAP_CASE, sources["strict"], "decap_ok")):
        for cpu in both:
            yield Case(_on_cpu(name, cpu), source, strict, (cpu,), verdict)
        yield Case(_on_two(name), source, strict, both, verdict)


def measure(effort):
    """{case's name: Samples of packets a second}."""
    count = FEW_PACKETS if effort.quick else PACKETS
    with contextlib.ExitStack() as stack:
        cases = list(_cases(stack))
        found = {case.name: Samples() for case in cases}
        with preferred():
            for _, turns in rounds(effort.rounds, cases):
                for case in turns:
                    found[case.name].append(case.rate(count))
    return found


def _gain(found, name):
    """What two CPUs do together, against the mean of what each of them does alone."""
    alone = zip(*(found[_on_cpu(name, cpu)] for cpu in cpus()))
    return found[_on_two(name)].against([sum(rates) / len(rates) for rates in alone])


def show(found):
    rows = [[name, table.spread(Samples(rate / 1e6 for rate in rates), "{:.2f}"),
             table.middle(rates.against(found[PLAIN_CASE]))] for name, rates in found.items()]
    table.show("Decapsulation in XDP, 1,000,000 packets a second: median (min..max), and ratios: median (quartiles)",
               ["program", "", f"against {PLAIN_CASE}"], rows)
    gains = " and ".join(f"{table.middle(_gain(found, name))} ({name})" for name in (DECAP_CASE, PLAIN_CASE))
    print(f"\n  Two CPUs against one: {gains}")


def json(found):
    return {"packets_a_second": {name: rates.json() for name, rates in found.items()},
            "two_cpus": {name: _gain(found, name).json() for name in (DECAP_CASE, PLAIN_CASE)}}


def goals(found):
    if len(cpus()) == 2:
        yield Goal("two CPUs against one, live frames", _gain(found, DECAP_CASE).median, at_least=TWICE,
                   floor=_gain(found, PLAIN_CASE))


def charts(found):
    names = [name for name in found if "CPU " not in name]
    rates = [Samples(rate / 1e6 for rate in found[name]) for name in names]
    yield Bars("frames", "Decapsulation in XDP, live frames", "1,000,000 packets a second", names,
               {"packets": [(rate.median, *rate.quartiles) for rate in rates]})
