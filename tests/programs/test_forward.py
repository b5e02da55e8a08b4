# SPDX-License-Identifier: GPL-2.0-only
"""`forward on`: what comes out of the tunnel for another host goes straight on, and all that is in doubt to the stack."""

import contextlib
import pathlib
import re
import struct

import pytest
from scapy.compat import raw
from scapy.layers.inet import ICMP, IP, TCP, UDP
from scapy.layers.l2 import Ether

from pace import all_or

from . import underlay
from .attachment import TC_REDIRECT, TC_UNSPEC, XDP_PASS, XDP_REDIRECT, XDP_TX, Attachment, Dataplane
from .bpf import CPUS
from .frames import arriving, icmp_error, inner, options, outer, received, tcp
from .forwarding import NEVER, NOW, forwarding, less_ttl, may_leave_by, slot
from .tables import LOOSE, MONITOR, NO_MONITOR, OFF, STRICT, SWITCH_OFF
from .underlay import (BEHIND_GATEWAY, DEV, GATEWAY, MAC, NEIGHBOURS, OTHER, OTHER_ADDRESS, OTHER_GATEWAY,
                       ROUTE_BACK)
from .wire import INGRESS, Wire, attached

BEHIND = "192.168.3.77"  # behind OTHER_GATEWAY
BACK_OUT = "172.16.5.5"  # behind GATEWAY, by DEV
STACK = {"xdp": XDP_PASS, "tc": TC_UNSPEC}


@pytest.fixture
def gateway(decap):
    """A peer that owns 192.168.1.0/24 and sends to hosts behind this one, which forwards for DEV."""
    with forwarding(decap):
        yield decap


def straight(hook, packet, device, next_hop):
    """(action, frame) of a packet that goes straight on. TC's helper writes the MACs once the program has ended."""
    if hook == "tc":
        return TC_REDIRECT, arriving(less_ttl(packet))
    link = Ether(dst=NEIGHBOURS[next_hop][1], src=MAC[device], type=0x0800)
    return XDP_TX if device == DEV else XDP_REDIRECT, raw(link) + less_ttl(packet)


def check_straight(attachment, packet, device=OTHER, next_hop=OTHER_GATEWAY, verdict="decap_forwarded", **outer_fields):
    outcome = attachment.observe(arriving(outer(packet, **outer_fields)))
    assert (outcome.returned, outcome.out) == straight(attachment.hook, packet, device, next_hop)
    assert outcome.verdicts == {verdict: 1}
    assert outcome.counters == {BEHIND_GATEWAY: received(packet)}


def check_left_to_the_stack(attachment, packet, verdict="decap_ok", arrives=arriving):
    outcome = attachment.observe(arrives(outer(packet)))
    assert (outcome.returned, outcome.out) == (STACK[attachment.hook], arrives(packet))
    assert outcome.verdicts == {verdict: 1}
    assert outcome.counters == {BEHIND_GATEWAY: received(packet)}


@pytest.mark.parametrize("packet", [
    inner(dst=BEHIND), tcp(b"segment", dst=BEHIND), inner(dst=BEHIND, ttl=2), inner(dst=BEHIND, ttl=255),
    inner(bytes(1372), dst=BEHIND), IP(src=ROUTE_BACK["unicast"], dst=BEHIND, frag=100, proto=17) / bytes(8),
    IP(src=ROUTE_BACK["unicast"], dst=BEHIND, flags="MF", proto=17) / bytes(64),
    IP(src=ROUTE_BACK["unicast"], dst=BEHIND, proto=47) / b"",
    icmp_error(inner(), dst=BEHIND), inner(dst=BEHIND, tos=0xB8),
], ids=["udp", "tcp", "ttl 2", "ttl 255", "of the MTU", "fragment", "first fragment", "header alone", "icmp error", "tos"])
def test_a_packet_for_another_host_goes_straight_on(gateway, packet):
    check_straight(gateway, packet)


def test_it_matters_not_from_whose_link_address(gateway):
    packet = inner(dst=BEHIND)
    frame = arriving(outer(packet))
    outcome = gateway.observe(frame[:6] + bytes.fromhex("52540000ff01") + frame[12:])
    assert outcome.verdicts == {"decap_forwarded": 1}


def test_checksums_are_right_for_each_identification(gateway):
    """The carry of the checksum's change is folded: 65,536 sums, of which each 257th is tried, and those at its edge."""
    for identification in (*range(0, 65536, all_or(257, 8192)), 0xFFFF, 0xFFFE):
        check_straight(gateway, IP(src=ROUTE_BACK["unicast"], dst=BEHIND, id=identification, ttl=7) / UDP() / b"x")


