# SPDX-License-Identifier: GPL-2.0-only
"""Mutated recorded frames, the same on each run; `make fuzz` runs others, for as long as it is told."""

import re

from pace import all_or

from . import reference
from .fuzzed_frames import Fuzzer, recorded

SEED = 791
EPOCHS = all_or(15, 4)
MET = {"decap_ok", "encap_ok", "not_peer", "plain_source", "outer_bad", "outer_fragment", "inner_bad", "martian_source",
       "rpf_prefix", "no_route", "tagged", "no_peer", "peer_invalid", "encap_no_route", "encap_loop", "encap_too_big",
       "encap_no_prefix", "error_relayed", "error_kept", "error_ignored", None}


def test_mutated_frames_do_what_the_reference_says(dataplane, underlay_ifindex):
    fuzzer = Fuzzer(dataplane, underlay_ifindex, SEED)
    wrong = fuzzer.first_wrong(lambda number: number < EPOCHS)
    assert wrong is None, wrong
    assert not MET - set(fuzzer.seen), "verdicts that no frame met"


def test_a_wrong_frame_is_told_so_that_it_can_be_repeated(dataplane, underlay_ifindex, monkeypatch):
    fuzzer = Fuzzer(dataplane, underlay_ifindex, SEED)
    monkeypatch.setattr(reference, "_decapsulated_ecn", lambda inner, outer: inner)
    wrong = fuzzer.first_wrong(lambda number: number < EPOCHS)
    assert f"IPIPBPF_SEED={SEED}" in wrong
    hook, number, text = re.search("tests/fuzz/frames (\\w+) (\\d+) (\\w+)", wrong).groups()
    frame = bytes.fromhex(text)
    assert hook in ("xdp", "tc") and len(frame) < max(map(len, recorded()))
    assert text in fuzzer.repeated(hook, int(number), frame, {})
    monkeypatch.undo()
    assert fuzzer.repeated(hook, int(number), frame, {}) is None
