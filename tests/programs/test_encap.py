# SPDX-License-Identifier: GPL-2.0-only
"""Egress: which packets are wrapped, which are dropped, which are left alone."""

import struct

import pytest
from scapy.compat import raw
from scapy.layers.inet import IP
from scapy.layers.inet6 import IPv6
from scapy.layers.l2 import ARP, Ether

from . import underlay
from .attachment import TC_REDIRECT, TC_UNSPEC, Attachment, Dataplane
from .frames import TAGGINGS, inner, leaving, options, outer, passing_by, sent, tcp, wrapped
from .tables import ANY, FIXED
from .underlay import (BEHIND_GATEWAY, BLACKHOLED, DEV, ELSEWHERE, GATEWAY, LOCAL, LOOPED, MAC, NARROW,
                       NARROW_MTU, NEXT_HOP, ON_LINK, PROHIBITED, UNREACHABLE, UNRESOLVED, UNROUTED)

HERE, THERE = "192.168.8.8", "192.168.1.9"


def packet(payload=b"inner payload", **fields):
    return inner(payload, **{"src": HERE, "dst": THERE, **fields})


@pytest.fixture(autouse=True)
def senders_hear_nothing(encap):
    """What the sender of a dropped packet hears is in test_answer.py."""
    encap.device(icmp_rate=0)


@pytest.fixture
def tunnel(encap):
    """192.168.1.0/24 behind a peer."""
    encap.peer(BEHIND_GATEWAY, "192.168.1.0/24")
    return encap


def wraps(tunnel, what, remote=BEHIND_GATEWAY, **context):
    return tunnel.expect(leaving(what), "encap_ok", wrapped(what, remote), remote, sent(what), **context)


def test_encap_wraps_what_a_prefix_holds(tunnel):
    wraps(tunnel, packet())


@pytest.mark.parametrize("frame", [
    raw(Ether(dst=MAC[DEV]) / ARP(psrc=HERE, pdst=THERE)),
    raw(Ether(dst=MAC[DEV]) / IPv6() / packet()),
    leaving(IPv6() / packet()),
], ids=["arp", "ipv6", "version 6 in an IPv4 frame"])
def test_encap_leaves_what_is_not_ipv4_alone(encap, frame):
    encap.peer(BEHIND_GATEWAY, "0.0.0.0/0")
    encap.expect(frame, None)


def test_encap_leaves_what_no_prefix_holds_alone(tunnel):
    for destination in ("192.168.0.255", "192.168.2.0", "8.8.8.8", BEHIND_GATEWAY):
        tunnel.expect(passing_by(packet(dst=destination)), None)


def test_encap_goes_by_the_longest_prefix(tunnel):
    tunnel.peer(ON_LINK, "192.168.1.0/28")
    tunnel.bare("192.168.1.3/32")
    wraps(tunnel, packet(dst="192.168.1.15"), ON_LINK)
    wraps(tunnel, packet(dst="192.168.1.16"))
    tunnel.expect(passing_by(packet(dst="192.168.1.3")), None)


def test_encap_leaves_bare_prefixes_alone(tunnel):
    tunnel.prefix("192.168.1.0/24", BEHIND_GATEWAY, bare=1)
    tunnel.expect(passing_by(packet()), None)
    tunnel.bare("192.168.1.0/24")
    tunnel.expect(passing_by(packet()), None)


def test_encap_sends_nothing_to_any(tunnel):
    tunnel.peer(ANY, "192.168.1.0/24")
    tunnel.expect(passing_by(packet()), None)


def test_encap_counts_what_a_route_leads_into_no_tunnel(tunnel):
    """It goes to a next hop that is nobody."""
    tunnel.bare("192.168.2.0/24")
    tunnel.peer(ANY, "192.168.3.0/24")
    for destination in ("192.168.2.9", "192.168.3.9", "8.8.8.8"):
        tunnel.expect(leaving(packet(dst=destination)), "encap_no_prefix")
        tunnel.expect(leaving(packet(dst=destination), TAGGINGS["vlan"]), None)
        tunnel.expect(leaving(tcp(bytes(3000), dst=destination)), "encap_no_prefix", packets=3, gso_size=1000)