def test_back_out_of_the_device_it_came_by(gateway):
    check_straight(gateway, inner(dst=BACK_OUT), DEV, GATEWAY)


def test_ecn_is_combined_on_the_way(gateway):
    packet = inner(dst=BEHIND, tos=2)
    outcome = gateway.observe(arriving(outer(packet, tos=3)))
    assert (outcome.returned, outcome.out) == straight(gateway.hook, inner(dst=BEHIND, tos=3), OTHER, OTHER_GATEWAY)


def test_an_alarm_of_ecn_stays_counted_as_one(gateway):
    check_straight(gateway, inner(dst=BEHIND), verdict="ecn_alarm", tos=1)


@pytest.mark.parametrize("packet", [
    inner(dst=BEHIND, ttl=1), inner(dst=BEHIND, options=options(4)), inner(bytes(1373), dst=BEHIND),
    inner(dst="192.168.8.8"), inner(dst=OTHER_ADDRESS), inner(dst="10.99.0.255"), inner(dst="255.255.255.255"),
    inner(dst="224.0.0.5"), inner(dst="239.1.1.1"), inner(dst="10.99.0.9"), inner(dst="192.168.4.4"),
    inner(dst="192.168.5.1"), inner(dst="192.168.6.1"), inner(dst="192.168.7.1"),
], ids=["ttl 1", "options", "beyond the MTU", "for this host", "for an address of another device", "broadcast",
        "limited broadcast", "multicast", "multicast of a site", "neighbour unresolved", "no route", "blackhole",
        "unreachable", "prohibited"])
def test_what_is_in_doubt_is_the_stacks(gateway, packet):
    check_left_to_the_stack(gateway, packet)


def test_the_default_route_takes_all_but_multicasts(gateway):
    underlay.ip(f"route add default via {OTHER_GATEWAY} dev {OTHER} onlink")
    try:
        for destination in ("1.0.0.1", "126.255.255.254", "128.0.0.1", "223.255.255.254"):
            check_straight(gateway, inner(dst=destination))
        check_left_to_the_stack(gateway, inner(dst="224.0.0.5"))
        check_left_to_the_stack(gateway, inner(dst="255.255.255.255"))
    finally:
        underlay.ip("route del default")


@pytest.mark.parametrize("tags", [((0x8100, 100),), ((0x88A8, 7), (0x8100, 100))], ids=["one", "two"])
def test_a_tagged_frame_is_the_stacks(gateway, tags):
    check_left_to_the_stack(gateway, inner(dst=BEHIND), arrives=lambda packet: arriving(packet, tags))


@pytest.mark.parametrize("mac", ["ff:ff:ff:ff:ff:ff", "01:00:5e:00:00:05", "02:00:00:00:d0:03", "12:00:00:00:d0:01"])
def test_a_frame_that_is_not_sent_to_this_host_is_the_stacks(gateway, mac):
    def arrives(packet):
        return bytes.fromhex(mac.replace(":", "")) + arriving(packet)[6:]
    check_left_to_the_stack(gateway, inner(dst=BEHIND), arrives=arrives)


@pytest.mark.parametrize("rpf", [STRICT, OFF])
def test_off_is_the_default_and_what_maps_of_older_layouts_say(gateway, rpf):
    for forward in (0, SWITCH_OFF):
        gateway.device(forward=forward, rpf=rpf)
        check_left_to_the_stack(gateway, inner(dst=BEHIND))


def test_a_host_that_forwards_nothing_forwards_nothing(gateway):
    underlay.set_forwarding(False, DEV)
    check_left_to_the_stack(gateway, inner(dst=BEHIND))


@pytest.mark.parametrize("source", ["none", "blackhole", "unreachable", "prohibit", "local", "broadcast"])
def test_a_source_without_a_route_back_never_goes_straight_on_whatever_rpf_says(gateway, source):
    packet = inner(src=ROUTE_BACK[source], dst=BEHIND)
    gateway.device(rpf=OFF)
    check_left_to_the_stack(gateway, packet)
    gateway.device(rpf=LOOSE, monitor=MONITOR)
    check_left_to_the_stack(gateway, packet, "no_route_mon")
    gateway.device(monitor=NO_MONITOR)
    outcome = gateway.observe(arriving(outer(packet)))
    assert outcome.verdicts == {"no_route": 1} and outcome.returned != STACK[gateway.hook]


