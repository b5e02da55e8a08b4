# SPDX-License-Identifier: GPL-2.0-only
"""The dataplane as a test sees it: told by its maps, given one packet, asked what moved."""

import copy
import functools
import os
import struct
import time
from dataclasses import dataclass, replace
from pathlib import Path

from . import bpf, events, reference, underlay, verdicts
from .bpf import KERNEL, TICKS
from .path_maps import SECOND, PathMaps
from .tables import (HOOK_TC, HOOK_XDP, Counters, Device, KnownPath, Peer, Prefix, Tables, peer_key,
                     prefix_key)
from .tagging import Tagged

BUILD = Path(os.environ.get("IPIPBPF_BUILD", Path(__file__).resolve().parents[2] / "build"))

TAGS = (b"\x81\x00", b"\x88\xa8")
LINK_HEADER, NETWORK_HEADER = 14, {b"\x08\x00": 20, b"\x86\xdd": 40}
XDP_DROP, XDP_PASS, XDP_TX, XDP_REDIRECT = 1, 2, 3, 4
TC_UNSPEC, TC_SHOT, TC_REDIRECT = 0xFFFFFFFF, 2, 7


@dataclass
class Outcome:
    """What one packet did: returned value, frame, verdicts and peers' counters that moved, events that came."""
    returned: int
    out: bytes
    verdicts: dict
    counters: dict
    events: list


class Dataplane:
    """Both objects, loaded as the loader does it on this kernel, with maps in common."""

    def __init__(self, link_header=14, xdp_buff_len=KERNEL >= (5, 18), decap_l3_flag=KERNEL >= (6, 3),
                 skip_neighbour=KERNEL >= (6, 3), fib_tells_mtu=bpf.FIB_TELLS_MTU, software=0,
                 mac=underlay.MAC[underlay.DEV], cpus=2, ticks=TICKS, layouts_behind=0, meta=None, entries=None):
        """meta: the map of an older layout, if not one of the present. entries: as for bpf.Object."""
        self._features = {"features": bytes([link_header, xdp_buff_len, decap_l3_flag, skip_neighbour, fib_tells_mtu,
                                             software, *bytes.fromhex(mac.replace(":", ""))]) +
                          struct.pack("=IIB", cpus, ticks, layouts_behind)}
        self._xdp = bpf.Object(BUILD / "xdp.bpf.o", self._features, {"meta": meta} if meta else {}, entries)
        self._tc = bpf.Object(BUILD / "tc.bpf.o", self._features, self._xdp.maps)
        self.maps = {**self._tc.maps, **self._xdp.maps}
        self.programs = {"xdp": self._xdp.program("decap_xdp"), "tc": self._tc.program("decap_tc"),
                         "egress": self._tc.program("encap")}
        self.tagged = {hook: Tagged(self.programs[hook]) for hook in ("tc", "egress")}
        self._listener = None

    def listener(self):
        """Listens to both objects, from the first call on."""
        self._listener = self._listener or events.Listener(self.maps)
        return self._listener

    def load_beside(self, path):
        """Another object, with the same features and the maps that it has in common."""
        return bpf.Object(path, self._features, self._tc.maps)

    def close(self):
        for tagged in self.tagged.values():
            tagged.close()
        self._tc.close()
        self._xdp.close()


def refused_by_test_run(hook, frame, in_band=False):
    """Whether BPF_PROG_TEST_RUN takes no such frame: one without link header; on TC, of IP without its header."""
    if hook != "xdp" and frame[12:14] in TAGS and not in_band:
        frame = frame[:12] + frame[16:]
    header = NETWORK_HEADER.get(frame[12:14], 0) if hook != "xdp" else 0
    return len(frame) < LINK_HEADER + header