@pytest.mark.parametrize("at", range(6))
def test_encap_goes_by_the_whole_address_of_nobody(tunnel, at):
    frame = bytearray(leaving(packet(dst="8.8.8.8")))
    frame[at] ^= 1
    tunnel.expect(bytes(frame), None)


def test_encap_obeys_an_edited_map_with_the_next_packet(tunnel):
    tunnel.prefix("192.168.1.0/24", ON_LINK)
    tunnel.expect(leaving(packet()), "no_peer")
    tunnel.peer(ON_LINK)
    wraps(tunnel, packet(), ON_LINK)
    tunnel.delete_prefix("192.168.1.0/24")
    tunnel.expect(leaving(packet()), "encap_no_prefix")


# What we have wrapped

def test_encap_does_not_wrap_its_own_packets_again(encap):
    """On the way out by another device or the neighbour code, they meet the egress chain once more."""
    encap.peer(BEHIND_GATEWAY, "0.0.0.0/0")
    encap.peer(ON_LINK, local="172.16.16.99")
    encap.expect(leaving(outer(packet(), remote=LOCAL, local=BEHIND_GATEWAY)), None)
    encap.expect(leaving(outer(packet(), remote="172.16.16.99", local=ON_LINK)), None)


def test_encap_wraps_packets_to_a_remote_that_are_not_its_own(encap):
    encap.peer(BEHIND_GATEWAY, "0.0.0.0/0")
    encap.peer(ON_LINK, local="172.16.16.99")
    for what in (packet(src=LOCAL, dst=BEHIND_GATEWAY), outer(packet(), remote="10.99.0.1", local=BEHIND_GATEWAY),
                 outer(packet(), remote=LOCAL, local=ON_LINK), outer(packet(), remote=LOCAL, local="192.0.2.9")):
        wraps(encap, what)


# Tags

@pytest.mark.parametrize("tags", [tags for tags in TAGGINGS.values() if tags],
                         ids=[name for name, tags in TAGGINGS.items() if tags])
@pytest.mark.parametrize("in_band", [False, True], ids=["beside the frame", "in the frame"])
def test_encap_leaves_a_tagged_frame_to_its_device(tunnel, tags, in_band):
    tunnel.expect(leaving(packet(), tags), "tagged", in_band=in_band)
    tunnel.expect(leaving(packet(dst="8.8.8.8"), tags), None, in_band=in_band)
    tunnel.bare("192.168.1.0/24")
    tunnel.expect(leaving(packet(), tags), None, in_band=in_band)


# Peers that are not there or not valid

def test_encap_drops_what_a_prefix_without_peer_holds(encap):
    encap.prefix("192.168.1.0/24", BEHIND_GATEWAY)
    encap.expect(leaving(packet()), "no_peer")


INVALID = [(name, value) for name, first in {"ttl_mode": 3, "tos_mode": 3, "df": 3, "rpf": 4, "monitor": 3, "ecn": 3,
                                             "type": 1}.items() for value in (first, 255)]


@pytest.mark.parametrize("name, value", INVALID)
def test_encap_refuses_a_peer_with_a_field_out_of_range(tunnel, name, value):
    tunnel.peer(BEHIND_GATEWAY, **{name: value})
    tunnel.expect(leaving(packet()), "peer_invalid", peer=BEHIND_GATEWAY)


@pytest.mark.parametrize("options", [{"ttl_mode": FIXED, "ttl": 0}, {"tos_mode": FIXED, "tos": 0x11},
                                     {"tos_mode": FIXED, "tos": 0x02}], ids=str)
def test_encap_refuses_a_peer_with_a_fixed_value_out_of_range(tunnel, options):
    tunnel.peer(BEHIND_GATEWAY, **options)
    tunnel.expect(leaving(packet()), "peer_invalid", peer=BEHIND_GATEWAY)


