# SPDX-License-Identifier: GPL-2.0-only
"""Recorded frames, told the addresses of random tables and mutated: what they do must be what the reference says.

Everything follows from a seed, so that hook and number of an epoch name the frames that it meets.
"""

import contextlib
import random
import struct
from collections import Counter
from dataclasses import dataclass, field, replace
from pathlib import Path

from scapy.utils import RawPcapReader

from . import mutations, random_packets
from .attachment import Attachment, refused_by_test_run
from .bpf import KERNEL, TAKES_INGRESS
from .epoch import HOOKS, Epoch, Wrong, alone, run_epoch
from .ipv4 import ICMP_ERRORS, IPIP, Header
from .mutations import TAGS, headers, layers
from .random_errors import IGNORED, RELAYED
from .tables import number
from .underlay import LOCAL

CORPUS = Path(__file__).resolve().parents[1] / "fuzz" / "frames.pcap"
# XDP sees at least so much of a frame in several buffers: more than the headers of a tunnel packet can have.
LINEAR_MIN = 256
# A tag, a tunnel's two headers. A frame that can be carried has its outermost tag beside it when it meets TC.
SHORTEST_TAGGED = 14 + 4 + 20 + 20


def recorded():
    with contextlib.closing(RawPcapReader(str(CORPUS))) as pcap:
        return [frame for frame, _ in pcap]


def _is_tunnelled(frame):
    return len(headers(frame)) > 1 and Header(frame, headers(frame)[0].at).protocol == IPIP


def _is_error_about_a_tunnel(frame):
    found = layers(frame)
    return (len(found) > 2 and found[1].icmp and frame[found[1].at] in ICMP_ERRORS
            and Header(frame, found[2].at).protocol == IPIP)


def _addressed(frame, *pairs):
    """With the source and destination (numbers) of the outermost headers replaced; None stays as it is."""
    for layer, addresses in zip(headers(frame), pairs):
        for at, address in zip((layer.at + 12, layer.at + 16), addresses):
            if address is not None:
                frame = mutations.replaced(frame, at, address.to_bytes(4, "big"))
    return mutations.with_right_checksums(frame)


class Frames:
    """Makes frames of recorded ones, for random tables."""

    def __init__(self):
        self._all = recorded()
        self._tunnelled = [frame for frame in self._all if _is_tunnelled(frame)]
        self._errors = [frame for frame in self._all if _is_error_about_a_tunnel(frame)]

    def arriving(self, random, tables):
        choice = random.random()
        if choice < 0.5:
            frame = self._from_a_far_end(random, tables)
        elif choice < 0.8:
            frame = self._error(random, tables)
        else:
            source = random_packets.inside(random, random.choice(random_packets.REMOTES))
            frame = _addressed(random.choice(self._all), (source, number(LOCAL)))
        return self._mutated(random, frame)

    def leaving(self, random, tables):
        frame = random.choice(self._all)
        if random.random() < 0.8:
            frame = mutations.unwrapped(frame)
        if frame[12:14] in TAGS and random.random() < 0.7:
            frame = frame[:12] + frame[mutations.network_offset(frame) - 2:]
        if random.random() < 0.95:
            remote = random.choice(random_packets.REMOTES)
            source = number(random.choice((remote, LOCAL))) if random.random() < 0.1 else random_packets.sender(random)
            frame = _addressed(frame, (source, random_packets.inside(random, remote)))
        return random_packets.into_a_tunnel(random, self._mutated(random, frame))

    def _from_a_far_end(self, random, tables):
        """Its inner packet goes to an address of this host or, now and then, to where it went when it was recorded."""
        remote, local, source = random_packets.far_end(random, tables)
        frame = random.choice(self._tunnelled)
        if random.random() < 0.1:
            frame = mutations.wrapped(random, mutations.unwrapped(frame), random.randint(1, 8))
        if random.random() < 0.3:
            frame = mutations.replaced(frame, headers(frame)[0].at + 1, random.randbytes(1))
        return _addressed(frame, (remote, local), (source, random.choice((number("192.168.8.8"), None))))

    def _error(self, random, tables):
        """As it was recorded, or about another packet, with as much of it as a router chooses to quote."""
        frame = random.choice(self._errors)
        if random.random() < 0.6:
            frame = mutations.quoted(frame, random.choice(self._tunnelled), random.randrange(601))
        if random.random() < 0.5 and _is_error_about_a_tunnel(frame):
            at = layers(frame)[1].at
            frame = mutations.replaced(frame, at, bytes(random.choice(RELAYED + IGNORED)))
            frame = mutations.replaced(frame, at + 6, struct.pack("!H", random.choice(mutations.WORDS)))
        router, local, remote, destination = random_packets.told_about(random, tables)
        return _addressed(frame, (router, local), (local, remote), (random_packets.sender(random), destination))

    def _mutated(self, random, frame):
        if random.random() < 0.9:
            frame = mutations.mutated(random, frame, random.choice(self._all))
        return frame