def test_with_rpf_off_a_source_with_a_route_back_goes_straight_on(gateway):
    gateway.device(rpf=OFF)
    check_straight(gateway, inner(src="172.16.9.9", dst=BEHIND))


def test_a_silent_fib_leaves_all_to_the_stack(gateway):
    gateway.device(rpf=OFF)
    gateway.fib_answers(False)
    check_left_to_the_stack(gateway, inner(src="172.16.9.9", dst=BEHIND))


@pytest.mark.parametrize("verdict, source", [("rpf_prefix_mon", "172.16.9.9"), ("rpf_route_mon", "192.168.3.9")])
def test_what_only_monitor_let_through_is_the_stacks(gateway, verdict, source):
    gateway.device(monitor=MONITOR)
    if verdict == "rpf_route_mon":
        gateway.prefix("192.168.3.9/32", BEHIND_GATEWAY)
    check_left_to_the_stack(gateway, inner(src=source, dst=BEHIND), verdict)


def test_a_policy_rule_for_the_device_it_came_by_decides(gateway):
    underlay.ip(f"route add {BEHIND}/32 via {GATEWAY} dev {DEV} onlink table 77", f"rule add iif {DEV} lookup 77 pref 77")
    try:
        check_straight(gateway, inner(dst=BEHIND), DEV, GATEWAY)
    finally:
        underlay.ip("rule del pref 77", "route flush table 77")


def test_at_tc_the_kernel_writes_the_next_hops_address(decap_tc, dataplane):
    """Behind the program, on its way out."""
    packet = inner(dst=BEHIND)
    with forwarding(decap_tc), contextlib.closing(Wire(f"far-{DEV}")) as far, \
            contextlib.closing(Wire(f"far-{OTHER}")) as other, \
            attached(decap_tc.ifindex, INGRESS, dataplane.programs["tc"]):
        far.send(arriving(outer(packet)))
        _, frame = other.receive()
    assert frame == straight("xdp", packet, OTHER, OTHER_GATEWAY)[1]


@pytest.fixture
def at_xdp(decap_xdp):
    """As gateway, on the XDP hook alone."""
    with forwarding(decap_xdp):
        yield decap_xdp


def test_a_device_that_takes_no_frames_from_xdp_gets_them_from_the_stack(at_xdp):
    may_leave_by(at_xdp, DEV)
    check_left_to_the_stack(at_xdp, inner(dst=BEHIND))
    may_leave_by(at_xdp)
    check_left_to_the_stack(at_xdp, inner(dst=BACK_OUT))


def jiffies():
    return int(re.search(r"^jiffies: (\d+)$", pathlib.Path("/proc/timer_list").read_text(), re.MULTILINE)[1])


def test_one_packet_to_each_next_hop_is_the_stacks_now_and_then(at_xdp):
    at_xdp.maps["next_hops"][slot(OTHER_GATEWAY)] = NOW
    before = jiffies()
    check_left_to_the_stack(at_xdp, inner(dst=BEHIND))
    # On the CPU that it ran on, and there in the future.
    due, = (value for value, in struct.iter_unpack("=Q", at_xdp.maps["next_hops"][slot(OTHER_GATEWAY)]) if value)
    assert before + 249 <= due <= jiffies() + 251
    at_xdp.maps["next_hops"][slot(OTHER_GATEWAY)] = NEVER
    check_straight(at_xdp, inner(dst=BEHIND))


@pytest.mark.parametrize("ago, returned", [(249, XDP_REDIRECT), (250, XDP_PASS)])
def test_now_and_then_is_after_250_ticks_of_the_kernels_clock(at_xdp, ago, returned):
    """Two packets that are the stack's tell the tick: what comes between them ran in the same one, if they agree. On a
    machine so slow that they never do, nothing shows."""
    frame = arriving(outer(inner(dst=BEHIND)))

    def until(jiffies):
        at_xdp.maps["next_hops"][slot(OTHER_GATEWAY)] = struct.pack("=Q", jiffies) * CPUS

    def next_one():
        until(0)
        at_xdp.run(frame)
        return max(struct.unpack(f"={CPUS}Q", at_xdp.maps["next_hops"][slot(OTHER_GATEWAY)]))

    for _ in range(100):
        before = next_one()
        until(before - ago)
        found, _ = at_xdp.run(frame)
        assert found == returned or next_one() != before


