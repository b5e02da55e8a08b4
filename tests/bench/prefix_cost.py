# SPDX-License-Identifier: GPL-2.0-only
"""What a packet costs with many prefixes and peers, next to the bare lookup in the trie that it must make.

Hot: 1,000 flows in turn. Cold: addresses drawn anew each time from all prefixes, no two packets alike. A long search
drives other tables out of the processor's caches: what that costs at least, the programs show that only ask (parts.bpf.c).
"""
import contextlib
import random
import socket
import struct
from dataclasses import dataclass

from networks import topology
from programs import bpf, tables
from programs.attachment import Dataplane
from programs.tables import HOOK_XDP

from . import charts as charts_
from . import compiled, cost_frames, table
from .goals import Goal
from .program_cost import GATEWAY, HANDLES, NEXT_HOP, empty_programs, on_one_cpu
from .samples import Samples, rounds
from .test_run_costs import Costs

ROUNDS, QUICK_ROUNDS, RUNS = 15, 3, 2000
FLOWS = 1000
HOT, COLD = "hot", "cold"
SIZES = ((1, 1), (1_000, 1), (1_000, 100), (100_000, 1), (100_000, 100), (100_000, 10_000), (1_000_000, 1),
         (1_000_000, 100), (1_000_000, 10_000))
QUICK_SIZES = ((1, 1), (100_000, 1), (100_000, 100))
# All prefixes are /24s of this one, spread evenly, under one route.
FIRST, LENGTH, ROOM = 0x10000000, 4, 1 << 20
LOOKUP, PROGRAMS = "part_prefix", ("encap", "decap_xdp")
LEAST = {program: f"least_{program}" for program in PROGRAMS}
CACHE_MS, AT_MOST, AT_MOST_CACHED = 100, 1.1, 1.3


@dataclass(frozen=True)
class Case:
    """A program with so many prefixes over so many peers. cache: its milliseconds."""
    prefixes: int
    peers: int
    flows: str
    program: str
    cache: int = 0


def _address(number):
    return socket.inet_ntoa(struct.pack("!I", number))


class Tables:
    """Peers and prefixes of one size, in the maps of a dataplane of their own."""

    def __init__(self, prefixes, peers):
        self._step, self._count = ROOM // prefixes, prefixes
        self._remotes = [_address(0xAC140001 + number) for number in range(peers)]
        self.dataplane = Dataplane()
        self.parts = self.dataplane.load_beside(compiled.bpf_object("parts"))
        maps = self.dataplane.maps
        for remote in self._remotes:
            maps["peers"][tables.peer_key(remote)] = tables.Peer().pack()
        values = [tables.Prefix(remote).pack() for remote in self._remotes]
        numbers = range(prefixes)
        maps["prefixes"].update_many(
            b"".join(struct.pack("=I", 24) + struct.pack("!I", self._network(number)) for number in numbers),
            b"".join(values[number % peers] for number in numbers))
        self._hot = self._draw(random.Random(1), FLOWS)

    def _network(self, number):
        return FIRST + (number * self._step << 8)

    def _draw(self, chosen, count):
        """(remote, address) of so many packets."""
        numbers = [chosen.randrange(self._count) for _ in range(count)]
        return [(self._remotes[number % len(self._remotes)], _address(self._network(number) + chosen.randrange(256)))
                for number in numbers]

    def members(self, flows, chosen):
        return self._hot if flows == HOT else self._draw(chosen, RUNS)

    def close(self):
        self.parts.close()
        self.dataplane.close()


