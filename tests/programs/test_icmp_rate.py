# SPDX-License-Identifier: GPL-2.0-only
"""How many ICMP errors inner senders get (RFC 1812 4.3.2.8): a burst of 50, then `icmp_rate` a second and CPU.

Slow rates make the tests sure: no new error is due while they run. Time passes by what they write into `icmp_full`.
"""

import struct
import time

import pytest

from .bpf import CPUS
from .frames import arriving, icmp_error, inner, leaving, outer
from .path_maps import SECOND
from .tables import UNLIMITED
from .underlay import BEHIND_GATEWAY, GATEWAY, LOCAL, UNROUTED

BURST = 50
OURS = outer(inner(src="192.168.8.8", dst="192.168.1.9"), remote=LOCAL, local=BEHIND_GATEWAY)
ERROR = arriving(icmp_error(OURS, src=GATEWAY, quote=100))
KEPT = arriving(icmp_error(OURS, src=GATEWAY, quote=28))
IGNORED = arriving(icmp_error(OURS, 3, 3, src=GATEWAY, quote=100))
UNSENT = leaving(inner(src="192.168.8.8", dst="192.168.2.9"))
TOO_BIG = leaving(inner(bytes(1500), src="192.168.8.8", dst="192.168.1.9"))


@pytest.fixture
def tunnel(decap_tc):
    decap_tc.peer(BEHIND_GATEWAY, "192.168.1.0/24")
    decap_tc.peer(UNROUTED, "192.168.2.0/24")
    return decap_tc


def verdict(tunnel, frame=ERROR):
    moved, = tunnel.observe(frame).verdicts
    return moved


def relayed(tunnel, most):
    """How many errors are relayed before one is limited, of at most so many."""
    for count in range(most):
        if verdict(tunnel) != "error_relayed":
            return count
    return most


def answered(way_out, most, frame=UNSENT):
    for count in range(most):
        if way_out.observe(frame).returned != 7:
            return count
    return most


def ago(seconds):
    return time.monotonic_ns() - round(seconds * SECOND)


@pytest.mark.parametrize("rate", [1, 2])
def test_a_burst_and_no_more(tunnel, rate):
    tunnel.device(icmp_rate=rate)
    started = time.monotonic()
    count = relayed(tunnel, 200)
    assert BURST <= count <= BURST + rate * (time.monotonic() - started) + 1
    assert count < 200


def test_what_is_beyond_the_rate_is_dropped_and_counted(tunnel):
    tunnel.device(icmp_rate=1)
    tunnel.allow_errors_from(ago(-BURST))
    for _ in range(3):
        outcome = tunnel.observe(ERROR)
        assert (outcome.returned, outcome.verdicts) == (2, {"error_limited": 1})


def test_what_draws_no_error_takes_nothing_of_the_rate(tunnel):
    tunnel.device(icmp_rate=1)
    for frame, expected in ((KEPT, "error_kept"), (IGNORED, "error_ignored")):
        for _ in range(BURST + 5):
            assert verdict(tunnel, frame) == expected
    assert relayed(tunnel, BURST) == BURST


@pytest.mark.parametrize("due", range(4))
def test_the_rate_is_so_many_a_second(tunnel, due):
    """So many seconds after the burst was used up, so many errors may go; the test itself takes time, too."""
    tunnel.device(icmp_rate=1)
    started = time.monotonic()
    tunnel.allow_errors_from(ago(-(BURST - due - 0.5)))
    count = relayed(tunnel, 100)
    assert max(0, due) <= count <= max(0, due + 0.5 + time.monotonic() - started)


@pytest.mark.parametrize("rate", [1, 3, 7])
def test_an_error_takes_its_share_of_a_second(tunnel, rate):
    tunnel.device(icmp_rate=rate)
    full = ago(-10 / rate)
    tunnel.allow_errors_from(full)
    assert relayed(tunnel, 1) == 1
    now_full = struct.unpack(f"={CPUS}Q", tunnel.maps["icmp_full"][bytes(4)])
    assert sum(now_full) - CPUS * full == SECOND // rate


def test_what_was_reckoned_at_a_slower_rate_holds_nothing_back(tunnel):
    tunnel.device(icmp_rate=1)
    for seconds in (BURST + 5, 3600):
        tunnel.allow_errors_from(ago(-seconds))
        assert BURST <= relayed(tunnel, 100) < BURST + 10


def test_time_without_errors_fills_the_burst_and_no_more(tunnel):
    tunnel.device(icmp_rate=1)
    for seconds in (0, 1, 100, 3600):
        tunnel.allow_errors_from(max(0, ago(seconds)))
        assert BURST <= relayed(tunnel, 100) < BURST + 10


def test_a_rate_of_0_is_none(tunnel):
    tunnel.device(icmp_rate=0)
    assert relayed(tunnel, 3) == 0
    assert answered(tunnel.at("egress"), 3) == 0


@pytest.mark.parametrize("rate", [2_000_000_000, UNLIMITED])
def test_a_huge_rate_never_limits(tunnel, rate):
    tunnel.device(icmp_rate=rate)
    assert relayed(tunnel, 500) == 500


def test_both_hooks_share_the_rate(tunnel):
    tunnel.device(icmp_rate=1)
    way_out = tunnel.at("egress")
    assert relayed(tunnel, 20) == 20
    assert answered(way_out, 20) == 20
    assert BURST - 40 <= answered(way_out, 100, TOO_BIG) < BURST - 30
    assert relayed(tunnel, 10) in (0, 1)


def test_what_cannot_be_sent_beyond_the_rate_is_dropped_in_silence(tunnel):
    tunnel.device(icmp_rate=1)
    tunnel.allow_errors_from(ago(-BURST))
    way_out = tunnel.at("egress")
    for frame, expected in ((UNSENT, "encap_no_route"), (TOO_BIG, "encap_too_big")):
        outcome = way_out.observe(frame)
        assert (outcome.returned, outcome.verdicts) == (2, {expected: 1})