@pytest.mark.parametrize("at", range(19))
def test_encap_refuses_a_peer_with_a_reserved_byte(tunnel, at):
    tunnel.peer(BEHIND_GATEWAY, reserved=bytes(at) + b"\x01" + bytes(18 - at))
    tunnel.expect(leaving(packet()), "peer_invalid", peer=BEHIND_GATEWAY)


@pytest.mark.parametrize("bare, reserved", [(2, "000000"), (255, "000000"), (0, "010000"), (0, "000100"), (0, "0000ff"),
                                            (1, "000001")])
def test_encap_refuses_a_prefix_out_of_range(tunnel, bare, reserved):
    tunnel.prefix("192.168.1.0/24", BEHIND_GATEWAY, bare=bare, reserved=bytes.fromhex(reserved))
    tunnel.expect(leaving(packet()), "peer_invalid", peer=BEHIND_GATEWAY)


# The inner packet

def test_encap_refuses_a_ttl_of_0(tunnel):
    tunnel.expect(leaving(packet(ttl=0)), "encap_ttl", peer=BEHIND_GATEWAY)


@pytest.mark.parametrize("fields", [{"ihl": 4}, {"ihl": 15}, {"len": 0}, {"len": 19}, {"len": 42}, {"len": 9999}],
                         ids=str)
def test_encap_refuses_an_inner_header_with_a_wrong_length(tunnel, fields):
    tunnel.expect(leaving(packet(**fields)), "inner_bad", peer=BEHIND_GATEWAY)


@pytest.mark.parametrize("source", [LOCAL, BEHIND_GATEWAY])
def test_encap_refuses_a_forwarded_packet_from_an_end_of_the_tunnel(tunnel, source):
    tunnel.expect(leaving(packet(src=source)), "encap_source", peer=BEHIND_GATEWAY, ingress_ifindex=tunnel.ifindex)
    wraps(tunnel, packet(src=source))


def test_encap_of_a_forwarded_packet_goes_by_the_ends_of_that_very_tunnel(tunnel):
    tunnel.peer(ON_LINK)
    tunnel.peer(BEHIND_GATEWAY, local="172.16.16.99")
    what = packet(src="172.16.16.99")
    tunnel.expect(leaving(what), "encap_source", peer=BEHIND_GATEWAY, ingress_ifindex=tunnel.ifindex)
    for source in (LOCAL, ON_LINK, HERE):
        what = packet(src=source)
        tunnel.expect(leaving(what), "encap_ok", wrapped(what, local="172.16.16.99"), BEHIND_GATEWAY, sent(what),
                      ingress_ifindex=tunnel.ifindex)


# The way out

@pytest.mark.parametrize("remote", [UNROUTED, BLACKHOLED, UNREACHABLE, PROHIBITED, HERE, "172.16.31.255"])
def test_encap_drops_without_a_route_to_the_remote(encap, remote):
    encap.peer(remote, "192.168.1.0/24")
    encap.expect(leaving(packet()), "encap_no_route", peer=remote)


def test_encap_drops_what_would_come_back_into_the_tunnel(encap):
    encap.peer(LOOPED, "192.168.1.0/24")
    encap.expect(leaving(packet()), "encap_loop", peer=LOOPED)


def test_where_the_fib_keeps_the_mtu_for_itself_it_is_found_out(underlay_ifindex):
    """As before Linux 5.12. That every way carries 68 bytes (RFC 791) is where the search begins."""
    loaded = Dataplane(fib_tells_mtu=0)
    try:
        old = Attachment(loaded, "egress", underlay_ifindex)
        old.peer("192.0.2.7", "192.168.1.0/24")
        for mtu in (20, 67, 68, 69, 1000, 1276, 1398, 1499, 1500):
            with underlay.routes(f"192.0.2.7 via {GATEWAY} dev {DEV} mtu lock {mtu}"):
                _, out = old.run(leaving(packet(bytes(1473), flags="DF")))
                assert struct.unpack_from("!H", out(), 14 + 26) == (max(mtu, 67) - 20,), mtu
    finally:
        loaded.close()


