# SPDX-License-Identifier: GPL-2.0-only
"""Egress: a packet that cannot be sent becomes the ICMP error about itself, for its sender (RFC 792, RFC 1812 4.3.2)."""

import pytest
from scapy.compat import raw
from scapy.layers.inet import IP, TCP
from scapy.layers.l2 import Ether

from . import underlay
from .attachment import TC_REDIRECT, TC_SHOT
from .bpf import FIB_TELLS_SOURCE
from .frames import inner, leaving, options, sent, tcp, told, wrapped
from .ipv4 import with_icmp_checksum
from .judgement import News
from .tables import NOPMTUDISC
from .underlay import (BEHIND_GATEWAY, BLACKHOLED, DEV, ELSEWHERE, LOCAL, LOOPED, MAC, NARROW, NARROW_MTU, ON_LINK,
                       OTHER_ADDRESS, PROHIBITED, UNREACHABLE, UNRESOLVED, UNROUTED)

HERE, THERE = "192.168.8.8", "192.168.1.9"
STAND_IN_MAC = "02:00:00:00:04:04"


@pytest.fixture
def tunnel(encap):
    """192.168.1.0/24 behind a peer."""
    encap.peer(BEHIND_GATEWAY, "192.168.1.0/24")
    return encap


@pytest.fixture
def unrouted(encap):
    """192.168.1.0/24 behind a peer that no route leads to."""
    encap.peer(UNROUTED, "192.168.1.0/24")
    return encap


def packet(payload=b"inner payload", **fields):
    return inner(payload, **{"src": HERE, "dst": THERE, **fields})


def to_the_stack(error):
    """A frame as this host's own stack is to get it, from DEV."""
    return raw(Ether(dst=MAC[DEV], src=STAND_IN_MAC, type=0x0800)) + raw(error)


def answers(tunnel, what, verdict, error, remote=UNROUTED, packets=1, **context):
    """An own sender hears an error."""
    tunnel.expect(leaving(what), verdict, to_the_stack(error), peer=remote, packets=packets, redirected=True, **context)


def is_silent(tunnel, what, verdict="encap_no_route", remote=UNROUTED, **context):
    tunnel.expect(leaving(what), verdict, peer=remote, **context)


# Which verdicts the sender hears of

@pytest.mark.parametrize("remote", [UNROUTED, BLACKHOLED, UNREACHABLE, PROHIBITED, HERE, "172.16.31.255"])
def test_no_route_is_told_as_host_unreachable(encap, remote):
    encap.peer(remote, "192.168.1.0/24")
    answers(encap, packet(), "encap_no_route", told(remote, HERE, packet()), remote)


@pytest.mark.parametrize("remote, mtu", [(BEHIND_GATEWAY, 1500), (ELSEWHERE, 1400), (NARROW, NARROW_MTU),
                                         (UNRESOLVED, 1500), (ON_LINK, 1500)])
def test_too_big_is_told_with_the_mtu_that_is_left_inside(encap, remote, mtu):
    encap.peer(remote, "192.168.1.0/24")
    fits = mtu - 20 - 28
    for size in (fits + 1, fits + 2, fits + 21, 2500):
        for flags in (0, "DF"):
            what = packet(bytes(size), flags=flags)
            answers(encap, what, "encap_too_big", told(remote, HERE, what, mtu - 20), remote)


def test_the_mtu_that_is_told_fits(tunnel):
    what = packet(bytes(1480 - 28))
    tunnel.expect(leaving(what), "encap_ok", wrapped(what), BEHIND_GATEWAY, sent(what))
    what = packet(bytes(1481 - 28))
    answers(tunnel, what, "encap_too_big", told(BEHIND_GATEWAY, HERE, what, 1480), BEHIND_GATEWAY)


@pytest.mark.parametrize("mtu", [576, 1000, 1492, 1500])
def test_the_devices_mtu_is_told_when_the_fib_does_not_answer(tunnel, mtu):
    tunnel.fib_answers(False)
    tunnel.device(mtu=mtu)
    what = packet(bytes(mtu))
    answers(tunnel, what, "encap_too_big", told(BEHIND_GATEWAY, HERE, what, mtu - 20), BEHIND_GATEWAY)


