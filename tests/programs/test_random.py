# SPDX-License-Identifier: GPL-2.0-only
"""Random packets through every program, each against the reference.

IPIPBPF_SEED repeats a run, IPIPBPF_PACKETS makes it shorter or longer.
"""

import os
import random
import struct
import time
from collections import Counter

import pytest

from . import bpf, random_packets, verdicts
from .attachment import TAGS, Attachment, refused_by_test_run
from .tables import Counters

PACKETS = int(os.environ.get("IPIPBPF_PACKETS", 100_000))
SEED = int(os.environ.get("IPIPBPF_SEED", 0)) or random.SystemRandom().randrange(1, 1 << 32)
EPOCH = 500
HOOKS = ("xdp", "tc", "egress")


class Epoch:
    """One set of random tables, and the packets that it meets."""

    def __init__(self, dataplane, ifindex, hook, number):
        self.random = random.Random(f"{SEED} {hook} {number}")
        self.attachment = Attachment(dataplane, hook, ifindex)
        self.seen = Counter()
        self.counters = Counter()
        random_packets.fill(self.attachment, self.random)
        self._verdicts = dataplane.maps["verdicts"]
        self._make = random_packets.leaving if hook == "egress" else random_packets.arriving
        self._moved = Counter()

    def packets(self, count):
        while count:
            frame, context = self._make(self.random, self.attachment.tables)
            if not refused_by_test_run(self.attachment.hook, frame):
                count -= 1
                yield frame, context

    def first_wrong_packet(self, count):
        """Runs packets; what is wrong with the first whose verdict, fate or frame is wrong, or None."""
        for frame, context in self.packets(count):
            attachment = self.attachment
            judgement, since = attachment.judge(frame, **context), time.monotonic_ns()
            returned, out = attachment.run(frame, **context)
            self._expect(judgement)
            wrong = self._verdict_wrong(judgement) or attachment.disagreement(judgement, returned, out())
            if judgement.news and not wrong:
                wrong = attachment.paths.learn(attachment.tables, judgement.news, since)
            if attachment.hook != "xdp" and frame[12:14] in TAGS:
                self._expect(judgement)
            if wrong:
                return f"{wrong}\nframe {frame.hex()} {context}\nmust be {judgement}\n{attachment.tables}"
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
        value = self._verdicts[struct.pack("=I", verdicts.INDEX[judgement.verdict])]
        count = sum(struct.unpack(f"={bpf.CPUS}Q", value))
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


def first_wrong_counter(dataplane, ifindex, hook, number):
    """Walks an epoch again with all counters read after each packet, which would take too long for all epochs."""
    epoch = Epoch(dataplane, ifindex, hook, number)
    for frame, context in epoch.packets(EPOCH):
        judgement, since = epoch.attachment.judge(frame, **context), time.monotonic_ns()
        outcome = epoch.attachment.observe(frame, **context)
        paths_wrong = epoch.attachment.paths.learn(epoch.attachment.tables, judgement.news, since)
        verdict = {judgement.verdict: judgement.packets} if judgement.verdict else {}
        counters = {judgement.peer: judgement.counters} if judgement.peer is not None else {}
        if outcome.verdicts != verdict or outcome.counters != counters or paths_wrong:
            return f"frame {frame.hex()} {context}\n{paths_wrong}\n{outcome}\nmust be {judgement}\n{epoch.attachment.tables}"
    return "no packet alone"


def test_random_packets_agree_with_the_reference(dataplane, underlay_ifindex, capsys):
    seen, started = Counter(), time.monotonic()
    epochs = -(-PACKETS // EPOCH)
    for number in range(epochs):
        hook = HOOKS[number % len(HOOKS)]
        epoch = Epoch(dataplane, underlay_ifindex, hook, number)
        wrong = epoch.first_wrong_packet(EPOCH)
        if not wrong and (wrong := epoch.wrong_counters()):
            wrong += "\n" + first_wrong_counter(dataplane, underlay_ifindex, hook, number)
        if wrong:
            pytest.fail(f"IPIPBPF_SEED={SEED}, {hook}, epoch {number}:\n{wrong}", pytrace=False)
        seen += epoch.seen
    with capsys.disabled():
        print(f"\n{sum(seen.values())} random packets in {time.monotonic() - started:.0f} s, IPIPBPF_SEED={SEED}:")
        for name in verdicts.NAMES:
            print(f"  {name:20} {seen[name]:6}")
        print(f"  {'(not taken up)':20} {seen[None]:6}")
    if PACKETS >= 100_000:
        assert not [name for name in verdicts.NAMES if not seen[name]], "verdicts that no packet met"