def test_a_loop_is_found_however_narrow_the_way_is(encap):
    """For the FIB, a packet is as long as its header."""
    encap.peer("192.0.2.7", "192.168.1.0/24")
    with underlay.routes(f"192.0.2.7 via {NEXT_HOP} dev {DEV} onlink mtu lock 20"):
        assert encap.observe(leaving(packet())).verdicts == {"encap_loop": 1}


@pytest.mark.parametrize("remote", [BEHIND_GATEWAY, ON_LINK])
def test_encap_writes_the_next_hops_address_and_hands_the_packet_on(encap, remote):
    """The first packet to a peer takes the kernel's neighbour code; of the others, the reference checks both MACs."""
    encap.peer(remote, "192.168.1.0/24")
    wraps(encap, packet(), remote)
    assert {wraps(encap, packet(), remote).returned for _ in range(5)} == {TC_UNSPEC}


def test_encap_lets_the_kernel_look_after_a_neighbour_now_and_then(tunnel):
    """Lookups in the FIB never probe a stale neighbour: a packet by way of the neighbour code does, after a while."""
    assert wraps(tunnel, packet()).returned == TC_REDIRECT
    assert {wraps(tunnel, packet()).returned for _ in range(5)} == {TC_UNSPEC}
    tunnel.forget_neighbour(BEHIND_GATEWAY)
    assert wraps(tunnel, packet()).returned == TC_REDIRECT
    assert wraps(tunnel, packet()).returned == TC_UNSPEC


@pytest.mark.parametrize("ago, returned", [(249, TC_UNSPEC), (250, TC_REDIRECT)])
def test_a_while_is_250_ticks_of_the_kernels_clock(tunnel, ago, returned):
    """Two packets that must go that way tell the tick: what comes between them ran in the same one, if they agree. On a
    machine so slow that they never do, nothing shows."""
    frame = leaving(packet())

    def tick():
        tunnel.neighbour_was_asked(BEHIND_GATEWAY, 0)
        tunnel.run(frame)
        return tunnel.neighbour_asked(BEHIND_GATEWAY)

    tunnel.run(frame)
    for _ in range(100):
        before = tick()
        tunnel.neighbour_was_asked(BEHIND_GATEWAY, before - ago)
        found, _ = tunnel.run(frame)
        assert found == returned or tick() != before


def test_encap_sends_by_another_device_if_the_fib_says_so(encap):
    encap.peer(ELSEWHERE, "192.168.1.0/24")
    assert {wraps(encap, packet(), ELSEWHERE).returned for _ in range(5)} == {TC_REDIRECT}


def test_encap_leaves_an_unresolved_neighbour_to_the_kernel(encap):
    encap.peer(UNRESOLVED, "192.168.1.0/24")
    assert {wraps(encap, packet(), UNRESOLVED).returned for _ in range(5)} == {TC_REDIRECT}


@pytest.mark.parametrize("remote", [BEHIND_GATEWAY, ELSEWHERE, UNROUTED, LOOPED])
def test_encap_leaves_routing_to_the_kernel_when_the_fib_does_not_answer(encap, remote):
    encap.peer(remote, "192.168.1.0/24")
    encap.fib_answers(False)
    assert {wraps(encap, packet(), remote).returned for _ in range(5)} == {TC_REDIRECT}


@pytest.mark.parametrize("remote, mtu", [(BEHIND_GATEWAY, 1500), (ELSEWHERE, 1400), (NARROW, NARROW_MTU),
                                         (UNRESOLVED, 1500)])
def test_encap_drops_what_exceeds_the_outgoing_mtu(encap, remote, mtu):
    encap.peer(remote, "192.168.1.0/24")
    fits = mtu - 20 - 28
    wraps(encap, packet(bytes(fits)), remote)
    for size in (fits + 1, fits + 20, fits + 21, 2500):
        encap.expect(leaving(packet(bytes(size))), "encap_too_big", peer=remote)
        encap.expect(leaving(packet(bytes(size), flags="DF")), "encap_too_big", peer=remote)


