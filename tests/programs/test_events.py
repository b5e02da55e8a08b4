# SPDX-License-Identifier: GPL-2.0-only
"""What listeners are told of single packets: which ones, how much of them, how many in a second, and to whom.

What an event says of its packet is checked wherever a test expects a verdict (Attachment.expect).
"""

import re
import time
from pathlib import Path

import pytest

from . import verdicts
from .attachment import TC_SHOT, XDP_DROP
from .events import BURST, BYTES, PLACES, SECOND, Listener, allow_from
from .frames import TAGGINGS, arriving, icmp_error, inner, leaving, options, outer, received, tcp
from .ipv4 import with_checksum
from .judgement import News
from .tables import MONITOR
from .underlay import BEHIND_GATEWAY, LOCAL, LOOPED, NARROW, NARROW_MTU, ROUTE_BACK, UNROUTED

HERE, THERE = "192.168.8.8", "192.168.1.9"
STRANGER = "192.168.4.9"
REFUSED = arriving(outer(inner(src=STRANGER)))
OURS = outer(inner(src=HERE, dst=THERE), remote=LOCAL, local=BEHIND_GATEWAY)
HOUR = 3600 * SECOND


@pytest.fixture
def tunnel(decap):
    """192.168.1.0/24 behind a peer; REFUSED is rpf_prefix."""
    decap.peer(BEHIND_GATEWAY, "192.168.1.0/24")
    return decap


@pytest.fixture
def maps(dataplane):
    return dataplane.maps


@pytest.fixture
def listener(dataplane, tunnel):
    """The one that listens to every test, with nothing to take."""
    found = dataplane.listener()
    found.take()
    yield found
    found.until(time.monotonic_ns() + HOUR)
    allow_from(dataplane.maps, 0)


def refuse(tunnel, count=1):
    for _ in range(count):
        assert tunnel.run(REFUSED)[0] == (XDP_DROP if tunnel.hook == "xdp" else TC_SHOT)


# Each verdict under which a packet is refused

def damaged_inner():
    return with_checksum(b"\x65" + bytes(outer(inner()))[20:40][1:])


INGRESS = {
    "plain_source": arriving(inner()),
    "outer_bad": arriving(outer(inner(), chksum=1)),
    "outer_fragment": arriving(outer(inner(), frag=9)),
    "inner_bad": arriving(outer(damaged_inner())),
    "martian_source": arriving(outer(inner(src="127.0.0.1"))),
    "martian_destination": arriving(outer(inner(dst="127.0.0.1"))),
    "rpf_prefix": REFUSED,
    "no_route": arriving(outer(inner(src=ROUTE_BACK["none"]))),
    "rpf_route": arriving(outer(inner(src=ROUTE_BACK["elsewhere"]))),
    "fib_unavailable": arriving(outer(inner())),
    "ecn_drop": arriving(outer(inner(tos=0), tos=3)),
    "peer_invalid": arriving(outer(inner())),
}
EGRESS = {
    "no_peer": {"remote": None},
    "peer_invalid": {"rpf": 9},
    "inner_bad": {"fields": {"len": 2000}},
    "encap_ttl": {"fields": {"ttl": 0}},
    "encap_source": {"fields": {"src": LOCAL}, "ingress_ifindex": 1},
    "encap_no_route": {"remote": UNROUTED},
    "encap_loop": {"remote": LOOPED},
    "encap_too_big": {"remote": NARROW, "payload": bytes(NARROW_MTU), "fields": {"flags": "DF"}},
    "encap_unreachable": {"owed": True},
    "encap_error": {"gso_size": 1000, "payload": bytes(3000)},
}
# The rest: what other hooks than these have, and what test runs cannot provoke on each.
TC_ALONE = {"error_limited", "decap_error"}


def test_every_verdict_that_drops_is_here():
    dropping = {name for name in verdicts.NAMES if verdicts.FATE[name] == "DROP"}
    assert dropping == {*INGRESS, *EGRESS, *TC_ALONE}
    assert set(verdicts.LET_THROUGH) == {f"{name}_mon" for name in MONITORED}


