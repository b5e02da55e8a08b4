# SPDX-License-Identifier: GPL-2.0-only
"""What ICMP errors teach of the way to a peer, and what it does to the packets that go there (RFC 2003 5, RFC 1191)."""

import time

import pytest
from scapy.compat import raw

from .frames import arriving, icmp_error, inner, leaving, outer, sent, tcp, told, wrapped
from .ipv4 import with_icmp_checksum
from .judgement import News
from .path_maps import SECOND
from .tables import ANY, NOPMTUDISC, PMTUDISC, KnownPath
from .underlay import (BEHIND_GATEWAY, DEV, ELSEWHERE, GATEWAY, LOCAL, LOOPED, MAC, NARROW, NARROW_MTU, ON_LINK,
                       UNRESOLVED, UNROUTED)

HERE, THERE = "192.168.8.8", "192.168.1.9"
ROUTER = GATEWAY
PLATEAUS = (32000, 17914, 8166, 4352, 2002, 1492, 1006, 576)


@pytest.fixture
def tunnel(decap_tc):
    """192.168.1.0/24 behind a peer, at ingress."""
    decap_tc.peer(BEHIND_GATEWAY, "192.168.1.0/24")
    return decap_tc


@pytest.fixture
def way_out(encap):
    """192.168.1.0/24 behind a peer, at egress."""
    encap.peer(BEHIND_GATEWAY, "192.168.1.0/24")
    return encap


def packet(size=1472, **fields):
    """An inner packet of `size` bytes."""
    return inner(bytes(size - 28), **{"src": HERE, "dst": THERE, **fields})


def too_big(mtu, length=1492, quote=600, remote=BEHIND_GATEWAY, dst=THERE):
    """A router's error about an outer packet of ours of `length` bytes."""
    about = outer(packet(1000, dst=dst), remote=LOCAL, local=remote, len=length)
    return icmp_error(about, 3, 4, src=ROUTER, quote=quote, mtu=mtu)


def learns(tunnel, error, mtu, remote=BEHIND_GATEWAY):
    """The error is handed on, and the path MTU is known."""
    judgement = tunnel.agree(arriving(error))
    assert (judgement.verdict, judgement.news) == ("error_relayed", News(remote, mtu=mtu))
    assert tunnel.tables.paths[remote].mtu == mtu


def ignores(tunnel, error):
    tunnel.expect(arriving(error), "error_ignored")


def fits(way_out, what, remote=BEHIND_GATEWAY, **fields):
    way_out.expect(leaving(what), "encap_ok", wrapped(what, remote, **fields), remote, sent(what))


def exceeds(way_out, what, mtu, remote=BEHIND_GATEWAY, packets=1, **context):
    """The sender hears of the MTU that is left inside `mtu`."""
    answered(way_out, what, "encap_too_big", told(remote, HERE, what, mtu - 20), remote, packets=packets, **context)


def answered(way_out, what, verdict, error, remote=BEHIND_GATEWAY, **others):
    link = bytes.fromhex(MAC[DEV].replace(":", "") + "020000000404" + "0800")
    way_out.expect(leaving(what), verdict, link + raw(error), peer=remote, redirected=True, **others)


# What is learnt

@pytest.mark.parametrize("mtu", [576, 577, 1000, 1006, 1280, 1400, 1491])
def test_the_told_mtu_is_learnt(tunnel, mtu):
    what = packet(1472)
    about = outer(what, remote=LOCAL, local=BEHIND_GATEWAY)
    tunnel.expect(arriving(icmp_error(about, 3, 4, src=ROUTER, quote=548, mtu=mtu)), "error_relayed",
                  arriving(told(ROUTER, HERE, raw(what)[:528], mtu - 20)), news=News(BEHIND_GATEWAY, mtu=mtu))


@pytest.mark.parametrize("mtu", [1, 20, 67, 68, 296, 575])
def test_less_than_every_host_must_accept_is_not_believed(tunnel, mtu):
    learns(tunnel, too_big(mtu), 576)
    ignores(tunnel, too_big(mtu, length=576))
    learns(tunnel, too_big(mtu, length=577), 576)