def test_what_the_route_leads_into_a_tunnel_is_the_stacks(at_xdp):
    at_xdp.peer("172.16.1.63", "192.168.2.0/24")
    at_xdp.maps["next_hops"][slot(GATEWAY)] = NOW
    check_left_to_the_stack(at_xdp, inner(dst="192.168.2.5"))
    at_xdp.delete_prefix("192.168.2.0/24")
    check_left_to_the_stack(at_xdp, inner(dst="192.168.2.5"))


def test_what_a_prefix_holds_never_leaves_dev_unwrapped(at_xdp):
    """Though a route leads there that does not name the tunnel's next hop."""
    at_xdp.peer("172.16.1.63", "172.16.5.0/24")
    at_xdp.maps["next_hops"][slot(GATEWAY)] = NOW
    check_left_to_the_stack(at_xdp, inner(dst=BACK_OUT))
    at_xdp.maps["next_hops"][slot(GATEWAY)] = NEVER
    at_xdp.bare("172.16.5.0/24")
    check_straight(at_xdp, inner(dst=BACK_OUT), DEV, GATEWAY)


def test_a_frame_in_several_pieces_is_the_stacks(at_xdp):
    packet = tcp(bytes(1200), dst=BEHIND)
    outcome = at_xdp.observe(arriving(outer(packet)), linear=256)
    assert (outcome.returned, outcome.out, outcome.verdicts) == (XDP_PASS, arriving(packet), {"decap_ok": 1})


@pytest.fixture
def before_5_12(underlay_ifindex):
    """At TC, for kernels whose FIB does not tell what the MTU is."""
    loaded = Dataplane(fib_tells_mtu=0)
    attachment = Attachment(loaded, "tc", underlay_ifindex)
    with forwarding(attachment):
        yield attachment
    loaded.close()


def test_where_nobody_tells_the_mtu_all_is_the_stacks(before_5_12):
    check_left_to_the_stack(before_5_12, inner(dst=BEHIND))


@pytest.fixture(scope="module")
def among_software_devices(underlay_ifindex):
    loaded = Dataplane(software=1)
    yield loaded
    loaded.close()


@pytest.fixture
def virtual(among_software_devices, underlay_ifindex):
    """As at_xdp, with DEV a device on which checksums may be only begun."""
    attachment = Attachment(among_software_devices, "xdp", underlay_ifindex)
    with forwarding(attachment):
        yield attachment


def begun(packet):
    """The TCP packet as a sender leaves it to a device to sum it up: with the sum of the pseudo header alone."""
    packet = IP(raw(packet))
    length = len(packet) - 20
    pseudo = raw(packet)[12:20] + struct.pack("!HH", 6, length)
    total = sum(struct.unpack("!6H", pseudo))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    packet[TCP].chksum = total
    return packet


def test_a_checksum_that_is_only_begun_is_the_stacks_to_finish(virtual):
    for size in (0, 1, 1000):
        check_left_to_the_stack(virtual, begun(tcp(bytes(size), dst=BEHIND)))


def test_back_out_of_a_device_that_is_no_hardware_goes_what_is_redirected(virtual):
    packet = tcp(b"payload", dst=BACK_OUT)
    outcome = virtual.observe(arriving(outer(packet)))
    assert (outcome.returned, outcome.out) == (XDP_REDIRECT, straight("xdp", packet, DEV, GATEWAY)[1])


def test_a_checksum_that_is_whole_goes_straight_on(virtual):
    for size in (0, 1, 1000):
        check_straight(virtual, tcp(bytes(size), dst=BEHIND))
    check_straight(virtual, IP(src=ROUTE_BACK["unicast"], dst=BEHIND) / ICMP(id=1) / b"payload")


@pytest.mark.parametrize("packet", [
    inner(dst=BEHIND), IP(src=ROUTE_BACK["unicast"], dst=BEHIND, proto=47) / bytes(8),
    IP(src=ROUTE_BACK["unicast"], dst=BEHIND, flags="MF", proto=6) / bytes(64),
    IP(src=ROUTE_BACK["unicast"], dst=BEHIND, frag=8, proto=6) / bytes(64),
    IP(src=ROUTE_BACK["unicast"], dst=BEHIND, proto=6) / bytes(19),
], ids=["udp", "gre", "first fragment", "later fragment", "too short for a TCP header"])
def test_what_may_hide_a_checksum_that_is_only_begun_is_the_stacks(virtual, packet):
    check_left_to_the_stack(virtual, packet)
