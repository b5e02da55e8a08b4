# SPDX-License-Identifier: GPL-2.0-only
"""Ingress: the reverse-path check of the inner source."""

import pytest
from scapy.layers.inet import IP

from .frames import TAGGINGS, arriving, icmp_error, inner, outer, received
from .tables import ANY, LOOSE, MONITOR, NO_MONITOR, OFF, STRICT
from .underlay import BEHIND_GATEWAY, ON_LINK, ROUTE_BACK

MODES = {"strict": STRICT, "loose": LOOSE, "off": OFF}
NO_UNICAST = ("none", "blackhole", "unreachable", "prohibit", "local", "broadcast")


@pytest.fixture
def tunnel(decap):
    """A peer that owns every address but those of 192.168.2.0/24."""
    decap.peer(BEHIND_GATEWAY, "0.0.0.0/0")
    decap.peer(ON_LINK, "192.168.2.0/24")
    return decap


def passes(tunnel, packet, tags=(), verdict="decap_ok", peer=BEHIND_GATEWAY):
    remote = BEHIND_GATEWAY if peer == ANY else peer
    tunnel.expect(arriving(outer(packet, remote=remote), tags), verdict, arriving(packet, tags), peer, received(packet))


def refused(tunnel, packet, verdict, tags=(), peer=BEHIND_GATEWAY):
    tunnel.expect(arriving(outer(packet, remote=peer), tags), verdict, peer=peer)


def route_verdict(mode, route, tagged):
    """The contract's table, for a source whose prefix is right."""
    if mode == "off":
        return None
    if route in NO_UNICAST:
        return "no_route"
    return "rpf_route" if route == "elsewhere" and mode == "strict" and not tagged else None


@pytest.mark.parametrize("tags", TAGGINGS.values(), ids=TAGGINGS)
@pytest.mark.parametrize("route", ROUTE_BACK)
@pytest.mark.parametrize("mode", MODES)
def test_each_kind_of_route_back(tunnel, mode, route, tags):
    tunnel.device(rpf=MODES[mode])
    packet, verdict = inner(src=ROUTE_BACK[route]), route_verdict(mode, route, tags)
    if verdict:
        refused(tunnel, packet, verdict, tags)
    else:
        passes(tunnel, packet, tags)
    tunnel.device(monitor=MONITOR)
    passes(tunnel, packet, tags, verdict + "_mon" if verdict else "decap_ok")


@pytest.mark.parametrize("route", ROUTE_BACK)
@pytest.mark.parametrize("mode", MODES)
def test_a_fib_that_does_not_answer_is_a_failed_check(tunnel, mode, route):
    tunnel.fib_answers(False)
    tunnel.device(rpf=MODES[mode])
    packet = inner(src=ROUTE_BACK[route])
    if mode == "off":
        passes(tunnel, packet)
        return
    refused(tunnel, packet, "fib_unavailable")
    tunnel.device(monitor=MONITOR)
    passes(tunnel, packet, verdict="fib_unavailable_mon")


def test_strict_refuses_a_source_that_belongs_to_another_peer(tunnel):
    refused(tunnel, inner(src="192.168.2.5"), "rpf_prefix")
    passes(tunnel, inner(src="192.168.2.5"), peer=ON_LINK)
    refused(tunnel, inner(), "rpf_prefix", peer=ON_LINK)


def test_strict_goes_by_the_longest_prefix(tunnel):
    tunnel.prefix("192.168.2.0/25", BEHIND_GATEWAY)
    passes(tunnel, inner(src="192.168.2.127"))
    refused(tunnel, inner(src="192.168.2.128"), "rpf_prefix")
    tunnel.prefix("192.168.2.77/32", ON_LINK)
    refused(tunnel, inner(src="192.168.2.77"), "rpf_prefix")
    passes(tunnel, inner(src="192.168.2.77"), peer=ON_LINK)


