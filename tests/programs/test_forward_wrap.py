# SPDX-License-Identifier: GPL-2.0-only
"""`forward on` at XDP, into a tunnel: what came out of another, as at a hub, or from a router beside DEV."""

import struct

import pytest
from scapy.compat import raw
from scapy.layers.inet import IP

from . import bpf, underlay
from .attachment import XDP_DROP, XDP_PASS, XDP_REDIRECT, XDP_TX
from .forwarding import NEVER, NOW, forwarding, less_ttl, may_leave_by, slot
from .frames import arriving, inner, options, outer, received, sent, tcp, wrapped
from .ipv4 import with_checksum
from .tables import FIXED, HOOK_TC, LOOSE, MODE_SKB, SWITCH_OFF, SWITCH_ON
from .underlay import (BEHIND_GATEWAY, DEV, ELSEWHERE, GATEWAY, LOCAL, MAC, NEIGHBOURS, ON_LINK, OTHER,
                       OTHER_GATEWAY, ROUTE_BACK, UNRESOLVED)

THERE = "192.168.2.5"  # behind ON_LINK's tunnel
PLAIN = "172.16.9.9"  # a source behind GATEWAY, of no peer


@pytest.fixture
def hub(decap_xdp):
    """Two peers: one owns 192.168.1.0/24, the other 192.168.2.0/24."""
    with forwarding(decap_xdp):
        decap_xdp.peer(ON_LINK, "192.168.2.0/24")
        yield decap_xdp


def frame_to(remote, packet, device=DEV, next_hop=None, **fields):
    """The frame that carries a packet, with its TTL one less, in a tunnel to `remote`."""
    wrapped_frame = wrapped(IP(less_ttl(packet)), remote=remote, **{"ttl": packet.ttl - 1, "tos": packet.tos, **fields})
    macs = bytes.fromhex((NEIGHBOURS[next_hop or remote][1] + MAC[device]).replace(":", ""))
    return macs + wrapped_frame[12:]


def check_through(hub, packet, action=XDP_TX, to=ON_LINK, **fields):
    """Out of one tunnel and into the other."""
    outcome = hub.observe(arriving(outer(packet)))
    assert (outcome.returned, outcome.out) == (action, frame_to(to, packet, **fields))
    assert outcome.verdicts == {"decap_forwarded": 1, "encap_ok": 1}
    assert outcome.counters == {BEHIND_GATEWAY: received(packet), to: sent(packet)}


def check_into(hub, packet, action=XDP_TX, to=ON_LINK, padding=b"", **fields):
    """From a router beside DEV into a tunnel."""
    outcome = hub.observe(arriving(packet) + padding)
    assert (outcome.returned, outcome.out) == (action, frame_to(to, packet, **fields))
    assert outcome.verdicts == {"encap_ok": 1} and outcome.counters == {to: sent(packet)}


def from_beside(packet):
    """The packet as a router beside DEV sends it, outside of a tunnel."""
    packet = IP(raw(packet))
    packet.src = PLAIN
    del packet.chksum
    return IP(raw(packet))


def check_stack(hub, packet, verdicts=None):
    """From either, and each is left to the stack as without `forward`."""
    outcome = hub.observe(arriving(outer(packet)))
    assert (outcome.returned, outcome.out, outcome.verdicts) == (XDP_PASS, arriving(packet), {"decap_ok": 1})
    plain = from_beside(packet)
    outcome = hub.observe(arriving(plain))
    assert (outcome.returned, outcome.out, outcome.verdicts) == (XDP_PASS, arriving(plain), verdicts or {})


@pytest.mark.parametrize("packet", [
    inner(dst=THERE), tcp(b"segment", dst=THERE), inner(dst=THERE, ttl=2), inner(bytes(1452), dst=THERE, flags="DF"),
    inner(dst=THERE, tos=0xB9),
    IP(src=ROUTE_BACK["unicast"], dst=THERE, frag=100, proto=17) / bytes(8),
    IP(src=ROUTE_BACK["unicast"], dst=THERE, proto=47) / b"",
], ids=["udp", "tcp", "ttl 2", "of the MTU", "tos", "fragment", "header alone"])
def test_from_one_tunnel_into_the_other(hub, packet):
    check_through(hub, packet)
    check_into(hub, from_beside(packet))


