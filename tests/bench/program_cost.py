# SPDX-License-Identifier: GPL-2.0-only
"""Nanoseconds that a program takes for a packet, next to an empty program that the same packets are given to.

Both are measured alike: each figure holds the reading of the clock at either end, which is most of the empty program's.
Beside the programs stand their parts, each alone, and the least that they can be (parts.bpf.c): what a program may not
cost is shown to be out of reach where the least is above it.

What a program changes it is given once: a second time it would meet what it left. So code and tables lie far from the
processor each time, and the figure is the cost of a packet that comes alone. What is not ours stays as it is, and is given
over and over in one test run: the figure is that of a packet in a stream.
"""
import contextlib
import os
import socket
import sys
from dataclasses import dataclass, replace

from networks import topology
from programs import bpf, tables, verdicts
from programs.attachment import Dataplane
from programs.tables import HOOK_TC, HOOK_XDP, LOOSE, OFF, PLAIN_DROP, PLAIN_PASS, STRICT

from . import charts as charts_
from . import compiled, cost_frames, table
from .goals import Goal
from .samples import Samples, rounds
from .test_run_costs import Costs

ROUNDS, QUICK_ROUNDS, RUNS = 21, 3, 1000
ONE = "1 peer, 1 prefix"
SIZES = {ONE: (1, 1), "200 peers, 1,000 prefixes": (200, 5)}
GATEWAY, NEXT_HOP = "172.16.16.1", "169.254.4.4"
PROG_TYPE_XDP = 6
MOVE_IMMEDIATE, EXIT = 0xB7, 0x95
XDP_PASS, TC_UNSPEC = 2, -1
HANDLES = {"encap": "egress", "decap_tc": "tc", "decap_xdp": "xdp"}
DECAPS = ("decap_tc", "decap_xdp")
MODES = {"strict": STRICT, "loose": LOOSE, "off": OFF}


@dataclass(frozen=True)
class Case:
    """A program, and what it is given. verdict: under which each packet is counted; None: under none. stream: all in one
    test run, one packet over and over."""
    program: str
    packet: str
    frames: object
    verdict: str = None
    plain: int = PLAIN_DROP
    rpf: int = STRICT
    stream: bool = False

    @property
    def is_xdp(self):
        return self.program in _XDP

    @property
    def name(self):
        return f"{self.program}: {self.packet}"


def _not_ours(program, packet, frames, plain=PLAIN_DROP):
    return Case(program, packet, frames, plain=plain, stream=True)


def _part(program, packet, frames=cost_frames.arriving, verdict=None):
    return Case(program, packet, frames, verdict)


ENCAP = Case("encap", "into a tunnel", cost_frames.leaving, "encap_ok")
DECAP = {(program, mode): Case(program, f"out of a tunnel, rpf {mode}", cost_frames.arriving, "decap_ok", rpf=rpf)
         for program in DECAPS for mode, rpf in MODES.items()}
PLAIN = {(program, plain): _not_ours(program, f"plain UDP, plain {plain}", cost_frames.plain, number)
         for program in DECAPS for plain, number in (("pass", PLAIN_PASS), ("drop", PLAIN_DROP))}
PREFIX = _part("part_prefix", "the prefix of an address, asked of the trie")
PREFIX_STREAM = replace(PREFIX, packet=f"{PREFIX.packet}, in a stream", stream=True)
LEAST = {"encap": _part("least_encap", "only the calls that the rules demand", cost_frames.leaving, "encap_ok"),
         **{program: _part(f"least_{program}", "only the calls that the rules demand", verdict="decap_ok")
            for program in DECAPS}}
PROGRAMS = [ENCAP, *DECAP.values(), _not_ours("encap", "UDP for elsewhere", cost_frames.plain), *PLAIN.values(),
            *(_not_ours(program, "ARP", cost_frames.arp) for program in ("encap", *DECAPS))]