def test_strict_refuses_a_source_in_no_prefix(decap):
    decap.peer(BEHIND_GATEWAY, "192.168.2.0/24")
    refused(decap, inner(), "rpf_prefix")


def test_strict_refuses_a_source_in_a_bare_prefix(tunnel):
    tunnel.bare("192.168.1.0/24")
    refused(tunnel, inner(), "rpf_prefix")
    tunnel.prefix("192.168.1.0/24", BEHIND_GATEWAY, bare=1)
    refused(tunnel, inner(), "rpf_prefix")


@pytest.mark.parametrize("bare, reserved", [(2, "000000"), (0, "010000"), (0, "000100"), (0, "0000ff")])
def test_strict_refuses_a_source_in_a_prefix_out_of_range(tunnel, bare, reserved):
    tunnel.prefix("192.168.1.0/24", BEHIND_GATEWAY, bare=bare, reserved=bytes.fromhex(reserved))
    refused(tunnel, inner(), "rpf_prefix")


def test_strict_refuses_a_source_that_belongs_to_any(tunnel):
    tunnel.peer(ANY, "192.168.1.0/24")
    refused(tunnel, inner(), "rpf_prefix")


def test_loose_and_off_do_not_ask_whose_prefix_it_is(tunnel):
    for mode in (LOOSE, OFF):
        tunnel.device(rpf=mode)
        passes(tunnel, inner(src="192.168.2.5"))
        passes(tunnel, inner(), peer=ON_LINK)


def test_monitor_lets_a_foreign_source_through_and_counts_it(tunnel):
    tunnel.device(monitor=MONITOR)
    passes(tunnel, inner(src="192.168.2.5"), verdict="rpf_prefix_mon")


@pytest.mark.parametrize("route", ROUTE_BACK)
def test_monitor_counts_the_first_failed_check_alone(tunnel, route):
    tunnel.device(monitor=MONITOR)
    tunnel.prefix(f"{ROUTE_BACK[route]}/32", ON_LINK)
    passes(tunnel, inner(src=ROUTE_BACK[route]), verdict="rpf_prefix_mon")
    tunnel.fib_answers(False)
    passes(tunnel, inner(src=ROUTE_BACK[route]), verdict="rpf_prefix_mon")


@pytest.mark.parametrize("device, peer, effective", [
    (STRICT, 0, STRICT), (LOOSE, 0, LOOSE), (OFF, 0, OFF), (STRICT, LOOSE, LOOSE), (STRICT, OFF, OFF),
    (LOOSE, STRICT, STRICT), (OFF, STRICT, STRICT), (OFF, LOOSE, LOOSE), (LOOSE, OFF, OFF)])
def test_a_peers_own_rpf_outweighs_its_devices(tunnel, device, peer, effective):
    tunnel.device(rpf=device)
    tunnel.peer(BEHIND_GATEWAY, rpf=peer)
    foreign, unrouted = inner(src="192.168.2.5"), inner(src=ROUTE_BACK["none"])
    if effective == STRICT:
        refused(tunnel, foreign, "rpf_prefix")
    else:
        passes(tunnel, foreign)
    if effective == OFF:
        passes(tunnel, unrouted)
    else:
        refused(tunnel, unrouted, "no_route")


@pytest.mark.parametrize("device, peer, monitored", [
    (MONITOR, 0, True), (NO_MONITOR, 0, False), (MONITOR, NO_MONITOR, False), (NO_MONITOR, MONITOR, True)])
def test_a_peers_own_monitor_outweighs_its_devices(tunnel, device, peer, monitored):
    tunnel.device(monitor=device)
    tunnel.peer(BEHIND_GATEWAY, monitor=peer)
    if monitored:
        passes(tunnel, inner(src="192.168.2.5"), verdict="rpf_prefix_mon")
    else:
        refused(tunnel, inner(src="192.168.2.5"), "rpf_prefix")


# ICMP errors from the peer's own remote