def test_encap_holds_inner_options_against_the_mtu(tunnel):
    wraps(tunnel, packet(bytes(1412), options=options(40)))
    tunnel.expect(leaving(packet(bytes(1413), options=options(40))), "encap_too_big", peer=BEHIND_GATEWAY)


def test_encap_goes_by_the_devices_mtu_when_the_fib_does_not_answer(tunnel):
    tunnel.fib_answers(False)
    tunnel.device(mtu=1000)
    wraps(tunnel, packet(bytes(952)))
    tunnel.expect(leaving(packet(bytes(953))), "encap_too_big", peer=BEHIND_GATEWAY)


# GSO: it is the segments that must fit, and that count

GSO = {"tcp": (tcp, 40), "udp": (inner, 28)}


@pytest.mark.parametrize("kind", GSO)
@pytest.mark.parametrize("payload", [3000, 3333])
def test_encap_holds_a_gso_packets_segments_against_the_mtu(tunnel, kind, payload):
    """What fits is encap_error here: the kernel does not wrap GSO packets of no kind, as test runs have them."""
    build, headers = GSO[kind]
    what = build(bytes(payload), src=HERE, dst=THERE)
    fits = 1500 - 20 - headers
    for gso_size, verdict in ((fits, "encap_error"), (fits + 1, "encap_too_big"), (100, "encap_error"),
                              (payload, "encap_too_big"), (60000, "encap_too_big")):
        tunnel.expect(leaving(what), verdict, peer=BEHIND_GATEWAY, packets=-(-payload // gso_size), gso_size=gso_size)


@pytest.mark.parametrize("of_tunnel", [b"", options(12)], ids=["plain", "options"])
@pytest.mark.parametrize("kind", GSO)
def test_encap_holds_the_segments_of_another_tunnel_against_the_mtu_with_the_headers_of_both(tunnel, kind, of_tunnel):
    build, headers = GSO[kind]
    nested = raw(build(bytes(3000), src="10.0.0.1", dst="10.0.0.2"))
    what = IP(raw(IP(src=HERE, dst=THERE, options=of_tunnel, proto=4) / nested))
    fits = 1500 - 20 - headers - 20 - len(of_tunnel)
    for gso_size, verdict in ((fits, "encap_error"), (fits + 1, "encap_too_big")):
        tunnel.expect(leaving(what), verdict, peer=BEHIND_GATEWAY, packets=3, gso_size=gso_size)


def test_pieces_whose_sizes_nobody_tells_are_refused_without_a_word_of_mtu(tunnel):
    """SCTP: of what the kernel will cut at no set size it lets no program wrap any."""
    tunnel.expect(leaving(IP(raw(IP(src=HERE, dst=THERE, proto=132) / bytes(3000)))), "encap_error",
                  peer=BEHIND_GATEWAY, gso_size=0xFFFF)


def test_a_gso_packet_counts_as_its_segments_under_every_verdict(tunnel):
    what = tcp(bytes(2500), src=HERE, dst=THERE, options=options(8))
    tunnel.expect(leaving(what, TAGGINGS["vlan"]), "tagged", packets=3, gso_size=1000)
    tunnel.delete_peer(BEHIND_GATEWAY)
    tunnel.expect(leaving(what), "no_peer", packets=3, gso_size=1000)
    tunnel.peer(BEHIND_GATEWAY, rpf=9)
    tunnel.expect(leaving(what), "peer_invalid", peer=BEHIND_GATEWAY, packets=3, gso_size=1000)


def test_a_gso_packet_too_long_for_its_length_field_is_all_that_there_is(tunnel):
    what = tcp(bytes(3000), src=HERE, dst=THERE, len=0)
    tunnel.expect(leaving(what), "encap_error", peer=BEHIND_GATEWAY, packets=3, gso_size=1000)
    tunnel.expect(leaving(what), "encap_too_big", peer=BEHIND_GATEWAY, packets=3, gso_size=1441)
    tunnel.expect(leaving(what), "inner_bad", peer=BEHIND_GATEWAY)