PARTS = [_part("part_options", "the device's options"),
         _part("part_headers", "two IPv4 headers with their checksums"),
         _part("part_peer", "the peer, asked of the hash"), PREFIX, PREFIX_STREAM,
         _part("part_way_back", "the way back to the inner source, asked of the FIB"),
         _part("part_way", "the way to the peer with its MACs, asked of the FIB"),
         _part("part_counters", "the counters of verdict and peer", verdict="decap_ok"),
         _part("part_strip_xdp", "20 bytes taken away by XDP"), _part("part_strip_tc", "20 bytes taken away by TC"),
         _part("part_wrap", "20 bytes added by TC, and the headers written", cost_frames.leaving), *LEAST.values()]
_XDP = {"decap_xdp", "least_decap_xdp", "part_options", "part_headers", "part_peer", "part_prefix", "part_way_back",
        "part_counters", "part_strip_xdp"}


def empty_programs():
    """A program of each type that does nothing but let the packet go on: {whether it is XDP's: it}."""
    def empty(kind, result):
        return bpf.load_program(kind, "empty",
                                [bpf.instruction(MOVE_IMMEDIATE, immediate=result), bpf.instruction(EXIT)])

    return {True: empty(PROG_TYPE_XDP, XDP_PASS), False: empty(bpf.PROG_TYPE_SCHED_CLS, TC_UNSPEC)}


class Host:
    """A namespace with a device, peers behind its gateway, a route for each prefix, and the programs told of them."""

    def __init__(self, network, peers, each):
        self._size, self._tunnels = (peers, each), cost_frames.tunnels(peers, each)
        self._namespace, gateway = network.host("host"), network.host("gateway")
        topology.cable(self._namespace, f"eth0 {cost_frames.LOCAL}/20", gateway, f"eth0 {GATEWAY}/20")
        self._set_routes()
        with self._namespace.entered():
            self._ifindex = socket.if_nametoindex("eth0")
        self._dataplane = Dataplane()
        self._parts = self._dataplane.load_beside(compiled.bpf_object("parts"))
        self._set_tables()

    def _set_routes(self):
        self._namespace.sysctl("net.ipv4.conf.lo.forwarding", 1)
        self._namespace.ip(
            f"route add default via {GATEWAY}",
            *(f"neighbour replace {address} lladdr 02:00:00:00:04:04 nud permanent dev eth0"
              for address in (GATEWAY, NEXT_HOP)),
            *(f"route add {prefix} via {NEXT_HOP} dev eth0 onlink mtu 1480"
              for prefixes in self._tunnels.values() for prefix in prefixes))

    def _set_tables(self):
        maps = self._dataplane.maps
        for remote, prefixes in self._tunnels.items():
            maps["peers"][tables.peer_key(remote)] = tables.Peer().pack()
            for prefix in prefixes:
                maps["prefixes"][tables.prefix_key(prefix)] = tables.Prefix(remote).pack()

    def close(self):
        self._parts.close()
        self._dataplane.close()

    def _set_device(self, case):
        hook = HOOK_XDP if case.is_xdp else HOOK_TC
        device = tables.Device(self._ifindex, cost_frames.LOCAL, hook, plain=case.plain, rpf=case.rpf)
        self._dataplane.maps["meta"][bytes(4)] = device.pack()

    def _program(self, case):
        if case.program in HANDLES:
            return self._dataplane.programs[HANDLES[case.program]]
        return self._parts.program(case.program)

    def _counted(self):
        """How many packets stand under each verdict."""
        values = self._dataplane.maps["verdicts"]
        return {name: sum(memoryview(values[index.to_bytes(4, sys.byteorder)]).cast("Q"))
                for name, index in verdicts.INDEX.items()}

    def measure(self, costs, case, empty):
        """(nanoseconds of the case's program, of the empty one), with the same packets."""
        frames = case.frames(*self._size)
        context = None if case.is_xdp else bpf.skb_context(ifindex=self._ifindex)
        self._set_device(case)
        runs = (1, RUNS) if case.stream else (RUNS, 1)
        before = self._counted()
        with self._namespace.entered():
            program = costs.nanoseconds(self._program(case), frames, context, *runs)
            nothing = costs.nanoseconds(empty[case.is_xdp], frames, context, *runs)
        moved = {name: count - before[name] for name, count in self._counted().items() if count != before[name]}
        if moved != ({case.verdict: RUNS} if case.verdict else {}):
            raise ValueError(f"{case.name}: counted {moved}, so this measured something else")
        return program, nothing


