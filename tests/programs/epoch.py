# SPDX-License-Identifier: GPL-2.0-only
"""One set of random tables, and the many packets that meet it, each against the reference."""

import os
import time
from collections import Counter
from dataclasses import dataclass, replace
from random import Random, SystemRandom

from . import random_packets, verdicts
from .attachment import TAGS, Attachment, refused_by_test_run
from .forwarding import may_leave_by
from .judgement import Judgement
from .tables import SWITCH_ON, Counters
from .underlay import OTHER

PACKETS = 500
HOOKS = ("xdp", "tc", "egress")


def chosen_seed():
    """IPIPBPF_SEED, or any."""
    return int(os.environ.get("IPIPBPF_SEED", 0)) or SystemRandom().randrange(1, 1 << 32)


@dataclass
class Wrong:
    """A packet of which program and reference think differently. paths: what was known of ways before it came."""
    what: str
    frame: bytes
    context: dict
    judgement: Judgement
    paths: dict

    def __str__(self):
        out = self.judgement.out and self.judgement.out.hex()
        return f"{self.what}\nframe {self.frame.hex()} {self.context}\nmust be {replace(self.judgement, out=out)}"


class Epoch:
    """Random tables, and the packets made for them."""

    def __init__(self, attachment, random, make):
        """make: called with `random` and the tables, gives a frame and the context of its test run."""
        self.attachment, self.random, self._make = attachment, random, make
        self.seen, self.counters, self._moved = Counter(), Counter(), Counter()
        random_packets.fill(attachment, random)

    def packets(self, count):
        while count:
            frame, context = self._make(self.random, self.attachment.tables)
            if not refused_by_test_run(self.attachment.hook, frame, context.get("in_band", False)):
                count -= 1
                yield frame, context

    def first_wrong_packet(self, count=PACKETS):
        """Runs packets; the first whose verdict, fate or frame is wrong, or None."""
        for frame, context in self.packets(count):
            attachment, paths = self.attachment, dict(self.attachment.tables.paths)
            judgement, since = attachment.judge(frame, **context), time.monotonic_ns()
            returned, out = attachment.run(frame, **context)
            self._expect(judgement)
            wrong = self._verdict_wrong(judgement) or attachment.disagreement(judgement, returned, out())
            if judgement.news and not wrong:
                wrong = attachment.paths.learn(attachment.tables, judgement.news, since)
            if attachment.hook != "xdp" and frame[12:14] in TAGS and not context.get("in_band"):
                self._expect(judgement)
            if wrong:
                return Wrong(wrong, frame, context, judgement, paths)
            self.seen[judgement.verdict] += 1
        return None

    def _expect(self, judgement):
        if judgement.verdict:
            self._moved[judgement.verdict] += judgement.packets
        if judgement.peer is not None:
            self.counters[judgement.peer] = self.counters.get(judgement.peer, Counters()) + judgement.counters

    def _verdict_wrong(self, judgement):
        if judgement.verdict is None:
            return None
        count = self.attachment.verdict(judgement.verdict)
        if count != self._moved[judgement.verdict]:
            return f"{judgement.verdict} stands at {count} and not at {self._moved[judgement.verdict]}"
        return None

    def wrong_counters(self):
        """All counters and what is known of paths, after all packets; None if they are right."""
        counted = {name: count for name, count in zip(verdicts.NAMES, self.attachment.verdicts()) if count}
        if counted != +self._moved:
            return f"verdicts {counted}\n     not {dict(self._moved)}"
        if self.attachment.counters() != self.counters:
            return f"counters {self.attachment.counters()}\n     not {dict(self.counters)}"
        return self.attachment.paths.learn(self.attachment.tables, None, 0)

    def first_wrong_counter(self, count=PACKETS):
        """As first_wrong_packet(), with all counters read after each: that would take too long for all epochs."""
        for frame, context in self.packets(count):
            wrong = alone(self.attachment, frame, context)
            if wrong:
                return wrong
        return None


def random_epoch(dataplane, ifindex, hook, number, seed):
    """One of random packets, `forward on` in some; `ifindex` is forwarding_ifindex."""
    make = random_packets.leaving if hook == "egress" else random_packets.arriving
    epoch = Epoch(Attachment(dataplane, hook, ifindex), Random(f"{seed} {hook} {number}"), make)
    if hook != "egress" and epoch.random.random() < 0.5:
        epoch.attachment.device(forward=SWITCH_ON)
        may_leave_by(epoch.attachment, OTHER)
    return epoch


def run_epoch(make):
    """Runs the epoch that make() makes, and if anything is wrong, once more with all counters read after each packet.

    Returns the epoch, and a Wrong; or what is wrong of which no packet alone is the cause; or None.
    """
    epoch = make()
    wrong = epoch.first_wrong_packet() or epoch.wrong_counters()
    if wrong:
        epoch = make()
        wrong = epoch.first_wrong_counter() or wrong
    return epoch, wrong


def alone(attachment, frame, context):
    """Runs one packet and looks at all that can move; the Wrong, or None."""
    paths = dict(attachment.tables.paths)
    judgement, since = attachment.judge(frame, **context), time.monotonic_ns()
    outcome = attachment.observe(frame, **context)
    wrong = [attachment.disagreement(judgement, outcome.returned, outcome.out),
             attachment.paths.learn(attachment.tables, judgement.news, since)]
    verdict = {judgement.verdict: judgement.packets} if judgement.verdict else {}
    if outcome.verdicts != verdict:
        wrong.append(f"verdicts {outcome.verdicts}\n     not {verdict}")
    counters = {judgement.peer: judgement.counters} if judgement.peer is not None else {}
    if outcome.counters != counters:
        wrong.append(f"counters {outcome.counters}\n     not {counters}")
    if any(wrong):
        return Wrong("\n".join(filter(None, wrong)), frame, context, judgement, paths)
    return None
