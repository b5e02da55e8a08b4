# SPDX-License-Identifier: GPL-2.0-only
"""Ingress: ICMP errors about our outer packets become errors about the inner packet, for its sender (RFC 2003 4)."""

import pytest
from scapy.compat import raw
from scapy.layers.inet import IP, TCP

from pace import all_or

from . import underlay
from .attachment import TC_REDIRECT, TC_SHOT, TC_UNSPEC
from .bpf import FIB_TELLS_SOURCE
from .frames import TAGGINGS, arriving, icmp_error, inner, options, outer, told
from .ipv4 import with_icmp_checksum
from .judgement import News
from .tables import ANY, HOOK_TC, HOOK_XDP, LOOSE, MODE_NATIVE, MODE_SKB, MODE_TC, OFF, PLAIN_PASS
from .underlay import BEHIND_GATEWAY, GATEWAY, LOCAL, ON_LINK, OTHER, OTHER_ADDRESS, OTHER_GATEWAY

HERE, THERE = "192.168.8.8", "192.168.1.9"
ROUTER = GATEWAY
# The first of what a router quotes: our outer header, an inner header, and 8 bytes.
COMPLETE = 20 + 20 + 8
OWED = News(BEHIND_GATEWAY, owed=True)


@pytest.fixture
def tunnel(decap_tc):
    """192.168.1.0/24 behind a peer."""
    decap_tc.peer(BEHIND_GATEWAY, "192.168.1.0/24")
    return decap_tc


def packet(payload=b"0123456789abcdef", **fields):
    """An inner packet that went into the tunnel."""
    return inner(payload, **{"src": HERE, "dst": THERE, **fields})


def ours(what, remote=BEHIND_GATEWAY, local=LOCAL, **fields):
    """An outer packet as this host sends it."""
    return outer(what, remote=local, local=remote, **fields)


def error(quoted, kind=3, code=1, quote=600, **fields):
    """A router's error about an outer packet; quote: at most so many bytes of it."""
    return icmp_error(quoted, kind, code, **{"src": ROUTER, "quote": quote, **fields})


def relays(tunnel, what, expected, **others):
    tunnel.expect(arriving(what), "error_relayed", arriving(expected), **others)


def leaves(tunnel, what, verdict=None, **others):
    """It stays as it is, and with no verdict it changes nothing."""
    tunnel.expect(arriving(what), verdict, **others)


# Which errors the sender hears of, and as what

@pytest.mark.parametrize("code", [0, 1, 2, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15])
def test_an_unreachable_becomes_host_unreachable(tunnel, code):
    relays(tunnel, error(ours(packet()), 3, code), told(ROUTER, HERE, packet()))


@pytest.mark.parametrize("kind, code", [(3, 3), (3, 5), (3, 16), (3, 17), (3, 128), (3, 255), (11, 1), (11, 2),
                                        (11, 255), (12, 0), (12, 1), (12, 255)])
def test_what_is_about_the_tunnel_alone_is_ignored(tunnel, kind, code):
    for quote in (600, 28, 20):
        leaves(tunnel, error(ours(packet()), kind, code, quote), "error_ignored")


def test_a_time_exceeded_becomes_host_unreachable(tunnel):
    relays(tunnel, error(ours(packet()), 11, 0), told(ROUTER, HERE, packet()))


def test_fragmentation_needed_comes_with_the_mtu_less_the_outer_header(tunnel):
    what = packet(bytes(1400))
    relays(tunnel, error(ours(what), 3, 4, 548, mtu=1300), told(ROUTER, HERE, raw(what)[:528], 1280),
           news=News(BEHIND_GATEWAY, mtu=1300))


@pytest.mark.parametrize("kind", [kind for kind in range(256) if kind not in (3, 11, 12)])
def test_what_is_no_error_is_not_taken_up(tunnel, kind):
    message = bytes([kind, 1]) + bytes(6) + raw(ours(packet()))
    leaves(tunnel, IP(src=ROUTER, dst=LOCAL, proto=1) / with_icmp_checksum(message))


@pytest.mark.parametrize("mode, hook", [(MODE_NATIVE, HOOK_XDP), (MODE_SKB, HOOK_XDP), (MODE_TC, HOOK_TC)])
@pytest.mark.parametrize("device", [{}, {"rpf": LOOSE}, {"rpf": OFF}, {"plain": PLAIN_PASS}], ids=str)
def test_errors_are_relayed_at_tc_in_every_mode(tunnel, mode, hook, device):
    tunnel.device(mode_used=mode, hook=hook, **device)
    relays(tunnel, error(ours(packet())), told(ROUTER, HERE, packet()))
    leaves(tunnel, error(ours(packet()), quote=28), "error_kept", news=OWED)