def _context(random, hook, frame):
    """How a frame is given to a program of this hook."""
    context = {}
    if hook == "xdp" and len(frame) > LINEAR_MIN and random.random() < 0.2:
        linear = random.randint(LINEAR_MIN, len(frame))
        if KERNEL >= (5, 18):
            context["linear"] = linear
    if frame[12:14] in TAGS and (hook == "egress" or hook == "tc" and len(frame) < SHORTEST_TAGGED):
        context["in_band"] = random.random() < 0.5
    if hook == "egress":
        context["ingress_ifindex"] = random.choice((0, 0, 1)) if TAKES_INGRESS else 0
    return context


@dataclass
class Fuzzer:
    """Epoch after epoch of fuzzed frames, on each hook in turn, until a frame is wrong."""
    dataplane: object
    ifindex: int
    seed: int
    frames: Frames = field(default_factory=Frames)
    seen: Counter = field(default_factory=Counter)

    def _epoch(self, hook, number):
        make = self.frames.leaving if hook == "egress" else self.frames.arriving

        def frame_and_context(random, tables):
            frame = make(random, tables)
            return frame, _context(random, hook, frame)

        return Epoch(Attachment(self.dataplane, hook, self.ifindex), random.Random(f"{self.seed} {hook} {number}"),
                     frame_and_context)

    def first_wrong(self, go_on):
        """Runs epochs while go_on(number) says so; how to repeat the first wrong frame, and the frame, or None."""
        number = 0
        while go_on(number):
            hook = HOOKS[number % len(HOOKS)]
            epoch, wrong = run_epoch(lambda: self._epoch(hook, number))
            if wrong:
                return self._report(epoch.attachment, number, wrong)
            self.seen += epoch.seen
            number += 1
        return None

    def repeated(self, hook, number, frame, context):
        """Runs one frame against the tables of an epoch; as first_wrong()."""
        attachment = self._epoch(hook, number).attachment
        wrong = alone(attachment, frame, context)
        return self._report(attachment, number, wrong) if wrong else None

    def _report(self, attachment, number, wrong):
        name = f"IPIPBPF_SEED={self.seed}, {attachment.hook}, epoch {number}"
        if not isinstance(wrong, Wrong):
            return f"{name}: no frame alone: {wrong}"
        small = smaller(attachment, wrong)
        context = "".join(f" {name}={value:d}" for name, value in small.context.items())
        return f"{name}:\n{small}\n{attachment.tables}\nbefore it: {small.paths}\n" \
            f"alone: IPIPBPF_SEED={self.seed} tests/fuzz/frames {attachment.hook} {number} {small.frame.hex()}{context}"


def _alone_after(attachment, paths, frame, context):
    """Runs a frame with that known of paths which was known when the wrong one came."""
    attachment.tables.paths = dict(paths)
    attachment.paths.put_back(paths)
    return alone(attachment, frame, context)


def _size(frame):
    """Of two frames of a length, that is the smaller one which ends in more zeros."""
    return len(frame.rstrip(b"\0")), len(frame)


def _smaller_frames(frame):
    """Ever less of a frame's end taken away or made 0, as it is or with lengths and checksums right again."""
    step = len(frame) // 2
    while step:
        for cut in (frame[:-step], frame[:-step] + bytes(step)):
            yield cut
            yield mutations.with_right_checksums(mutations.with_right_lengths(cut))
        step //= 2


def smaller(attachment, wrong):
    """A Wrong with as little context, and as few bytes at its end, as are still wrong."""
    found = _alone_after(attachment, wrong.paths, wrong.frame, wrong.context)
    if not found:
        return replace(wrong, what=f"not by itself: {wrong.what}")
    for name in wrong.context:
        context = {other: value for other, value in found.context.items() if other != name}
        found = _alone_after(attachment, wrong.paths, found.frame, context) or found
    shorter = found
    while shorter:
        found, shorter = shorter, _first_smaller(attachment, wrong.paths, shorter)
    return found


def _first_smaller(attachment, paths, wrong):
    """The same wrong with a smaller frame; None if none is."""
    for frame in _smaller_frames(wrong.frame):
        refused = refused_by_test_run(attachment.hook, frame, wrong.context.get("in_band", False))
        if refused or len(frame) < wrong.context.get("linear", 0) or _size(frame) >= _size(wrong.frame):
            continue
        if found := _alone_after(attachment, paths, frame, wrong.context):
            return found
    return None