def test_an_owed_error_is_told_as_host_unreachable(tunnel):
    tunnel.path(BEHIND_GATEWAY, error_for=30)
    answers(tunnel, packet(), "encap_unreachable", told(BEHIND_GATEWAY, HERE, packet()), BEHIND_GATEWAY,
            news=News(BEHIND_GATEWAY, owed=False))


def test_other_drops_are_silent(encap):
    encap.prefix("192.168.1.0/24", BEHIND_GATEWAY)
    is_silent(encap, packet(), "no_peer", None)
    encap.peer(BEHIND_GATEWAY, type=1)
    is_silent(encap, packet(), "peer_invalid", BEHIND_GATEWAY)
    encap.peer(BEHIND_GATEWAY)
    is_silent(encap, packet(len=19), "inner_bad", BEHIND_GATEWAY)
    is_silent(encap, packet(ttl=0), "encap_ttl", BEHIND_GATEWAY)
    encap.peer(LOOPED, "192.168.1.0/24")
    is_silent(encap, packet(), "encap_loop", LOOPED)
    encap.peer(BEHIND_GATEWAY, "192.168.1.0/24")
    what = tcp(bytes(2500), src=HERE, dst=THERE)
    is_silent(encap, what, "encap_error", BEHIND_GATEWAY, packets=3, gso_size=1000)


def test_a_forwarded_packet_from_an_end_of_the_tunnel_draws_no_error(tunnel):
    is_silent(tunnel, packet(src=LOCAL), "encap_source", BEHIND_GATEWAY, ingress_ifindex=1)


def test_what_is_left_alone_is_silent(unrouted):
    unrouted.bare("192.168.1.9/32")
    unrouted.expect(leaving(packet()), "encap_no_prefix")
    unrouted.expect(leaving(packet(dst="192.168.1.10"), ((0x8100, 5),)), "tagged")


def test_without_a_rate_nothing_is_told(tunnel):
    tunnel.peer(UNROUTED, "192.168.2.0/24")
    tunnel.device(icmp_rate=0)
    is_silent(tunnel, packet(dst="192.168.2.9"))
    is_silent(tunnel, packet(bytes(1500)), "encap_too_big", BEHIND_GATEWAY)


# To whom, and from whom

@pytest.mark.parametrize("sender", [HERE, LOCAL, "10.99.0.1", "192.168.4.9", "192.168.5.9", "172.16.31.255"])
def test_a_sender_without_a_unicast_route_hears_it_from_the_far_end(unrouted, sender):
    what = packet(src=sender)
    answers(unrouted, what, "encap_no_route", told(UNROUTED, sender, what))


@pytest.mark.parametrize("sender, source", [
    ("192.168.3.9", "10.99.0.1"), ("10.99.0.50", "10.99.0.1"), ("192.168.9.9", OTHER_ADDRESS), ("192.168.2.77", LOCAL),
    ("172.16.16.40", LOCAL), ("192.168.10.9", "10.99.0.1")],
    ids=["behind another device", "on another link", "a route with a source", "behind a tunnel", "on the underlay",
         "behind a route with an MTU of 500"])
@pytest.mark.parametrize("forwarded", [0, 1], ids=["own", "forwarded"])
def test_a_sender_elsewhere_hears_it_from_this_hosts_address_there(unrouted, sender, source, forwarded):
    """The kernel's neighbour code writes the link header later."""
    unrouted.peer(UNROUTED, local="172.16.16.99")
    what = packet(src=sender)
    error = told(source if FIB_TELLS_SOURCE else "172.16.16.99", sender, what)
    unrouted.expect(leaving(what), "encap_no_route", leaving(error), peer=UNROUTED, redirected=True,
                    ingress_ifindex=forwarded)


def test_a_sender_on_a_route_by_the_loopback_device_hears_it_from_the_far_end(unrouted):
    what = packet(src="192.168.11.9")
    with underlay.routes("192.168.11.0/24 dev lo"):
        outcome = unrouted.observe(leaving(what))
    assert (outcome.returned, outcome.out) == (TC_REDIRECT, to_the_stack(told(UNROUTED, "192.168.11.9", what)))