def test_xdp_leaves_errors_to_tc(decap_xdp):
    decap_xdp.peer(BEHIND_GATEWAY, "192.168.1.0/24")
    leaves(decap_xdp, error(ours(packet())))


# To whom, and from whom

def test_a_sender_on_this_host_hears_it_from_the_router(tunnel):
    for sender in (HERE, LOCAL, "10.99.0.1"):
        what = packet(src=sender)
        relays(tunnel, error(ours(what)), told(ROUTER, sender, what))


@pytest.mark.parametrize("sender, source", [
    ("192.168.3.9", "10.99.0.1"), ("10.99.0.50", "10.99.0.1"), ("192.168.9.9", OTHER_ADDRESS), ("192.168.1.77", LOCAL),
    ("172.16.16.40", LOCAL), ("192.168.10.9", "10.99.0.1")],
    ids=["behind another device", "on another link", "a route with a source", "behind the tunnel", "on the underlay",
         "behind a route with an MTU of 500"])
def test_a_sender_elsewhere_hears_it_from_this_hosts_address_there(tunnel, sender, source):
    what = packet(src=sender)
    tunnel.peer(BEHIND_GATEWAY, local="172.16.16.99")
    source = source if FIB_TELLS_SOURCE else "172.16.16.99"
    relays(tunnel, error(ours(what, local="172.16.16.99"), dst="172.16.16.99"), told(source, sender, what),
           redirected=True)


@pytest.mark.parametrize("sender", ["192.168.4.9", "192.168.5.9", "192.168.6.9", "192.168.7.9", "172.16.31.255"])
def test_a_sender_without_a_unicast_route_is_left_to_the_stack(tunnel, sender):
    what = packet(src=sender)
    relays(tunnel, error(ours(what)), told(ROUTER, sender, what))


def test_a_sender_on_a_route_by_the_loopback_device_is_left_to_the_stack(tunnel):
    what = packet(src="192.168.11.9")
    with underlay.routes("192.168.11.0/24 dev lo"):
        outcome = tunnel.observe(arriving(error(ours(what))))
    assert (outcome.returned, outcome.out) == (TC_UNSPEC, arriving(told(ROUTER, "192.168.11.9", what)))


def test_a_sender_elsewhere_hears_it_however_narrow_the_way_is(tunnel):
    """For the FIB, a packet is as long as its header."""
    what = packet(src="192.168.11.9")
    with underlay.routes(f"192.168.11.0/24 via {OTHER_GATEWAY} dev {OTHER} onlink mtu lock 20"):
        outcome = tunnel.observe(arriving(error(ours(what))))
    assert outcome.returned == TC_REDIRECT


def test_all_senders_are_left_to_the_stack_while_the_fib_does_not_answer(tunnel):
    tunnel.fib_answers(False)
    for sender in (HERE, "192.168.3.9", "192.168.1.77"):
        what = packet(src=sender)
        relays(tunnel, error(ours(what)), told(ROUTER, sender, what))


# How much

INNER = {"udp": packet(bytes(range(256)) * 3), "options": packet(bytes(range(256)) * 3, options=options(40)),
         "tcp": IP(src=HERE, dst=THERE, flags="DF") / TCP(sport=5, dport=7) / bytes(700)}


# Down to nothing of our outer packet, and beyond what an error may quote of the inner one.
QUOTED = all_or(range(601), (0, 19, 20, 27, 28, 39, 40, 47, 48, 49, 79, 80, 87, 88, 89, 300, 567, 568, 569, 600))


@pytest.mark.parametrize("name", INNER)
def test_quotes_of_every_length(tunnel, name):
    what = INNER[name]
    complete = 20 + (60 if name == "options" else 20) + 8
    for quote in QUOTED:
        message = error(ours(what), quote=quote)
        if quote < 20:
            leaves(tunnel, message)
        elif quote < complete:
            leaves(tunnel, message, "error_kept", news=OWED)
        else:
            expected = told(ROUTER, HERE, raw(what)[:quote - 20])
            assert len(raw(expected)) <= 576
            relays(tunnel, message, expected)


@pytest.mark.parametrize("quote", [700, 1000, 1001, 1400, 1472])
def test_a_long_quote_is_cut(tunnel, quote):
    what = packet(bytes(range(256)) * 6)
    relays(tunnel, error(ours(what), quote=quote), told(ROUTER, HERE, raw(what)[:548]))