def test_padding_stays_behind(hub):
    for size in range(1, 20):
        check_into(hub, inner(b"", src=PLAIN, dst=THERE), padding=bytes(size))


def test_the_far_end_behind_another_device(hub):
    hub.peer(ELSEWHERE, "192.168.2.64/26")
    packet = inner(dst="192.168.2.65")
    check_through(hub, packet, XDP_REDIRECT, ELSEWHERE, device=OTHER, next_hop=OTHER_GATEWAY)
    may_leave_by(hub, DEV)
    check_stack(hub, packet)


def test_the_peers_own_settings_hold(hub):
    hub.peer(ON_LINK, "192.168.2.0/24", ttl_mode=FIXED, ttl=33, tos_mode=FIXED, tos=0x20, local="172.16.16.23")
    check_through(hub, inner(dst=THERE), ttl=33, tos=0x20, local="172.16.16.23")


@pytest.mark.parametrize("packet", [
    inner(dst=THERE, ttl=1), inner(dst=THERE, options=options(4)), inner(bytes(1453), dst=THERE, flags="DF"),
], ids=["ttl 1", "options", "beyond the MTU"])
def test_what_is_in_doubt_is_the_stacks(hub, packet):
    check_stack(hub, packet)


def test_a_neighbour_that_is_not_resolved_is_the_stacks(hub):
    hub.peer(UNRESOLVED, "192.168.2.64/26")
    check_stack(hub, inner(dst="192.168.2.65"))
    check_stack(hub, IP(src=ROUTE_BACK["unicast"], dst="192.168.2.65", proto=47) / b"")


def test_now_and_then_a_packet_is_left_for_the_neighbour_code_to_see_at_egress(hub):
    hub.maps["next_hops"][slot(ON_LINK)] = NOW
    assert hub.observe(arriving(outer(inner(dst=THERE)))).returned == XDP_PASS
    # But one: should a firewall take it there, the next goes straight on all the same.
    assert sum(value != 0 for value, in struct.iter_unpack("=Q", hub.maps["next_hops"][slot(ON_LINK)])) == 1
    hub.maps["next_hops"][slot(ON_LINK)] = NEVER
    check_through(hub, inner(dst=THERE))


def test_no_peer_and_an_invalid_one_are_the_stacks_to_refuse(hub):
    hub.prefix("192.168.2.64/26", "172.16.16.99")
    check_stack(hub, inner(dst="192.168.2.65"))
    hub.peer(ON_LINK, df=9)
    check_stack(hub, inner(dst=THERE))


def test_what_goes_to_any_or_is_bare_is_the_stacks(hub):
    hub.peer("0.0.0.0", "192.168.2.64/26")
    check_stack(hub, inner(dst="192.168.2.65"))
    hub.bare("192.168.2.128/26")
    check_stack(hub, inner(dst="192.168.2.129"))


def test_an_error_that_is_owed_is_still_owed(hub):
    hub.path(ON_LINK, error_for=20)
    check_stack(hub, inner(dst=THERE))
    assert hub.at("egress").observe(arriving(inner(src=PLAIN, dst=THERE))).verdicts == {"encap_unreachable": 1}


def test_a_path_mtu_is_held(hub):
    hub.path(ON_LINK, mtu=700, mtu_for=20)
    check_through(hub, inner(bytes(700 - 20 - 28), dst=THERE))
    check_stack(hub, inner(bytes(700 - 20 - 27), dst=THERE))


@pytest.mark.parametrize("source", [LOCAL, ON_LINK])
def test_an_end_of_the_tunnel_as_source_is_the_stacks_to_refuse(hub, source):
    outcome = hub.observe(arriving(inner(src=source, dst=THERE)))
    assert (outcome.returned, outcome.verdicts) == (XDP_PASS, {})


@pytest.mark.parametrize("source", ["192.168.4.9", "192.168.5.9", "127.0.0.1", "0.1.2.3", "224.0.0.1", "172.16.31.255"])
def test_a_source_without_a_route_back_is_the_stacks(hub, source):
    outcome = hub.observe(arriving(inner(src=source, dst=THERE)))
    assert (outcome.returned, outcome.verdicts) == (XDP_PASS, {})