class Site:
    """A namespace with a device whose routes lead to all peers and prefixes."""

    def __init__(self, network):
        self.namespace, gateway = network.host("host"), network.host("gateway")
        topology.cable(self.namespace, f"eth0 {cost_frames.LOCAL}/20", gateway, f"eth0 {GATEWAY}/20")
        self.namespace.sysctl("net.ipv4.conf.lo.forwarding", 1)
        self.namespace.ip(
            f"route add default via {GATEWAY}", f"route add {_address(FIRST)}/{LENGTH} via {NEXT_HOP} dev eth0 onlink",
            *(f"neighbour replace {address} lladdr 02:00:00:00:04:04 nud permanent dev eth0"
              for address in (GATEWAY, NEXT_HOP)))
        with self.namespace.entered():
            self.ifindex = socket.if_nametoindex("eth0")
        self._empty = empty_programs()

    def measure(self, costs, case, of_size, chosen):
        """Nanoseconds above an empty program, for packets that no other measurement has had."""
        is_xdp = case.program not in ("encap", LEAST["encap"])
        members = of_size.members(case.flows, chosen)
        frames = cost_frames.arriving_of(members) if is_xdp else cost_frames.leaving_of(members)
        context = None if is_xdp else bpf.skb_context(ifindex=self.ifindex)
        device = tables.Device(self.ifindex, cost_frames.LOCAL, HOOK_XDP, cache=case.cache)
        of_size.dataplane.maps["meta"][bytes(4)] = device.pack()
        program = (of_size.dataplane.programs[HANDLES[case.program]] if case.program in PROGRAMS
                   else of_size.parts.program(case.program))
        with self.namespace.entered():
            if case.flows == HOT:
                costs.nanoseconds(program, frames, context, FLOWS)
            found = costs.nanoseconds(program, frames, context, RUNS)
            return found - costs.nanoseconds(self._empty[is_xdp], frames, context, RUNS)


def _cases(sizes):
    for prefixes, peers in sizes:
        for flows in (HOT, COLD):
            for program in (LOOKUP, *PROGRAMS):
                yield Case(prefixes, peers, flows, program)
            if peers == 1 and prefixes in (1, max(sizes)[0]):
                yield from (Case(prefixes, peers, flows, program) for program in LEAST.values())
            if peers == 1 and prefixes == max(sizes)[0]:
                yield from (Case(prefixes, peers, flows, program, CACHE_MS) for program in PROGRAMS)


def measure(effort):
    """{Case: Samples of nanoseconds above an empty program}."""
    sizes, chosen = (QUICK_SIZES if effort.quick else SIZES), random.Random(2)
    found = {case: Samples() for case in _cases(sizes)}
    with topology.Network() as network, contextlib.ExitStack() as stack, on_one_cpu(), Costs() as costs:
        site = Site(network)
        of = {size: stack.enter_context(contextlib.closing(Tables(*size))) for size in sizes}
        for _, order in rounds(QUICK_ROUNDS if effort.quick else ROUNDS, list(found)):
            for case in order:
                found[case].append(site.measure(costs, case, of[case.prefixes, case.peers], chosen))
    return found


def show(found):
    rows = [[f"{case.prefixes:,} prefixes, {case.peers:,} peers, {case.flows}",
             case.program + (f", cache {case.cache}" if case.cache else ""), table.middle(samples, "{:.0f}")]
            for case, samples in found.items()]
    table.show(f"Nanoseconds a packet above an empty program: median (quartiles) of {RUNS:,} packets at a time",
               ["tables, addresses", "program", "ns"], rows)


def _largest(found):
    return max(case.prefixes for case in found)


def _above_one(found, program, flows):
    """What many prefixes add to a program that it does not take with one."""
    many, one = (found[Case(size, 1, flows, program)] for size in (_largest(found), 1))
    return Samples(some - other for some, other in zip(many, one, strict=True))


def goals(found):
    most = _largest(found)
    for flows in (HOT, COLD):
        for program in PROGRAMS:
            lookup = _above_one(found, LOOKUP, flows)
            yield Goal(f"{program}: {most:,} prefixes above one, {flows}, against the bare lookup",
                       _above_one(found, program, flows).median / lookup.median, at_most=AT_MOST,
                       floor=_above_one(found, LEAST[program], flows).against(lookup))
    for program in PROGRAMS:
        cached = found[Case(most, 1, HOT, program, CACHE_MS)].against(found[Case(1, 1, HOT, program)])
        yield Goal(f"{program}: {most:,} prefixes with 'cache {CACHE_MS}', hot, against one", cached.median,
                   at_most=AT_MOST_CACHED)


def charts(found):
    def line(program, flows):
        return [(case.prefixes, samples.median, *samples.quartiles) for case, samples in found.items()
                if (case.program, case.flows, case.peers, case.cache) == (program, flows, 1, 0)]

    named = {LOOKUP: "the bare lookup", **{program: program for program in PROGRAMS}}
    yield charts_.Lines("prefixes", "What a packet costs above an empty program, the less the better", "nanoseconds",
                        "prefixes", {f"{name}, {flows}": line(program, flows) for flows in (HOT, COLD)
                                     for program, name in named.items()})


def json(found):
    return [{"prefixes": case.prefixes, "peers": case.peers, "flows": case.flows, "program": case.program,
             "cache": case.cache, "above_empty_ns": samples.json()} for case, samples in found.items()]