@pytest.mark.parametrize("plateau, at", [(plateau, at) for plateau, at in zip(PLATEAUS, (65535,) + PLATEAUS)])
def test_an_old_router_that_tells_no_mtu_means_the_next_plateau(tunnel, plateau, at):
    for length in (at, at - 1, plateau + 1):
        tunnel.path(BEHIND_GATEWAY)
        learns(tunnel, too_big(0, length), plateau)


@pytest.mark.parametrize("length", [0, 20, 576])
def test_below_the_last_plateau_nothing_is_learnt(tunnel, length):
    ignores(tunnel, too_big(0, length))


@pytest.mark.parametrize("length", [577, 600, 1006, 1400, 1500, 65535])
def test_an_mtu_for_which_the_packet_was_small_enough_contradicts_it(tunnel, length):
    for mtu in (length, length + 1, 65535):
        if mtu <= 65535:
            ignores(tunnel, too_big(mtu, length))
            tunnel.expect(arriving(too_big(mtu, length, quote=28)), "error_ignored")
    learns(tunnel, too_big(length - 1, length), length - 1)


def test_the_path_mtu_is_never_raised(tunnel):
    learns(tunnel, too_big(1400), 1400)
    ignores(tunnel, too_big(1401))
    ignores(tunnel, too_big(0, 1500))
    learns(tunnel, too_big(1300), 1300)
    ignores(tunnel, too_big(1400))
    learns(tunnel, too_big(0, 1300), 1006)


def test_the_same_mtu_told_again_lasts_longer(tunnel):
    tunnel.path(BEHIND_GATEWAY, mtu=1400, mtu_for=5)
    before = tunnel.tables.paths[BEHIND_GATEWAY].mtu_until
    learns(tunnel, too_big(1400), 1400)
    assert tunnel.tables.paths[BEHIND_GATEWAY].mtu_until > before + 500 * SECOND


def test_after_its_time_any_mtu_is_learnt(tunnel):
    tunnel.path(BEHIND_GATEWAY, mtu=1300, mtu_for=-1)
    learns(tunnel, too_big(1400), 1400)
    tunnel.path(BEHIND_GATEWAY, mtu=1300)
    learns(tunnel, too_big(1450), 1450)


@pytest.mark.parametrize("expires", [1, 60, 600, 86400, 0xFFFFFFFF])
def test_the_time_that_it_is_believed_is_an_option(tunnel, expires):
    tunnel.device(mtu_expires=expires)
    now = time.monotonic_ns()
    learns(tunnel, too_big(1300), 1300)
    lasts = tunnel.tables.paths[BEHIND_GATEWAY].mtu_until - now
    assert 0 <= lasts - expires * SECOND < 60 * SECOND
    assert tunnel.paths.until() == tunnel.tables.paths[BEHIND_GATEWAY].mtu_until


def test_each_way_has_an_mtu_of_its_own(tunnel):
    tunnel.peer(ON_LINK, "192.168.2.0/24")
    learns(tunnel, too_big(1400), 1400)
    learns(tunnel, too_big(1450, remote=ON_LINK, dst="192.168.2.9"), 1450, ON_LINK)
    ignores(tunnel, too_big(1420))
    learns(tunnel, too_big(1300, remote=ON_LINK, dst="192.168.2.9"), 1300, ON_LINK)
    assert {remote: path.mtu for remote, path in tunnel.paths.read().items()} == {BEHIND_GATEWAY: 1400, ON_LINK: 1300}


@pytest.mark.parametrize("quote", range(20, 48))
def test_an_mtu_is_learnt_from_the_shortest_quote(tunnel, quote):
    tunnel.expect(arriving(too_big(1300, quote=quote)), "error_kept", news=News(BEHIND_GATEWAY, mtu=1300))
    assert not tunnel.tables.owes_error(BEHIND_GATEWAY)