class Attachment:
    """The program of one hook with maps of its own making: xdp and tc strip, egress wraps.

    What a test tells it is in its maps at once, and in `tables` for the reference.
    """

    def __init__(self, dataplane, hook, ifindex):
        self.ifindex, self._dataplane, self.maps = ifindex, dataplane, dataplane.maps
        self._on(hook)
        self._verdict_keys = [struct.pack("=I", index) for index in range(verdicts.ROOM)]
        for name in ("peers", "prefixes", "peer_counters"):
            self.maps[name].clear()
        self.count_generation()
        self.paths = PathMaps(self.maps)
        self.allow_errors_from(0)
        events.allow_from(self.maps, 0)
        self._listener = dataplane.listener()
        for key in self._verdict_keys:
            self.maps["verdicts"][key] = bytes(8 * bpf.CPUS)
        underlay.set_forwarding(True)
        self.tables = Tables(Device(ifindex, underlay.LOCAL, HOOK_XDP if hook == "xdp" else HOOK_TC))
        self.device()

    def _on(self, hook):
        self.hook, self._program, self._tagged = hook, self._dataplane.programs[hook], self._dataplane.tagged.get(hook)

    def at(self, hook):
        """This attachment's program of another hook: the same maps, told the same."""
        other = copy.copy(self)
        other._on(hook)
        return other

    def device(self, **options):
        self.tables.device = replace(self.tables.device, **options)
        # A map of an older layout has no room for all of it.
        self.maps["meta"][bytes(4)] = self.tables.device.pack()[:self.maps["meta"].value_size]

    def peer(self, remote, *prefixes, **options):
        """Sets a peer anew, and adds prefixes to it."""
        self.tables.peers[remote] = Peer(**options)
        self.maps["peers"][peer_key(remote)] = self.tables.peers[remote].pack()
        for prefix in prefixes:
            self.prefix(prefix, remote)

    def prefix(self, prefix, remote, **options):
        self.prefix_by_hand(prefix, remote, **options)
        self.count_generation()

    def prefix_by_hand(self, prefix, remote, **options):
        """As people do it with bpftool: what the programs remember is not told."""
        self.tables.prefixes[prefix] = Prefix(remote, **options)
        self.maps["prefixes"][prefix_key(prefix)] = self.tables.prefixes[prefix].pack()

    def count_generation(self):
        """As the loader does after each change of `prefixes`."""
        count, = struct.unpack("=Q", self.maps["generation"][bytes(4)])
        self.maps["generation"][bytes(4)] = struct.pack("=Q", count + 1)

    def bare(self, prefix):
        self.prefix(prefix, "0.0.0.0", bare=1)

    def delete_peer(self, remote):
        del self.tables.peers[remote], self.maps["peers"][peer_key(remote)]

    def delete_prefix(self, prefix):
        self.delete_prefix_by_hand(prefix)
        self.count_generation()

    def delete_prefix_by_hand(self, prefix):
        del self.tables.prefixes[prefix], self.maps["prefixes"][prefix_key(prefix)]

    def forget_neighbour(self, remote):
        """Puts the time of a peer's last packet by way of the neighbour code an hour back, at any HZ."""
        self.neighbour_was_asked(remote, max(0, self.neighbour_asked(remote) - 3600 * 1000))

    def neighbour_asked(self, remote):
        """When a peer's last packet went by way of the neighbour code, in jiffies, on the CPU where it was last."""
        return max(asked for *_, asked in struct.iter_unpack("=6Q", self.maps["peer_counters"][peer_key(remote)]))

    def neighbour_was_asked(self, remote, jiffies):
        """Sets that time for all CPUs."""
        value = bytearray(self.maps["peer_counters"][peer_key(remote)])
        for at in range(40, len(value), 48):
            struct.pack_into("=Q", value, at, jiffies)
        self.maps["peer_counters"][peer_key(remote)] = bytes(value)

    def path(self, remote, mtu=0, mtu_for=0, error_for=0):
        """Writes what is known of the way to a peer; the times are seconds from now, 0 for never. No time lies before
        the machine was started."""
        now = time.monotonic_ns()
        path = KnownPath(max(1, now + round(mtu_for * SECOND)) if mtu_for else 0,
                         max(1, now + round(error_for * SECOND)) if error_for else 0, mtu)
        self.tables.paths[remote] = path
        self.paths.write(remote, path)

    def allow_errors_from(self, full):
        """Sets when each CPU's allowance of ICMP errors will be full, nanoseconds of CLOCK_MONOTONIC; 0: it is."""
        self.maps["icmp_full"][bytes(4)] = struct.pack("=Q", full) * bpf.CPUS

    def fib_answers(self, yes):
        """Whether lo forwards, without which bpf_fib_lookup() refuses."""
        underlay.set_forwarding(yes)
        self.tables.forwarding = yes

    def verdicts(self):
        """All verdict counters, summed over the CPUs."""
        values = self.maps["verdicts"].first(verdicts.ROOM)
        return [sum(cpus) for cpus in struct.iter_unpack(f"={bpf.CPUS}Q", values)]

    def verdict(self, name):
        """One verdict's counter, summed over the CPUs."""
        return sum(struct.unpack(f"={bpf.CPUS}Q", self.maps["verdicts"][self._verdict_keys[verdicts.INDEX[name]]]))

    def counters(self):
        """All peers' counters, by remote."""
        found = self.maps["peer_counters"]
        return {".".join(map(str, key)): Counters.unpack(found[key]) for key in found.keys()}

    def run(self, frame, in_band=False, linear=None, **context):
        """Gives the program a frame; returns what it returned and a function that gives the frame as it left it.

        in_band: TC shall see the outermost tag in the frame, not beside it. linear: the bytes that XDP sees in one
        piece. context, for TC alone: ingress_ifindex, gso_size. The function may run the program once more.
        """
        if self.hook == "xdp":
            returned, out = self._program.run(frame, bpf.xdp_context(linear) if linear else None)
        elif frame[12:14] in TAGS and not in_band:
            returned, out = self._tagged.run(frame, ifindex=self.ifindex, **context)
            tag = functools.partial(self._tagged.tag_after, frame, ifindex=self.ifindex, **context)
            return returned, lambda: out[:12] + tag() + out[12:]
        else:
            returned, out = self._program.run(frame, bpf.skb_context(ifindex=self.ifindex, **context))
        return returned, lambda: out

    def tag_after(self, frame):
        """The tag beside a frame that TC had with its outermost tag in it, after the program ran once more."""
        return self._tagged.tag_after(frame, in_band=True, ifindex=self.ifindex)

    def observe(self, frame, **context):
        verdicts_before, counters_before = self.verdicts(), self.counters()
        self._listener.take()
        returned, out = self.run(frame, **context)
        told = self._listener.take()
        moved = {verdicts.NAMES[index] if index < len(verdicts.NAMES) else index: after - before
                 for index, (before, after) in enumerate(zip(verdicts_before, self.verdicts())) if after != before}
        counters = {remote: after - counters_before.get(remote, Counters()) for remote, after in self.counters().items()
                    if after != counters_before.get(remote, Counters())}
        return Outcome(returned, out(), moved, counters, told)

    def judge(self, frame, **context):
        """What the reference says of a frame."""
        told = {name: value for name, value in context.items() if name not in ("in_band", "linear")}
        if self.hook == "egress":
            return reference.encap(self.tables, frame, **told)
        return reference.decap(self.tables, HOOK_XDP if self.hook == "xdp" else HOOK_TC, frame, **told)

    def disagreement(self, judgement, returned, out):
        """How a return value and a frame differ from a judgement; None if they do not."""
        expected = judgement.out
        if expected is None:
            return None if returned == (XDP_DROP if self.hook == "xdp" else TC_SHOT) else f"not dropped: {returned}"
        if judgement.verdict == "encap_ok":
            if returned not in (TC_UNSPEC, TC_REDIRECT):
                return f"wrapped, but returned {returned}"
            expected = reference.with_identification(expected, out[18:20])
            if returned == TC_UNSPEC:
                if judgement.macs is None:
                    return "left on DEV, though its way out is another or the neighbour is not known"
                expected = judgement.macs + expected[12:]
            else:
                expected = out[:12] + expected[12:]
        elif judgement.redirected:
            if returned != (XDP_REDIRECT if self.hook == "xdp" else TC_REDIRECT):
                return f"not redirected: {returned}"
        elif returned != (XDP_PASS if self.hook == "xdp" else TC_UNSPEC):
            return f"not passed on: {returned}"
        return None if out == expected else f"frame {out.hex()}\n   not {expected.hex()}"

    def agree(self, frame, **context):
        """One packet, for which the reference's judgement must hold."""
        judgement, since = self.judge(frame, **context), time.monotonic_ns()
        outcome = self.observe(frame, **context)
        assert outcome.verdicts == ({judgement.verdict: judgement.packets} if judgement.verdict else {})
        assert self.disagreement(judgement, outcome.returned, outcome.out) is None
        assert outcome.counters == ({judgement.peer: judgement.counters} if judgement.peer else {})
        assert self.paths.learn(self.tables, judgement.news, since) is None
        return judgement

    def _expect_event(self, outcome, since, verdict, packets, peer, frame, in_band=False, linear=None, **_):
        """Exactly one event, which tells what was refused and holds the frame as the program had it."""
        event, = outcome.events
        tag = None
        if self.hook != "xdp" and frame[12:14] in TAGS and not in_band:
            tag, frame = struct.unpack_from("!HH", frame, 12), frame[:12] + frame[16:]
        if self.hook == "egress" and not peer:
            peer = self.tables.longest(int.from_bytes(frame[30:34], "big")).remote
        assert since <= event.time <= time.monotonic_ns()
        assert event == events.Event(verdict, events.OUT if self.hook == "egress" else events.IN, packets, peer,
                                     len(frame), frame[:linear][:events.BYTES], tag, self.ifindex, event.time)

    def expect(self, frame, verdict, out=None, peer=None, counters=None, packets=1, redirected=False, news=None,
               **context):
        """One packet: its verdict (None: not counted), the frame that goes on, and the one peer's counters that move.

        out: the frame after decap_ok, encap_ok, error_relayed or a *_mon, link header included (after encap_ok with
        identification 0); after a drop, the ICMP error that it becomes. What is untouched must be as it came. peer:
        whose counters move; a drop counts as `packets` drops of it. news: what is learnt of a path.
        """
        fate = verdicts.FATE[verdict] if verdict else "UNTOUCHED"
        if verdict == "outer_fragment" and peer is None:
            fate = "UNTOUCHED"
        if fate == "DROP" and peer:
            counters = Counters(drops=packets)
        judgement, since = self.judge(frame, **context), time.monotonic_ns()
        told = replace(judgement, verdict=verdict, fate=fate, packets=packets, peer=peer,
                       counters=counters or Counters(), out=frame if fate == "UNTOUCHED" else out,
                       redirected=redirected, news=news)
        outcome = self.observe(frame, **context)
        assert outcome.verdicts == ({verdict: packets} if verdict else {})
        assert self.disagreement(told, outcome.returned, outcome.out) is None
        assert outcome.counters == ({peer: counters} if peer else {})
        if fate == "DROP" or verdict in verdicts.LET_THROUGH:
            self._expect_event(outcome, since, verdict, packets, peer, frame, **context)
        else:
            assert outcome.events == []
        assert self.paths.learn(self.tables, news, since) is None
        assert judgement == told, "the reference says otherwise than this test"
        return outcome
