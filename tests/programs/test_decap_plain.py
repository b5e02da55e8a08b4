# SPDX-License-Identifier: GPL-2.0-only
"""Ingress: packets that came without a tunnel, from sources that belong into one."""

import pytest

from .frames import TAGGINGS, arriving, icmp_error, inner, options, outer
from .tables import ANY, LOOSE, MONITOR, OFF, PLAIN_BY_RPF, PLAIN_DROP, PLAIN_PASS, STRICT
from .underlay import BEHIND_GATEWAY, LOCAL, ON_LINK


@pytest.fixture
def tunnel(decap):
    """A peer that owns 192.168.1.0/24, on a device that is strict."""
    decap.peer(BEHIND_GATEWAY, "192.168.1.0/24")
    return decap


@pytest.mark.parametrize("tags", TAGGINGS.values(), ids=TAGGINGS)
def test_a_plain_packet_with_a_tunnels_source_is_dropped(tunnel, tags):
    tunnel.expect(arriving(inner(), tags), "plain_source")


def test_a_plain_packet_with_another_source_is_not_counted(tunnel):
    for source in ("192.168.0.255", "192.168.2.0", "8.8.8.8", BEHIND_GATEWAY, "127.0.0.1"):
        tunnel.expect(arriving(inner(src=source)), None)


@pytest.mark.parametrize("plain, rpf, dropped", [
    (PLAIN_BY_RPF, STRICT, True), (PLAIN_BY_RPF, LOOSE, False), (PLAIN_BY_RPF, OFF, False),
    (PLAIN_DROP, STRICT, True), (PLAIN_DROP, LOOSE, True), (PLAIN_DROP, OFF, True),
    (PLAIN_PASS, STRICT, False), (PLAIN_PASS, LOOSE, False), (PLAIN_PASS, OFF, False)])
def test_plain_drop_or_pass_or_by_the_devices_rpf(tunnel, plain, rpf, dropped):
    tunnel.device(plain=plain, rpf=rpf)
    tunnel.expect(arriving(inner()), "plain_source" if dropped else None)


@pytest.mark.parametrize("device, peer, dropped", [(STRICT, LOOSE, True), (LOOSE, STRICT, False)])
def test_it_is_the_devices_rpf_that_decides_and_not_the_peers(tunnel, device, peer, dropped):
    tunnel.device(rpf=device)
    tunnel.peer(BEHIND_GATEWAY, rpf=peer)
    tunnel.expect(arriving(inner()), "plain_source" if dropped else None)


def test_monitor_is_about_tunnelled_packets(tunnel):
    tunnel.device(monitor=MONITOR)
    tunnel.expect(arriving(inner()), "plain_source")


def test_the_longest_prefix_counts(tunnel):
    tunnel.bare("192.168.1.0/28")
    tunnel.expect(arriving(inner(src="192.168.1.9")), None)
    tunnel.expect(arriving(inner(src="192.168.1.16")), "plain_source")
    tunnel.prefix("192.168.1.9/32", ON_LINK)
    tunnel.peer(ON_LINK)
    tunnel.expect(arriving(inner(src="192.168.1.9")), "plain_source")


@pytest.mark.parametrize("bare, reserved", [(2, "000000"), (255, "000000"), (1, "000001")])
def test_a_prefix_out_of_range_is_no_exception(tunnel, bare, reserved):
    tunnel.prefix("192.168.1.0/24", BEHIND_GATEWAY, bare=bare, reserved=bytes.fromhex(reserved))
    tunnel.expect(arriving(inner()), "plain_source")


def test_a_prefix_of_any_belongs_to_a_peer_too(tunnel):
    tunnel.peer(ANY, "192.168.2.0/24")
    tunnel.expect(arriving(inner(src="192.168.2.1")), "plain_source")


@pytest.mark.parametrize("protocol", [0, 1, 6, 17, 41, 47, 132])
def test_every_protocol_but_4_is_plain(tunnel, protocol):
    tunnel.expect(arriving(inner(proto=protocol)), "plain_source")


def test_the_plain_packets_own_header_is_the_stacks_business(tunnel):
    for fields in ({"chksum": 1}, {"ttl": 0}, {"len": 19}, {"len": 9999}, {"frag": 99}, {"options": options(40)}):
        tunnel.expect(arriving(inner(**fields)), "plain_source")


# ICMP errors about our own outer packets

def ours(remote=BEHIND_GATEWAY, local=LOCAL, **fields):
    """An outer packet as this host sends it."""
    return outer(inner(src="192.168.8.8", dst="192.168.1.9"), remote=local, local=remote, **fields)