def test_the_first_half_of_the_second_word_is_no_mtu(tunnel):
    message = raw(too_big(1300))[20:]
    for half in (b"\0\x20", b"\xff\xff"):
        error = inner(src=ROUTER, dst=LOCAL, proto=1)
        error.remove_payload()
        learns(tunnel, error / with_icmp_checksum(message[:4] + half + message[6:]), 1300)


@pytest.mark.parametrize("kind, code", [(3, code) for code in range(16) if code not in (3, 4, 5)] + [(11, 0)])
def test_another_error_too_short_to_be_handed_on_is_owed(tunnel, kind, code):
    about = outer(packet(), remote=LOCAL, local=BEHIND_GATEWAY)
    for quote in (20, 28, 47):
        tunnel.expect(arriving(icmp_error(about, kind, code, src=ROUTER, quote=quote)), "error_kept",
                      news=News(BEHIND_GATEWAY, owed=True))
    assert tunnel.tables.owes_error(BEHIND_GATEWAY) and tunnel.tables.path_mtu(BEHIND_GATEWAY) is None


def test_news_of_one_kind_leaves_the_other(tunnel):
    about = outer(packet(), remote=LOCAL, local=BEHIND_GATEWAY)
    tunnel.path(BEHIND_GATEWAY, mtu=1400, mtu_for=100)
    tunnel.expect(arriving(icmp_error(about, src=ROUTER)), "error_kept", news=News(BEHIND_GATEWAY, owed=True))
    assert tunnel.tables.path_mtu(BEHIND_GATEWAY) == 1400
    learns(tunnel, too_big(1300), 1300)
    assert tunnel.tables.owes_error(BEHIND_GATEWAY)


def test_no_sooner_news_makes_all_news_older(tunnel):
    tunnel.peer(ON_LINK, "192.168.2.0/24")
    learns(tunnel, too_big(1400), 1400)
    until = tunnel.paths.until()
    tunnel.device(mtu_expires=1)
    learns(tunnel, too_big(1300, remote=ON_LINK, dst="192.168.2.9"), 1300, ON_LINK)
    assert tunnel.paths.until() == until


def test_what_is_learnt_at_one_hook_holds_at_the_other(tunnel):
    way_out = tunnel.at("egress")
    fits(way_out, packet(1381))
    learns(tunnel, too_big(1400), 1400)
    fits(way_out, packet(1380))
    exceeds(way_out, packet(1381), 1400)
    about = outer(packet(), remote=LOCAL, local=BEHIND_GATEWAY)
    tunnel.expect(arriving(icmp_error(about, src=ROUTER)), "error_kept", news=News(BEHIND_GATEWAY, owed=True))
    pays(way_out, packet(100))
    fits(way_out, packet(100))


# What it does

@pytest.mark.parametrize("mtu", [576, 577, 1000, 1280, 1499])
def test_what_exceeds_the_path_mtu_is_too_big(way_out, mtu):
    way_out.path(BEHIND_GATEWAY, mtu=mtu, mtu_for=100)
    fits(way_out, packet(mtu - 20))
    for size in (mtu - 19, mtu, 1480, 1481, 2000):
        exceeds(way_out, packet(size), mtu)


@pytest.mark.parametrize("mtu", [1500, 1501, 9000, 65535])
def test_a_path_mtu_beyond_the_routes_changes_nothing(way_out, mtu):
    way_out.path(BEHIND_GATEWAY, mtu=mtu, mtu_for=100)
    fits(way_out, packet(1480))
    exceeds(way_out, packet(1481), 1500)


def test_the_smaller_of_route_and_path_counts(way_out):
    way_out.peer(NARROW, "192.168.1.0/24")
    for mtu in (NARROW_MTU - 1, NARROW_MTU, NARROW_MTU + 1, 1200):
        way_out.path(NARROW, mtu=mtu, mtu_for=100)
        least = min(mtu, NARROW_MTU)
        fits(way_out, packet(least - 20), NARROW)
        exceeds(way_out, packet(least - 19), least, NARROW)
        exceeds(way_out, packet(1480), least, NARROW)