@pytest.fixture
def foreign(decap):
    """A peer whose remote is in no prefix of its own."""
    decap.peer(BEHIND_GATEWAY, "192.168.1.0/24")
    decap.peer(ON_LINK, "192.168.2.0/24")
    return decap


@pytest.mark.parametrize("kind", [3, 11, 12])
def test_strict_takes_icmp_errors_from_the_peers_own_remote(foreign, kind):
    passes(foreign, icmp_error(inner(), kind, src=BEHIND_GATEWAY, dst="192.168.8.8"))


@pytest.mark.parametrize("kind", [0, 4, 5, 8, 9, 10, 13, 14, 17])
def test_strict_refuses_other_icmp_from_the_peers_own_remote(foreign, kind):
    refused(foreign, icmp_error(inner(), kind, src=BEHIND_GATEWAY, dst="192.168.8.8"), "rpf_prefix")


def test_strict_refuses_an_icmp_error_from_another_peers_remote(foreign):
    refused(foreign, icmp_error(inner(), src=ON_LINK, dst="192.168.8.8"), "rpf_prefix")
    refused(foreign, icmp_error(inner(), src="192.168.4.9", dst="192.168.8.8"), "rpf_prefix")


def test_strict_takes_no_trailer_for_the_type_of_an_icmp_error(foreign):
    packet = IP(src=BEHIND_GATEWAY, dst="192.168.8.8", proto=1)
    foreign.expect(arriving(outer(packet), trailer=b"\3" * 8), "rpf_prefix", peer=BEHIND_GATEWAY)


def test_any_under_strict_takes_icmp_errors_from_the_remote_it_stands_for(foreign):
    foreign.delete_peer(BEHIND_GATEWAY)
    foreign.peer(ANY, rpf=STRICT)
    passes(foreign, icmp_error(inner(), src=BEHIND_GATEWAY, dst="192.168.8.8"), peer=ANY)
    foreign.expect(arriving(outer(icmp_error(inner(), src="192.0.2.99", dst="192.168.8.8"))), "rpf_prefix", peer=ANY)


def test_strict_knows_an_icmp_error_by_its_first_byte_alone(foreign):
    passes(foreign, IP(src=BEHIND_GATEWAY, dst="192.168.8.8", proto=1) / b"\x03")
    refused(foreign, IP(src=BEHIND_GATEWAY, dst="192.168.8.8", proto=1), "rpf_prefix")


def test_strict_refuses_what_only_looks_like_an_icmp_error(foreign):
    """UDP with the same bytes, and a fragment that is not the first."""
    packet = icmp_error(inner(), src=BEHIND_GATEWAY, dst="192.168.8.8", proto=17)
    refused(foreign, packet, "rpf_prefix")
    packet = icmp_error(inner(), src=BEHIND_GATEWAY, dst="192.168.8.8", frag=5)
    refused(foreign, packet, "rpf_prefix")


def test_an_icmp_error_from_the_peers_remote_still_needs_a_route_back(foreign):
    remote = ROUTE_BACK["none"]
    foreign.peer(remote)
    packet = icmp_error(inner(), src=remote, dst="192.168.8.8")
    refused(foreign, packet, "no_route", peer=remote)
    foreign.fib_answers(False)
    refused(foreign, packet, "fib_unavailable", peer=remote)
    remote = ROUTE_BACK["elsewhere"]
    foreign.fib_answers(True)
    foreign.peer(remote)
    refused(foreign, icmp_error(inner(), src=remote, dst="192.168.8.8"), "rpf_route", peer=remote)


def test_the_route_back_is_asked_whatever_the_size(decap):
    """A packet above the MTU of the device that its source lies behind has a route back all the same."""
    decap.peer(BEHIND_GATEWAY, "0.0.0.0/0", rpf=LOOSE)
    passes(decap, inner(bytes(1420), src=ROUTE_BACK["elsewhere"]))
    passes(decap, inner(bytes(2000), src=ROUTE_BACK["elsewhere"]))