@pytest.mark.parametrize("fields", [{}, {"options": options(40)}])
def test_an_error_longer_than_a_usual_ethernet_frame_is_not_taken_up(tunnel, fields):
    """No router may send it (RFC 1812 4.3.2.3); it is the stack's to judge."""
    what = packet(bytes(range(256)) * 8)
    relays(tunnel, error(ours(what), quote=1503 - 8, **fields), told(ROUTER, HERE, raw(what)[:548]))
    for quote in (1504 - 8, 2000):
        leaves(tunnel, error(ours(what), quote=quote, **fields))


@pytest.mark.parametrize("length", range(4, 44, 4))
def test_options_of_the_error_itself_go_away(tunnel, length):
    for quote in (COMPLETE, COMPLETE + 1, 580):
        what = packet(bytes(1000))
        relays(tunnel, error(ours(what), quote=quote, options=options(length)),
               told(ROUTER, HERE, raw(what)[:quote - 20]))
    leaves(tunnel, error(ours(packet()), quote=COMPLETE - 1, options=options(length)), "error_kept", news=OWED)


@pytest.mark.parametrize("length", range(4, 44, 4))
def test_inner_options_must_be_quoted_too(tunnel, length):
    what = packet(options=options(length))
    relays(tunnel, error(ours(what), quote=COMPLETE + length), told(ROUTER, HERE, raw(what)[:28 + length]))
    leaves(tunnel, error(ours(what), quote=COMPLETE + length - 1), "error_kept", news=OWED)


def test_options_everywhere(tunnel):
    what = packet(bytes(1000), options=options(40))
    relays(tunnel, error(ours(what), options=options(40)), told(ROUTER, HERE, raw(what)[:580]))


@pytest.mark.parametrize("trailer", [1, 6, 46, 900])
def test_what_lies_behind_the_error_is_neither_quoted_nor_read(tunnel, trailer):
    frame = arriving(error(ours(packet(bytes(1000))), quote=100), trailer=b"\xee" * trailer)
    tunnel.expect(frame, "error_relayed", arriving(told(ROUTER, HERE, raw(packet(bytes(1000)))[:80])))
    for quote in (COMPLETE - 1, 40, 20):
        frame = arriving(error(ours(packet()), quote=quote), trailer=b"\xee" * trailer)
        tunnel.expect(frame, "error_kept", news=OWED)


@pytest.mark.parametrize("payload", [b"", b"\0", b"\xff", b"\xff\xff", b"\xff\xfe", b"\0\0\xff\xff"])
@pytest.mark.parametrize("ident", [0, 1, 0x1234, 0xFFFF])
def test_the_checksum_is_right_whatever_is_quoted(tunnel, payload, ident):
    what = inner(bytes(8) + payload, src=HERE, dst=THERE, tos=ident & 0xFF, ttl=1 + (ident >> 8) % 255)
    relays(tunnel, error(ours(what)), told(ROUTER, HERE, what))


# What is too little to be handed on

@pytest.mark.parametrize("fields", [{"frag": 1}, {"frag": 100, "flags": "MF"}, {"frag": 8191}], ids=str)
def test_a_quoted_later_fragment_shows_no_inner_header(tunnel, fields):
    leaves(tunnel, error(ours(packet(), **fields)), "error_kept", news=OWED)


@pytest.mark.parametrize("fields", [{"flags": "MF"}, {"flags": "DF"}, {"flags": 0}, {"flags": "evil"}], ids=str)
def test_a_quoted_whole_packet_or_first_fragment_does(tunnel, fields):
    relays(tunnel, error(ours(packet(), **fields)), told(ROUTER, HERE, packet()))


@pytest.mark.parametrize("fields", [{"version": 6}, {"version": 0}, {"ihl": 4}, {"ihl": 0}], ids=str)
def test_what_is_no_inner_header_is_not_handed_on(tunnel, fields):
    leaves(tunnel, error(ours(packet(**fields))), "error_kept", news=OWED)


def test_too_little_is_not_judged_by_its_inner_addresses(tunnel):
    leaves(tunnel, error(ours(packet(dst="192.0.2.1")), quote=COMPLETE - 1), "error_kept", news=OWED)


# What must not be handed on