def comes_in(tunnel, error):
    """It is not dropped; TC takes it up for its inner sender, if it was sent to the source of what it quotes."""
    verdict = tunnel.agree(arriving(error)).verdict
    assert verdict in ({"error_kept", "error_relayed", "error_ignored"} if tunnel.hook == "tc" else {None})


@pytest.mark.parametrize("quote", [28, 20, 48, 56])
@pytest.mark.parametrize("kind", [3, 11, 12])
def test_an_icmp_error_that_quotes_our_outer_packet_comes_in(tunnel, kind, quote):
    comes_in(tunnel, icmp_error(ours(), kind, quote=quote))
    tunnel.expect(arriving(icmp_error(ours(), kind, quote=quote, dst="192.168.8.8")), None)


def test_an_icmp_error_with_options_that_quotes_our_outer_packet_comes_in(tunnel):
    comes_in(tunnel, icmp_error(ours(), options=options(8)))


def test_an_icmp_error_about_a_peers_own_local_address_comes_in(tunnel):
    tunnel.peer(ON_LINK, local="172.16.16.99")
    comes_in(tunnel, icmp_error(ours(ON_LINK, "172.16.16.99"), dst="172.16.16.99"))
    tunnel.expect(arriving(icmp_error(ours(ON_LINK))), "plain_source")
    tunnel.expect(arriving(icmp_error(ours(BEHIND_GATEWAY, "172.16.16.99"))), "plain_source")


@pytest.mark.parametrize("kind", [0, 1, 2, 4, 5, 6, 8, 9, 10, 13, 14, 17, 30])
def test_other_icmp_that_quotes_our_outer_packet_is_dropped(tunnel, kind):
    tunnel.expect(arriving(icmp_error(ours(), kind)), "plain_source")


@pytest.mark.parametrize("quoted", [
    inner(src="192.168.8.8", dst="192.168.1.9"), inner(src=LOCAL, dst=BEHIND_GATEWAY), ours(remote="192.0.2.99"),
    ours(local="172.16.16.23"), ours(BEHIND_GATEWAY, LOCAL, version=6),
], ids=["an inner packet", "no tunnel", "to no peer", "not from local", "version 6"])
def test_an_icmp_error_that_quotes_another_packet_is_dropped(tunnel, quoted):
    tunnel.expect(arriving(icmp_error(quoted)), "plain_source")


@pytest.mark.parametrize("quote", [0, 12, 19])
def test_an_icmp_error_that_quotes_less_than_a_header_is_dropped(tunnel, quote):
    tunnel.expect(arriving(icmp_error(ours(), quote=quote)), "plain_source")


# ICMP errors from a peer's own address

@pytest.mark.parametrize("kind", range(19))
def test_of_a_peers_own_address_only_icmp_errors_come_in(tunnel, kind):
    tunnel.prefix("172.16.0.0/16", BEHIND_GATEWAY)
    error = icmp_error(inner(src="192.168.8.8", dst="192.168.1.9"), kind, src=BEHIND_GATEWAY, dst="192.168.8.8")
    tunnel.expect(arriving(error), None if kind in (3, 11, 12) else "plain_source")


def test_what_is_no_icmp_error_does_not_come_in_from_a_peers_own_address(tunnel):
    tunnel.prefix("172.16.0.0/16", BEHIND_GATEWAY)
    about = inner(src="192.168.8.8", dst="192.168.1.9")
    tunnel.expect(arriving(icmp_error(about, src=BEHIND_GATEWAY, frag=10)), "plain_source")
    tunnel.expect(arriving(icmp_error(about, src=BEHIND_GATEWAY, proto=17)), "plain_source")
    tunnel.expect(arriving(icmp_error(about, src=ON_LINK)), "plain_source")


def test_the_peer_any_has_no_address_of_its_own(tunnel):
    tunnel.peer(ANY, "0.0.0.0/0")
    tunnel.expect(arriving(icmp_error(inner(src="192.168.8.8", dst="192.168.1.9"), src="0.0.0.0")), "plain_source")
    tunnel.expect(arriving(icmp_error(ours(remote="0.0.0.0"))), "plain_source")


def test_a_later_fragment_is_no_icmp_error(tunnel):
    tunnel.expect(arriving(icmp_error(ours(), frag=10)), "plain_source")


def test_what_is_not_icmp_is_no_icmp_error(tunnel):
    tunnel.expect(arriving(icmp_error(ours(), proto=17)), "plain_source")
