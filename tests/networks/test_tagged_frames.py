# SPDX-License-Identifier: GPL-2.0-only
"""Frames with one and two VLAN tags, in and out, as they pass the device that the VLAN devices sit on.

A macvlan on that device stands for a VLAN device, which not every kernel has: it gets the frames that are addressed
to it, tags and all.
"""
import pytest

from .program import counting
from .topology import A, B, INNER_A, INNER_B, TwoHosts
from .tunnels import between_two_hosts
from .wire import (ETH_P_IP, PROTO_ICMP, PROTO_IPIP, Capture, ethernet, icmp_echo, ipv4_packet, send_frame)

DOT1Q, DOT1AD = 0x8100, 0x88A8
TAGS = {
    "one tag": ((DOT1Q, 100),),
    "two tags": ((DOT1AD, 7), (DOT1Q, 100)),
    "two of one kind": ((DOT1Q, 7), (DOT1Q, 9)),
}
ABOVE = "02:00:00:00:00:99"
# In a prefix of B, and routed through the device above eth0.
ELSEWHERE = "10.44.1.1"

tagged = pytest.mark.parametrize("tags", TAGS.values(), ids=TAGS.keys())


@pytest.fixture(scope="module")
def hosts(mode):
    with TwoHosts() as network:
        network.a.ip(f"link add link eth0 name above address {ABOVE} type macvlan mode bridge", "link set above up")
        network.end, _ = between_two_hosts(network, mode)
        network.end.do("prefix add", "10.44.0.0/16", "remote", B)
        network.a.ip("route add 10.44.1.0/24 dev above")
        network.here, network.there = network.a.address_of("eth0"), network.router.address_of("to-a")
        yield network


def wrapped_echo(source=INNER_B):
    return ipv4_packet(B, A, PROTO_IPIP, ipv4_packet(source, INNER_A, PROTO_ICMP, icmp_echo(9, 1, b"tagged")))


@tagged
def test_a_tagged_frame_is_unwrapped_and_keeps_its_tags(hosts, tags):
    frame = ethernet(bytes.fromhex(ABOVE.replace(":", "")), hosts.there, wrapped_echo(), tags)
    with counting(hosts.end) as count, Capture(hosts.a, "above") as capture:
        send_frame(hosts.router, "to-a", frame)
    assert count.verdicts(hosts.end) == {"decap_ok": 1}
    seen, = (each for each in capture.frames if not each.outgoing and each.ethertype in (ETH_P_IP, DOT1Q))
    assert seen.tags == tags[:1]
    assert seen.data == ethernet(frame[:6], frame[6:12], wrapped_echo()[20:], tags[1:])


def test_a_priority_tagged_packet_goes_through_the_tunnel_to_the_stack(hosts):
    # VLAN 0 is no VLAN: the stack takes the packet as if it had no tag, and answers.
    frame = ethernet(hosts.here, hosts.there, wrapped_echo(), ((DOT1Q, 5 << 13),))
    with counting(hosts.end) as count:
        send_frame(hosts.router, "to-a", frame)
    assert count.verdicts(hosts.end) == {"decap_ok": 1, "encap_ok": 1}


@tagged
def test_a_tagged_frame_that_leaves_is_another_devices_and_stays_as_it_is(hosts, tags):
    frame = ethernet(hosts.there, hosts.here, ipv4_packet(INNER_A, INNER_B, PROTO_ICMP, icmp_echo(1, 1)), tags)
    with counting(hosts.end) as count, Capture(hosts.router, "to-a") as capture:
        send_frame(hosts.a, "eth0", frame)
    assert count.verdicts(hosts.end) == {"tagged": 1}
    seen, = capture.frames
    assert ethernet(seen.data[:6], seen.data[6:12], seen.data[14:], seen.tags, seen.ethertype) == frame


@tagged
def test_a_tagged_frame_is_not_held_to_the_device_of_its_route(hosts, tags):
    # The route back to a VLAN's host leaves through the VLAN device, which is another one.
    with counting(hosts.end) as count:
        send_frame(hosts.router, "to-a", ethernet(hosts.here, hosts.there, wrapped_echo(ELSEWHERE), tags))
    assert count.verdicts(hosts.end) == {"decap_ok": 1}


def test_an_untagged_frame_is_held_to_the_device_of_its_route(hosts):
    with counting(hosts.end) as count:
        send_frame(hosts.router, "to-a", ethernet(hosts.here, hosts.there, wrapped_echo(ELSEWHERE)))
    assert count.verdicts(hosts.end) == {"rpf_route": 1}