@pytest.mark.parametrize("remote", [BEHIND_GATEWAY, ON_LINK, ELSEWHERE, UNRESOLVED])
def test_the_path_mtu_counts_on_every_way(encap, remote):
    encap.peer(remote, "192.168.1.0/24")
    encap.path(remote, mtu=1000, mtu_for=100)
    fits(encap, packet(980), remote)
    exceeds(encap, packet(981), 1000, remote)


def test_the_path_mtu_counts_while_the_fib_does_not_answer(way_out):
    way_out.fib_answers(False)
    way_out.path(BEHIND_GATEWAY, mtu=1000, mtu_for=100)
    fits(way_out, packet(980))
    exceeds(way_out, packet(981), 1000)
    way_out.device(mtu=900)
    exceeds(way_out, packet(981), 900)


@pytest.mark.parametrize("mtu_for", [0, -0.001, -1, -600])
def test_a_path_mtu_counts_no_more_after_its_time(way_out, mtu_for):
    way_out.path(BEHIND_GATEWAY, mtu=1000, mtu_for=mtu_for)
    fits(way_out, packet(1480))
    way_out.path(ON_LINK, mtu=1000, mtu_for=100)
    fits(way_out, packet(1480))


def test_another_peers_path_mtu_changes_nothing(way_out):
    way_out.peer(ON_LINK, "192.168.2.0/24")
    way_out.peer(ANY)
    for remote in (ON_LINK, ANY, LOCAL):
        way_out.path(remote, mtu=1000, mtu_for=100, error_for=100)
    fits(way_out, packet(1480))
    exceeds(way_out, packet(1481), 1500)


@pytest.mark.parametrize("device, peer, flags, cut", [
    (PMTUDISC, 0, 0, False), (PMTUDISC, 0, "DF", False), (NOPMTUDISC, 0, 0, True), (NOPMTUDISC, 0, "DF", False),
    (NOPMTUDISC, PMTUDISC, 0, False), (PMTUDISC, NOPMTUDISC, 0, True), (PMTUDISC, NOPMTUDISC, "DF", False)])
def test_routers_cut_what_does_not_forbid_it(way_out, device, peer, flags, cut):
    way_out.device(df=device)
    way_out.peer(BEHIND_GATEWAY, df=peer)
    way_out.path(BEHIND_GATEWAY, mtu=1000, mtu_for=100)
    what = packet(1200, flags=flags)
    if cut:
        fits(way_out, what, flags=0)
    else:
        exceeds(way_out, what, 1000)
    exceeds(way_out, packet(1481, flags=flags), 1500 if cut else 1000)


