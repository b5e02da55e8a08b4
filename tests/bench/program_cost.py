# SPDX-License-Identifier: GPL-2.0-only
"""Nanoseconds that a program takes for a packet, next to an empty program that the same packets are given to.

Both are measured alike: each figure holds the reading of the clock at either end, which is most of the empty program's.
"""
import contextlib
import os
import socket
import sys
from dataclasses import dataclass

from networks import topology
from programs import bpf, tables, verdicts
from programs.attachment import Dataplane
from programs.tables import HOOK_TC, HOOK_XDP, PLAIN_DROP, PLAIN_PASS

from . import cost_frames, table
from .samples import Samples, rounds
from .test_run_costs import Costs

ROUNDS, RUNS = 21, 2000
SIZES = {"1 peer, 1 prefix": (1, 1), "200 peers, 1,000 prefixes": (200, 5)}
GATEWAY, NEXT_HOP = "172.16.16.1", "169.254.4.4"
PROG_TYPE_XDP = 6
MOVE_IMMEDIATE, EXIT = 0xB7, 0x95
XDP_PASS, TC_UNSPEC = 2, -1
HANDLES = {"encap": "egress", "decap_tc": "tc", "decap_xdp": "xdp"}


@dataclass(frozen=True)
class Case:
    """A program, and what it is given. verdict: under which each packet is counted; None: under none."""
    program: str
    packet: str
    frames: object
    verdict: str = None
    plain: int = PLAIN_DROP


CASES = [
    Case("encap", "into a tunnel", cost_frames.leaving, "encap_ok"),
    Case("encap", "UDP for elsewhere", cost_frames.plain),
    Case("encap", "ARP", cost_frames.arp),
    *(case for program in ("decap_tc", "decap_xdp") for case in (
        Case(program, "out of a tunnel, rpf strict", cost_frames.arriving, "decap_ok"),
        Case(program, "plain UDP, plain drop", cost_frames.plain),
        Case(program, "plain UDP, plain pass", cost_frames.plain, plain=PLAIN_PASS),
        Case(program, "ARP", cost_frames.arp)))]


def _empty_programs():
    """A program of each type that does nothing but let the packet go on."""
    def empty(kind, result):
        return bpf.load_program(kind, "empty",
                                [bpf.instruction(MOVE_IMMEDIATE, immediate=result), bpf.instruction(EXIT)])

    xdp, tc = empty(PROG_TYPE_XDP, XDP_PASS), empty(bpf.PROG_TYPE_SCHED_CLS, TC_UNSPEC)
    return {"encap": tc, "decap_tc": tc, "decap_xdp": xdp}


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
        self._dataplane.close()

    def _set_device(self, case):
        hook = HOOK_XDP if case.program == "decap_xdp" else HOOK_TC
        device = tables.Device(self._ifindex, cost_frames.LOCAL, hook, plain=case.plain)
        self._dataplane.maps["meta"][bytes(4)] = device.pack()

    def _counted(self):
        """How many packets stand under each verdict."""
        values = self._dataplane.maps["verdicts"]
        return {name: sum(memoryview(values[index.to_bytes(4, sys.byteorder)]).cast("Q"))
                for name, index in verdicts.INDEX.items()}

    def measure(self, costs, case, empty):
        """(nanoseconds of the case's program, of the empty one), with the same packets."""
        frames = case.frames(*self._size)
        context = None if case.program == "decap_xdp" else bpf.skb_context(ifindex=self._ifindex)
        self._set_device(case)
        before = self._counted()
        with self._namespace.entered():
            program = costs.nanoseconds(self._dataplane.programs[HANDLES[case.program]], frames, context, RUNS)
            nothing = costs.nanoseconds(empty[case.program], frames, context, RUNS)
        moved = {name: count - before[name] for name, count in self._counted().items() if count != before[name]}
        if moved != ({case.verdict: RUNS} if case.verdict else {}):
            raise ValueError(f"{case.program}, {case.packet}: counted {moved}, so this measured something else")
        return program, nothing


@contextlib.contextmanager
def _on_one_cpu():
    allowed = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {max(allowed)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, allowed)


def measure(_):
    """[(Case, {size: (Samples of its program, Samples of the empty one)})]."""
    empty = _empty_programs()
    found = {(case, size): (Samples(), Samples()) for case in CASES for size in SIZES}
    with topology.Network() as network, contextlib.ExitStack() as stack, _on_one_cpu(), Costs() as costs:
        hosts = {size: stack.enter_context(contextlib.closing(Host(network, *SIZES[size]))) for size in SIZES}
        for _, turns in rounds(ROUNDS, list(found)):
            for case, size in turns:
                for samples, value in zip(found[case, size], hosts[size].measure(costs, case, empty)):
                    samples.append(value)
    return [(case, {size: found[case, size] for size in SIZES}) for case in CASES]


def show(found):
    for size in SIZES:
        rows = [[f"{case.program}: {case.packet}", table.spread(program), table.spread(empty),
                 f"{program.median - empty.median:+.0f}"]
                for case, of in found for program, empty in (of[size],)]
        table.show(f"Nanoseconds a packet with {size}: median (min..max) of {ROUNDS} times {RUNS:,} packets",
                   ["program: packet", "program", "empty program", "difference"], rows)


def json(found):
    return [{"program": case.program, "packet": case.packet, "tables": size, "ns": program.json(),
             "empty_ns": empty.json()}
            for case, of in found for size, (program, empty) in of.items()]