def test_a_plain_source_behind_another_device_is_for_the_stacks_rp_filter(hub):
    """One out of a tunnel has been held to the peer's prefixes."""
    source = ROUTE_BACK["elsewhere"]
    plain = inner(src=source, dst=THERE)
    outcome = hub.observe(arriving(plain))
    assert (outcome.returned, outcome.out, outcome.verdicts) == (XDP_PASS, arriving(plain), {})
    hub.peer(BEHIND_GATEWAY, rpf=LOOSE)
    check_through(hub, plain)


@pytest.mark.parametrize("source", ["0.1.2.3", "127.0.0.2", "224.0.0.1", "240.0.0.1"])
def test_a_source_that_no_host_has_is_the_stacks_though_the_default_route_leads_back(hub, source):
    underlay.ip(f"route add default via {GATEWAY} dev {DEV}")
    try:
        check_into(hub, inner(src="8.8.8.8", dst=THERE))
        outcome = hub.observe(arriving(inner(src=source, dst=THERE)))
    finally:
        underlay.ip("route del default")
    assert (outcome.returned, outcome.verdicts) == (XDP_PASS, {})


def test_in_skb_mode_what_fits_into_the_tunnel_goes_into_it(hub):
    hub.device(mode_used=MODE_SKB)
    for size in (1, 1451, 1452):
        check_into(hub, inner(bytes(size), src=PLAIN, dst=THERE))


def test_what_has_no_room_for_another_header_is_the_stacks(hub, dataplane):
    """A driver's metadata before the frame takes it."""
    frame = arriving(inner(src=PLAIN, dst=THERE))
    for metadata, returned in ((bytes(32), XDP_TX), (bytes(208), XDP_PASS)):
        data = metadata + frame
        before = hub.verdict("encap_ok")
        action, out = dataplane.programs["xdp"].run(data, bpf.xdp_context(len(data), len(metadata)))
        assert (action, hub.verdict("encap_ok") - before) == (returned, returned == XDP_TX)
    assert out == data


def test_a_plain_packet_from_a_peers_address_is_dropped_as_ever(hub):
    outcome = hub.observe(arriving(inner(dst=THERE)))
    assert (outcome.returned, outcome.verdicts) == (XDP_DROP, {"plain_source": 1})


@pytest.mark.parametrize("at, value", [(10, 0x55), (0, 0x46), (3, 0xFF), (3, 42), (3, 0)],
                         ids=["checksum", "ihl", "length", "a byte too long", "no length"])
def test_a_plain_packet_with_a_broken_header_is_the_stacks(hub, at, value):
    data = bytearray(raw(inner(src=PLAIN, dst=THERE)))
    assert len(data) == 41
    data[at] = value
    data = bytes(data) if at == 10 else with_checksum(bytes(data[:20])) + bytes(data[20:])
    outcome = hub.observe(arriving(data))
    assert (outcome.returned, outcome.out, outcome.verdicts) == (XDP_PASS, arriving(data), {})


def test_a_plain_packet_for_no_tunnel_is_no_business_of_ours(hub):
    """Even if it could go straight on: this is no router."""
    outcome = hub.observe(arriving(inner(src=PLAIN, dst="192.168.3.77")))
    assert (outcome.returned, outcome.verdicts) == (XDP_PASS, {})


def test_off_and_without_forwarding_all_is_the_stacks(hub):
    hub.device(forward=SWITCH_OFF)
    check_stack(hub, inner(dst=THERE))
    hub.device(forward=SWITCH_ON)
    underlay.set_forwarding(False, DEV)
    check_stack(hub, inner(dst=THERE))


@pytest.mark.parametrize("tags", [((0x8100, 100),), ((0x88A8, 7), (0x8100, 100))], ids=["one", "two"])
def test_a_tagged_frame_is_the_stacks(hub, tags):
    frame = arriving(inner(src=PLAIN, dst=THERE), tags)
    outcome = hub.observe(frame)
    assert (outcome.returned, outcome.out, outcome.verdicts) == (XDP_PASS, frame, {})


def test_what_is_tcs_to_take_up_is_left_to_it(hub):
    hub.device(hook=HOOK_TC)
    frame = arriving(inner(src=PLAIN, dst=THERE))
    outcome = hub.observe(frame)
    assert (outcome.returned, outcome.out, outcome.verdicts) == (XDP_PASS, frame, {})