def prepared(tunnel, name):
    """An attachment under which the frame of that verdict has it."""
    if name in ("no_route", "rpf_route"):
        tunnel.prefix("192.168.0.0/16", BEHIND_GATEWAY)
    if name == "fib_unavailable":
        tunnel.fib_answers(False)
    if name == "peer_invalid":
        tunnel.peer(BEHIND_GATEWAY, rpf=9)
    return tunnel


# A tagged frame is another device's, whose routes may lead elsewhere: it is never rpf_route.
@pytest.mark.parametrize("name, tags", [(name, tags) for tags in ("untagged", "qinq") for name in INGRESS
                                        if (name, tags) != ("rpf_route", "qinq")])
def test_what_is_dropped_on_its_way_in_is_told(tunnel, name, tags):
    frame, tags = INGRESS[name], TAGGINGS[tags]
    for kind, tag in reversed(tags):
        frame = frame[:12] + kind.to_bytes(2, "big") + tag.to_bytes(2, "big") + frame[12:]
    prepared(tunnel, name).expect(frame, name, peer=None if name == "plain_source" else BEHIND_GATEWAY)


MONITORED = {name: INGRESS[name] for name in ("rpf_prefix", "no_route", "rpf_route", "fib_unavailable")}


@pytest.mark.parametrize("name", MONITORED)
def test_what_monitor_lets_through_is_told_as_it_came(tunnel, name):
    tunnel.device(monitor=MONITOR)
    packet = inner(src=ROUTE_BACK["unicast"] if name == "fib_unavailable" else
                   {"rpf_prefix": STRANGER, "no_route": ROUTE_BACK["none"],
                    "rpf_route": ROUTE_BACK["elsewhere"]}[name])
    prepared(tunnel, name).expect(MONITORED[name], f"{name}_mon", arriving(packet), BEHIND_GATEWAY, received(packet))


@pytest.mark.parametrize("name", EGRESS)
def test_what_is_dropped_on_its_way_out_is_told(encap, name):
    case = EGRESS[name]
    remote = case.get("remote", BEHIND_GATEWAY)
    encap.device(icmp_rate=0)
    encap.prefix("192.168.1.0/24", remote or BEHIND_GATEWAY)
    if remote:
        encap.peer(remote, rpf=case.get("rpf", 0))
    if case.get("owed"):
        encap.path(remote, error_for=20)
    fields = {"src": HERE, "dst": THERE, **case.get("fields", {})}
    context = {key: value for key, value in case.items() if key in ("gso_size", "ingress_ifindex")}
    packet = tcp(case["payload"], **fields) if "gso_size" in case else inner(case.get("payload", b"data"), **fields)
    encap.expect(leaving(packet), name, peer=remote, packets=3 if "gso_size" in case else 1,
                 news=News(remote, owed=False) if case.get("owed") else None, **context)


def test_an_error_that_is_limited_is_told(decap_tc):
    decap_tc.peer(BEHIND_GATEWAY, "192.168.1.0/24")
    decap_tc.device(icmp_rate=0)
    decap_tc.expect(arriving(icmp_error(OURS, quote=100)), "error_limited")


def test_a_packet_that_becomes_an_error_is_told_as_it_was(encap):
    """The sender's ICMP error takes its place only then."""
    encap.peer(UNROUTED, "192.168.1.0/24")
    frame = leaving(inner(src=HERE, dst=THERE))
    outcome = encap.observe(frame)
    event, = outcome.events
    assert (event.verdict, event.data) == ("encap_no_route", frame) and outcome.out != frame


@pytest.mark.parametrize("frame", [arriving(inner(src="8.8.8.8")), arriving(outer(inner(), remote="192.0.2.9")),
                                   arriving(outer(inner()))], ids=["plain", "not_peer", "decap_ok"])
def test_what_is_not_refused_is_not_told(tunnel, frame):
    assert tunnel.observe(frame).events == []


# How much of a packet

@pytest.mark.parametrize("size", [*range(0, 34), 100, 117, 118, 119, 120, 133, 134, 135, 136, 137, 1000])
def test_the_first_bytes_are_told_and_no_more(tunnel, size):
    """Frames of each length about that of a copied piece, and about the most that is told."""
    frame = arriving(outer(inner(bytes(range(1, 251)) * 4, src=STRANGER)))[:62 + size]
    event, = tunnel.observe(frame).events
    assert (event.length, event.data) == (len(frame), frame[:BYTES])