@pytest.mark.parametrize("build, headers", [(tcp, 40), (inner, 28)], ids=["tcp", "udp"])
def test_a_gso_packets_segments_are_held_against_the_path_mtu(way_out, build, headers):
    """What fits is encap_error here: the kernel does not wrap GSO packets of no kind, as test runs have them."""
    way_out.path(BEHIND_GATEWAY, mtu=1000, mtu_for=100)
    what, most = build(bytes(3000), src=HERE, dst=THERE), 980 - headers
    way_out.expect(leaving(what), "encap_error", peer=BEHIND_GATEWAY, packets=-(-3000 // most), gso_size=most)
    exceeds(way_out, what, 1000, packets=-(-3000 // (most + 1)), gso_size=most + 1)


# An error that is owed

def pays(way_out, what, remote=BEHIND_GATEWAY, **context):
    answered(way_out, what, "encap_unreachable", told(remote, HERE, what), remote, news=News(remote, owed=False),
             **context)


def test_an_owed_error_is_paid_by_the_next_packet_and_once(way_out):
    way_out.path(BEHIND_GATEWAY, error_for=30)
    pays(way_out, packet())
    assert way_out.paths.read() == {BEHIND_GATEWAY: KnownPath()}
    fits(way_out, packet())


@pytest.mark.parametrize("error_for", [0, -0.001, -1, -600])
def test_an_error_is_owed_no_more_after_its_time(way_out, error_for):
    way_out.path(BEHIND_GATEWAY, error_for=error_for)
    way_out.path(ON_LINK, error_for=100)
    fits(way_out, packet())


def test_an_owed_error_comes_before_the_news_of_size(way_out):
    way_out.path(BEHIND_GATEWAY, mtu=1000, mtu_for=100, error_for=30)
    pays(way_out, packet(1400))
    exceeds(way_out, packet(1400), 1000)
    way_out.path(BEHIND_GATEWAY, mtu=1000, mtu_for=100, error_for=30)
    pays(way_out, packet(1600))
    exceeds(way_out, packet(1600), 1000)


def test_an_owed_error_is_paid_whether_or_not_fragments_are_forbidden(way_out):
    way_out.device(df=NOPMTUDISC)
    way_out.path(BEHIND_GATEWAY, error_for=30)
    pays(way_out, packet())


def test_an_owed_error_is_paid_by_a_gso_packet_whole(way_out):
    way_out.path(BEHIND_GATEWAY, error_for=30)
    pays(way_out, tcp(bytes(3000), src=HERE, dst=THERE), packets=3, gso_size=1000)


def test_an_owed_error_is_paid_while_the_fib_does_not_answer(way_out):
    way_out.fib_answers(False)
    way_out.path(BEHIND_GATEWAY, error_for=30)
    pays(way_out, packet())
    fits(way_out, packet())


@pytest.mark.parametrize("remote, verdict, expected", [
    (UNROUTED, "encap_no_route", told(UNROUTED, HERE, packet())), (LOOPED, "encap_loop", None)])
def test_what_the_fib_refuses_pays_nothing(encap, remote, verdict, expected):
    encap.peer(remote, "192.168.1.0/24")
    encap.path(remote, mtu=600, mtu_for=100, error_for=30)
    if expected is None:
        encap.expect(leaving(packet()), verdict, peer=remote)
    else:
        answered(encap, packet(), verdict, expected, remote)
    assert encap.tables.owes_error(remote)


def test_what_is_refused_before_pays_nothing(way_out):
    way_out.path(BEHIND_GATEWAY, error_for=30)
    way_out.expect(leaving(packet(ttl=0)), "encap_ttl", peer=BEHIND_GATEWAY)
    way_out.expect(leaving(packet(len=9)), "inner_bad", peer=BEHIND_GATEWAY)
    way_out.bare("192.168.1.7/32")
    way_out.expect(leaving(packet(dst="192.168.1.7")), "encap_no_prefix")
    pays(way_out, packet())


def test_a_forwarded_packet_from_an_end_of_the_tunnel_pays_nothing(way_out):
    way_out.path(BEHIND_GATEWAY, error_for=30)
    way_out.expect(leaving(packet(src=LOCAL)), "encap_source", peer=BEHIND_GATEWAY, ingress_ifindex=1)
    pays(way_out, packet())


@pytest.mark.parametrize("fields", [{"frag": 9}, {"src": "127.0.0.1"}, {"proto": 1}], ids=str)
def test_a_packet_that_draws_no_errors_pays_in_silence(way_out, fields):
    way_out.path(BEHIND_GATEWAY, error_for=30)
    what = packet(**fields)
    raw_type = bytes([3]) if fields.get("proto") else b""
    frame = leaving(what)
    frame = frame[:34] + raw_type + frame[34 + len(raw_type):]
    way_out.expect(frame, "encap_unreachable", peer=BEHIND_GATEWAY, news=News(BEHIND_GATEWAY, owed=False))


def test_an_owed_error_is_paid_in_silence_without_a_rate(way_out):
    way_out.device(icmp_rate=0)
    way_out.path(BEHIND_GATEWAY, error_for=30)
    way_out.expect(leaving(packet()), "encap_unreachable", peer=BEHIND_GATEWAY, news=News(BEHIND_GATEWAY, owed=False))
    fits(way_out, packet())