def test_a_destination_of_another_peer_or_of_none_is_ignored(tunnel):
    tunnel.peer(ON_LINK, "192.168.2.0/24", "192.168.1.128/25")
    tunnel.peer(ANY, "192.168.3.0/24")
    tunnel.bare("192.168.1.5/32")
    tunnel.prefix("192.168.1.6/32", BEHIND_GATEWAY, bare=2)
    tunnel.prefix("192.168.1.7/32", BEHIND_GATEWAY, reserved=b"\0\0\1")
    for destination in ("192.168.2.9", "192.168.1.129", "192.168.3.9", "192.168.1.5", "192.168.1.6", "192.168.1.7",
                        "192.0.2.9", BEHIND_GATEWAY):
        for code, mtu in ((1, 0), (4, 600)):
            leaves(tunnel, error(ours(packet(bytes(1000), dst=destination)), 3, code, mtu=mtu), "error_ignored")
    relays(tunnel, error(ours(packet(dst="192.168.2.9"), ON_LINK)), told(ROUTER, HERE, packet(dst="192.168.2.9")))


@pytest.mark.parametrize("sender", ["0.0.0.0", "0.255.255.255", "127.0.0.1", "127.255.255.255", "224.0.0.1",
                                    "239.255.255.255", "240.0.0.1", "255.255.255.255"])
def test_a_sender_that_is_none_hears_nothing(tunnel, sender):
    leaves(tunnel, error(ours(packet(src=sender))), "error_ignored")


@pytest.mark.parametrize("sender", ["1.0.0.0", "126.255.255.255", "128.0.0.0", "223.255.255.255"])
def test_a_sender_next_to_those_does(tunnel, sender):
    relays(tunnel, error(ours(packet(src=sender))), told(ROUTER, sender, packet(src=sender)))


@pytest.mark.parametrize("destination", ["224.0.0.0", "239.1.2.3", "240.0.0.0", "255.255.255.255"])
def test_a_group_draws_no_errors(tunnel, destination):
    tunnel.prefix("0.0.0.0/0", BEHIND_GATEWAY)
    leaves(tunnel, error(ours(packet(dst=destination))), "error_ignored")
    relays(tunnel, error(ours(packet(dst="223.255.255.255"))), told(ROUTER, HERE, packet(dst="223.255.255.255")))


@pytest.mark.parametrize("fields", [{"frag": 1}, {"frag": 8191}, {"frag": 5, "flags": "MF"}], ids=str)
def test_a_later_inner_fragment_draws_no_errors(tunnel, fields):
    leaves(tunnel, error(ours(packet(**fields))), "error_ignored")
    first = packet(flags="MF")
    relays(tunnel, error(ours(first)), told(ROUTER, HERE, first))


@pytest.mark.parametrize("kind", range(256))
def test_no_errors_about_errors(tunnel, kind):
    about = IP(src=HERE, dst=THERE, proto=1) / with_icmp_checksum(bytes([kind]) + bytes(15))
    if kind in (0, 8, 9, 10, 13, 14, 15, 16, 17, 18):
        relays(tunnel, error(ours(about)), told(ROUTER, HERE, about))
    else:
        leaves(tunnel, error(ours(about)), "error_ignored")


def test_what_must_not_be_handed_on_still_tells_the_mtu(tunnel):
    what = packet(bytes(1000), frag=5)
    leaves(tunnel, error(ours(what), 3, 4, mtu=900), "error_ignored", news=News(BEHIND_GATEWAY, mtu=900))


# Forged errors: about no packet of ours, or not right

QUOTES = {
    "version 6": {"version": 6}, "version 5": {"version": 5}, "IHL 4": {"ihl": 4}, "IHL 6": {"ihl": 6},
    "options": {"options": options(4)}, "UDP": {"proto": 17}, "IPv6 in IPv4": {"proto": 41}, "GRE": {"proto": 47},
}
CODES = pytest.mark.parametrize("code, mtu", [(1, 0), (4, 600)], ids=["unreachable", "too big"])


@CODES
@pytest.mark.parametrize("name", QUOTES)
def test_a_quote_of_no_packet_of_ours_changes_nothing(tunnel, name, code, mtu):
    for quote in (600, 28):
        leaves(tunnel, error(ours(packet(bytes(1000)), **QUOTES[name]), 3, code, quote, mtu=mtu))


@CODES
def test_a_quote_with_an_address_that_is_not_ours_changes_nothing(tunnel, code, mtu):
    tunnel.peer(ON_LINK, local="172.16.16.99")
    tunnel.peer(ANY)
    for remote, local in ((BEHIND_GATEWAY, "172.16.16.99"), (BEHIND_GATEWAY, "172.16.16.23"), (ON_LINK, LOCAL),
                          ("192.0.2.99", LOCAL), ("0.0.0.0", LOCAL), (LOCAL, BEHIND_GATEWAY)):
        for to in (LOCAL, local):
            leaves(tunnel, error(ours(packet(bytes(1000)), remote, local), 3, code, mtu=mtu, dst=to))
    for to in ("172.16.16.99", HERE, "172.16.31.255", "255.255.255.255", BEHIND_GATEWAY):
        leaves(tunnel, error(ours(packet(bytes(1000))), 3, code, mtu=mtu, dst=to))