def test_all_senders_hear_it_from_the_far_end_while_the_fib_does_not_answer(tunnel):
    tunnel.fib_answers(False)
    for sender in (HERE, "192.168.3.9", "192.168.1.77"):
        what = packet(bytes(1500), src=sender)
        answers(tunnel, what, "encap_too_big", told(BEHIND_GATEWAY, sender, what, 1480), BEHIND_GATEWAY)


def test_the_link_header_is_turned_about(unrouted):
    frame = bytes.fromhex("0a0b0c0d0e0f" "5a5b5c5d5e5f" "0800") + raw(packet())
    unrouted.expect(frame, "encap_no_route", bytes.fromhex("5a5b5c5d5e5f" "020000000404" "0800") +
                    raw(told(UNROUTED, HERE, packet())), peer=UNROUTED, redirected=True)


# How much

def test_packets_of_every_length_are_quoted_as_far_as_there_is_room(unrouted):
    payload = bytes(range(256)) * 6
    for size in range(700):
        what = packet(payload[:size])
        error = told(UNROUTED, HERE, what)
        assert len(raw(error)) == min(576, 28 + 28 + size)
        answers(unrouted, what, "encap_no_route", error)


@pytest.mark.parametrize("size", range(10))
def test_the_shortest_packets_are_quoted_whole(unrouted, size):
    what = IP(src=HERE, dst=THERE, proto=253, id=9) / bytes(range(size))
    answers(unrouted, what, "encap_no_route", told(UNROUTED, HERE, what))


@pytest.mark.parametrize("length", range(4, 44, 4))
def test_inner_options_are_quoted_and_not_taken_over(unrouted, length):
    for size in (0, 1, 37, 400, 1200):
        what = packet(bytes(size), options=options(length))
        answers(unrouted, what, "encap_no_route", told(UNROUTED, HERE, what))


@pytest.mark.parametrize("trailer", [1, 18, 40, 600])
def test_what_lies_behind_the_packet_is_not_quoted(unrouted, trailer):
    for size in (0, 1, 18, 500, 520):
        what = packet(bytes(size))
        unrouted.expect(leaving(what) + b"\xee" * trailer, "encap_no_route", to_the_stack(told(UNROUTED, HERE, what)),
                        peer=UNROUTED, redirected=True)


@pytest.mark.parametrize("fields", [{"chksum": 1}, {"chksum": 0xFFFF}, {"id": 0xFFFF, "tos": 0xFF}, {"ttl": 1},
                                    {"flags": "MF"}, {"flags": "evil"}], ids=str)
def test_the_packet_is_quoted_as_it_is(unrouted, fields):
    what = IP(**{"src": HERE, "dst": THERE, "proto": 17, **fields}) / raw(packet())[20:]
    answers(unrouted, what, "encap_no_route", told(UNROUTED, HERE, what))


@pytest.mark.parametrize("word", range(0, 0x10000, 257))
def test_the_checksum_is_right_whatever_is_quoted(unrouted, word):
    what = packet(word.to_bytes(2, "big"))
    answers(unrouted, what, "encap_no_route", told(UNROUTED, HERE, what))


# GSO