def test_a_frame_in_several_buffers_is_told_as_far_as_it_can_be_read(decap_xdp):
    decap_xdp.peer(BEHIND_GATEWAY, "192.168.1.0/24")
    frame = arriving(outer(inner(bytes(6000), src=STRANGER)))
    event, = decap_xdp.observe(frame, linear=100).events
    assert (event.length, event.data) == (len(frame), frame[:100])


def test_headers_with_all_their_options_are_told(tunnel):
    frame = arriving(outer(inner(src=STRANGER, options=options(40)), options=options(40)), TAGGINGS["qinq"])
    event, = tunnel.observe(frame).events
    told = event.data if event.tag is None else event.data[:12] + frame[12:16] + event.data[12:]
    assert told == frame


# To whom

def test_nobody_is_told_whose_lease_has_run_out(tunnel, listener):
    for until in (0, time.monotonic_ns() - 1):
        listener.until(until)
        refuse(tunnel)
        assert listener.take() == []
    listener.until(time.monotonic_ns() + HOUR)
    refuse(tunnel)
    assert len(listener.take()) == 1


def test_without_a_listener_nothing_is_taken_off_the_allowance(tunnel, listener):
    listener.until(0)
    refuse(tunnel, 2 * BURST)
    listener.until(time.monotonic_ns() + HOUR)
    refuse(tunnel, BURST)
    assert len(listener.take()) == BURST


def test_each_of_several_listeners_is_told(tunnel, listener, maps):
    others = [Listener(maps, place) for place in range(1, PLACES)]
    refuse(tunnel)
    told = [one.take() for one in (listener, *others)]
    assert len(told[0]) == 1 and all(events == told[0] for events in told)
    for one in others:
        one.close()
    refuse(tunnel)
    assert len(listener.take()) == 1


def test_a_place_without_a_ring_buffer_holds_up_nobody(tunnel, listener, maps):
    other = Listener(maps, 2)
    del maps["event_rings"][(2).to_bytes(4, "little")]
    refuse(tunnel)
    assert (len(listener.take()), other.take()) == (1, [])
    other.until(0)


def test_a_full_ring_buffer_changes_nothing_for_packets_and_other_listeners(tunnel, listener, maps):
    slow = Listener(maps, 1, ring_bytes=4096)
    before = tunnel.verdict("rpf_prefix")
    refuse(tunnel, 100)
    assert tunnel.verdict("rpf_prefix") - before == 100
    assert len(listener.take()) == 100
    assert 0 < len(slow.take()) < 100
    slow.close()


# How many

@pytest.fixture
def slow_clock(maps, tunnel, listener):
    """A function: so many events are told of, from an allowance that will be full again in so many nanoseconds."""
    def told(in_nanoseconds, count):
        started = time.monotonic_ns()
        allow_from(maps, started + in_nanoseconds if in_nanoseconds else 0)
        refuse(tunnel, count)
        return len(listener.take()), (time.monotonic_ns() - started) / SECOND
    return told


@pytest.mark.parametrize("used", [0, 0.25, 0.9])
def test_a_burst_and_then_a_thousand_a_second(slow_clock, used):
    """So much of the allowance is used up already; the test itself takes time, in which it grows again."""
    told, seconds = slow_clock(round(used * SECOND), 3 * BURST)
    assert round(BURST * (1 - used)) <= told <= round(BURST * (1 - used + seconds)) + 1


def test_what_is_left_out_is_dropped_and_counted(maps, tunnel, listener):
    before = tunnel.verdict("rpf_prefix")
    for _ in range(50):
        # Full a second from now: there is none left.
        allow_from(maps, time.monotonic_ns() + SECOND)
        refuse(tunnel)
    told = len(listener.take())
    assert tunnel.verdict("rpf_prefix") - before == 50 and told < 50


# The constants of the header

def test_the_listener_of_these_tests_reads_what_the_header_says():
    header = (Path(__file__).resolve().parents[2] / "include/event.h").read_text()
    constants = dict(re.findall(r"#define (\w+) (\d+)", header))
    assert (int(constants["LISTENERS_MAX"]), int(constants["EVENT_BYTES"]), int(constants["EVENTS_BURST"]),
            int(constants["EVENTS_PER_SECOND"])) == (PLACES, BYTES, BURST, BURST)