@contextlib.contextmanager
def on_one_cpu():
    allowed = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {max(allowed)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, allowed)


@dataclass(frozen=True)
class Cost:
    """What was measured of a case: its program, and the empty one, in each round."""
    program: Samples
    empty: Samples

    @property
    def above(self):
        """Above the empty program in the same round: what slows the machine for a while slows both."""
        return Samples(one - other for one, other in zip(self.program, self.empty, strict=True))


def measure(effort):
    """{size: {Case: Cost}}."""
    empty = empty_programs()
    found = {size: {case: Cost(Samples(), Samples()) for case in PROGRAMS + PARTS} for size in SIZES}
    with topology.Network() as network, contextlib.ExitStack() as stack, on_one_cpu(), Costs() as costs:
        hosts = {size: stack.enter_context(contextlib.closing(Host(network, *SIZES[size]))) for size in SIZES}
        turns = [(size, case) for size in SIZES for case in PROGRAMS + PARTS]
        for _, order in rounds(QUICK_ROUNDS if effort.quick else ROUNDS, turns):
            for size, case in order:
                program, nothing = hosts[size].measure(costs, case, empty)
                found[size][case].program.append(program)
                found[size][case].empty.append(nothing)
    return found


def show(found):
    for title, cases in (("Nanoseconds a packet", PROGRAMS), ("Nanoseconds of each part alone", PARTS)):
        for size, costs in found.items():
            times = len(costs[ENCAP].program)
            rows = [[case.name, table.middle(costs[case].program, "{:.0f}"), table.middle(costs[case].empty, "{:.0f}"),
                     f"{costs[case].above.median:+.0f}"] for case in cases]
            table.show(f"{title} with {size}: median (quartiles) of {times} times {RUNS:,} packets",
                       ["program: packet", "program", "empty program", "difference"], rows)


def _goal(costs, case, limit, least=None):
    """What a case may cost above the empty program; least: the calls alone that the rules demand of it."""
    floor = None if least is None else costs[least].above
    return Goal(f"{case.name}, above an empty program", costs[case].above.median, at_most=limit, unit="ns", floor=floor)


def goals(found):
    costs = found[ONE]
    lookup = costs[PREFIX_STREAM].above.median
    for program in DECAPS:
        yield _goal(costs, DECAP[program, "strict"], 60, LEAST[program])
    yield _goal(costs, ENCAP, 80, LEAST["encap"])
    for program in DECAPS:
        yield _goal(costs, PLAIN[program, "pass"], 15)
        yield _goal(costs, PLAIN[program, "drop"], 15 + lookup)


def charts(found):
    def bars(cases):
        return [(costs[case].above.median, *costs[case].above.quartiles) for case in cases]

    costs, carried = found[ONE], (ENCAP, *(DECAP[program, "strict"] for program in DECAPS))
    yield charts_.Bars("programs", "What a packet costs above an empty program, the less the better", "nanoseconds",
                       [case.name for case in carried],
                       {"the program": bars(carried), "its calls alone": bars(LEAST[case.program] for case in carried)})


def json(found):
    return [{"program": case.program, "packet": case.packet, "tables": size, "ns": cost.program.json(),
             "empty_ns": cost.empty.json()}
            for size, costs in found.items() for case, cost in costs.items()]