@pytest.mark.parametrize("kind", ["tcp", "udp"])
def test_a_gso_packet_draws_one_error_and_counts_as_its_segments(tunnel, kind):
    tunnel.peer(UNROUTED, "192.168.2.0/24")
    for size, gso_size in ((3000, 1000), (3001, 1000), (2000, 1999)):
        what = {"tcp": tcp, "udp": inner}[kind](bytes(size), src=HERE, dst="192.168.2.9")
        answers(tunnel, what, "encap_no_route", told(UNROUTED, HERE, what), packets=-(-size // gso_size),
                gso_size=gso_size)
        what = {"tcp": tcp, "udp": inner}[kind](bytes(size), src=HERE, dst=THERE)
        answers(tunnel, what, "encap_too_big", told(BEHIND_GATEWAY, HERE, what, 1480), BEHIND_GATEWAY,
                packets=-(-size // 1500), gso_size=1500)


def test_a_gso_packet_too_long_for_its_length_field_is_quoted_as_it_is(tunnel):
    what = tcp(bytes(3000), src=HERE, dst=THERE, len=0)
    answers(tunnel, what, "encap_too_big", told(BEHIND_GATEWAY, HERE, what, 1480), BEHIND_GATEWAY, packets=3,
            gso_size=1441)


def test_a_short_one_of_no_length_is_quoted_whole(unrouted):
    for size in (1, 100, 500):
        what = tcp(bytes(size), src=HERE, dst=THERE, len=0)
        answers(unrouted, what, "encap_no_route", told(UNROUTED, HERE, what), gso_size=size)


def test_a_gso_packet_that_says_it_is_longer_than_it_is_is_not_quoted(unrouted):
    outcome = unrouted.observe(leaving(tcp(bytes(300), src=HERE, dst=THERE, len=500)), gso_size=100)
    assert (outcome.returned, outcome.verdicts) == (TC_SHOT, {"encap_no_route": 3})


# What draws no errors

@pytest.mark.parametrize("sender", ["0.0.0.0", "0.255.255.255", "127.0.0.1", "127.255.255.255", "224.0.0.1",
                                    "239.255.255.255", "240.0.0.1", "255.255.255.255"])
def test_a_sender_that_is_none_hears_nothing(unrouted, sender):
    is_silent(unrouted, packet(src=sender))


@pytest.mark.parametrize("sender", ["1.0.0.0", "126.255.255.255", "128.0.0.0", "223.255.255.255"])
def test_a_sender_next_to_those_does(unrouted, sender):
    answers(unrouted, packet(src=sender), "encap_no_route", told(UNROUTED, sender, packet(src=sender)))


@pytest.mark.parametrize("destination", ["224.0.0.0", "239.1.2.3", "240.0.0.0", "255.255.255.255"])
def test_a_group_draws_no_errors(unrouted, destination):
    unrouted.prefix("0.0.0.0/0", UNROUTED)
    is_silent(unrouted, packet(dst=destination))
    what = packet(dst="223.255.255.255")
    answers(unrouted, what, "encap_no_route", told(UNROUTED, HERE, what))


@pytest.mark.parametrize("fields", [{"frag": 1}, {"frag": 8191}, {"frag": 5, "flags": "MF"}], ids=str)
def test_a_later_fragment_draws_no_errors(unrouted, fields):
    is_silent(unrouted, packet(**fields))


@pytest.mark.parametrize("kind", range(256))
def test_no_errors_about_errors(unrouted, kind):
    for more in ((), options(40)):
        about = IP(src=HERE, dst=THERE, proto=1, options=list(more)) / with_icmp_checksum(bytes([kind]) + bytes(7))
        if kind in (0, 8, 9, 10, 13, 14, 15, 16, 17, 18):
            answers(unrouted, about, "encap_no_route", told(UNROUTED, HERE, about))
        else:
            is_silent(unrouted, about)


def test_icmp_of_no_type_draws_no_errors(unrouted):
    about = IP(src=HERE, dst=THERE, proto=1)
    is_silent(unrouted, about)
    # Behind it lies what would be an echo's type.
    unrouted.expect(leaving(about) + b"\x08" * 20, "encap_no_route", peer=UNROUTED)


def test_icmp_of_nothing_but_a_type_draws_an_error(unrouted):
    about = IP(src=HERE, dst=THERE, proto=1) / b"\x08"
    answers(unrouted, about, "encap_no_route", told(UNROUTED, HERE, about))


@pytest.mark.parametrize("peer", [{}, {"df": NOPMTUDISC}], ids=["pmtudisc", "nopmtudisc"])
def test_too_big_is_told_whether_or_not_the_sender_forbids_fragments(encap, peer):
    encap.peer(BEHIND_GATEWAY, "192.168.1.0/24", **peer)
    for flags in (0, "DF"):
        what = IP(src=HERE, dst=THERE, flags=flags) / TCP() / bytes(1500)
        answers(encap, what, "encap_too_big", told(BEHIND_GATEWAY, HERE, what, 1480), BEHIND_GATEWAY)