@CODES
@pytest.mark.parametrize("fields", [
    {"proto": 17}, {"proto": 4}, {"flags": "MF"}, {"frag": 1}, {"frag": 8191}, {"chksum": 0}, {"chksum": 0xFFFF},
    {"ihl": 4}, {"ihl": 6}, {"ihl": 15}, {"len": 0}, {"len": 19}, {"len": 20}, {"len": 27}, {"len": 28}, {"len": 47},
    {"len": 600}, {"len": 1500}, {"len": 65535}], ids=str)
def test_a_carrier_that_is_not_sound_changes_nothing(tunnel, fields, code, mtu):
    message = error(ours(packet(bytes(500))), 3, code, mtu=mtu, **fields)
    judgement = tunnel.agree(arriving(message))
    assert judgement.verdict in ((None, "not_peer") if fields == {"proto": 4} else (None,))
    assert not judgement.news


@pytest.mark.parametrize("fields", [{"flags": "DF"}, {"flags": "evil"}, {"ttl": 0}, {"tos": 255}], ids=str)
def test_other_fields_of_the_carrier_matter_not(tunnel, fields):
    relays(tunnel, error(ours(packet()), **fields), told(ROUTER, HERE, packet()))


@CODES
def test_a_wrong_checksum_changes_nothing(tunnel, code, mtu):
    """Each byte of the message wrong in turn."""
    frame = arriving(error(ours(packet(bytes(64))), 3, code, mtu=mtu))
    for at in range(34, len(frame)):
        for bit in (0x01, 0x80):
            tunnel.expect(frame[:at] + bytes([frame[at] ^ bit]) + frame[at + 1:], None)


@CODES
def test_a_wrong_checksum_of_the_carriers_header_changes_nothing(tunnel, code, mtu):
    for length in (0, 4, 40):
        frame = arriving(error(ours(packet(bytes(64))), 3, code, mtu=mtu, options=options(length)))
        for at in range(16, 34 + length):
            assert not tunnel.agree(frame[:at] + bytes([frame[at] ^ 0x10]) + frame[at + 1:]).news


@CODES
@pytest.mark.parametrize("tags", [tags for tags in TAGGINGS.values() if tags],
                         ids=[name for name, tags in TAGGINGS.items() if tags])
@pytest.mark.parametrize("in_band", [False, True], ids=["beside the frame", "in the frame"])
def test_a_tagged_error_changes_nothing(tunnel, code, mtu, tags, in_band):
    tunnel.expect(arriving(error(ours(packet(bytes(1000))), 3, code, mtu=mtu), tags), None, in_band=in_band)


@CODES
@pytest.mark.parametrize("length", range(28))
def test_a_quote_behind_the_end_of_the_message_changes_nothing(tunnel, code, mtu, length):
    """The message ends `length` bytes in, with a right checksum; what it would quote lies in the frame's padding."""
    message = raw(error(ours(packet(bytes(100))), 3, code, mtu=mtu))[20:]
    ends = with_icmp_checksum(message[:length].ljust(4, b"\0")) if length >= 4 else message[:length]
    frame = arriving(IP(src=ROUTER, dst=LOCAL, proto=1) / ends[:length], trailer=message[length:])
    tunnel.expect(frame, None)


def test_a_peer_with_an_entry_out_of_range_is_a_peer(tunnel):
    tunnel.peer(BEHIND_GATEWAY, type=1)
    relays(tunnel, error(ours(packet())), told(ROUTER, HERE, packet()))


def test_an_error_that_the_kernel_does_not_change_is_dropped(tunnel):
    """As it changes no GSO packet of no kind."""
    outcome = tunnel.observe(arriving(error(ours(packet()))), gso_size=1000)
    assert (outcome.returned, outcome.verdicts) == (TC_SHOT, {"decap_error": 1})
    assert [event.verdict for event in outcome.events] == ["decap_error"]


def test_an_error_beyond_the_rate_is_dropped(tunnel):
    tunnel.device(icmp_rate=0)
    tunnel.expect(arriving(error(ours(packet()))), "error_limited")
    tunnel.expect(arriving(error(ours(packet(bytes(1000))), 3, 4, mtu=700)), "error_limited",
                  news=News(BEHIND_GATEWAY, mtu=700))
    leaves(tunnel, error(ours(packet()), quote=28), "error_kept", news=OWED)
    leaves(tunnel, error(ours(packet(frag=7))), "error_ignored")
