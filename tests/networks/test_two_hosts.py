# SPDX-License-Identifier: GPL-2.0-only
"""Two hosts with a router between them: whatever A sends B arrives as it was, wrapped on the wire."""
import time

import pytest

from pace import all_or

from .program import counting
from .topology import A, B, INNER_A, INNER_B
from .traffic import TCP_BYTES, Stream, ping, ping_packets, tcp_transfer, udp_echo, udp_segments
from .tunnels import between_two_hosts, carrying
from .wire import Capture, ETH_P_IP, PROTO_ICMP

ETH_P_ARP = 0x0806
PING_SIZES = all_or(sorted({*range(101), *range(1400, 1501), 65000,
                            *(2**power + side for power in range(16) for side in (-1, 0, 1)
                              if 2**power + side <= 32769)}),
                    (0, 1, 2, 7, 8, 56, 100, 1000, 1451, 1452, 1453, 1472, 1473, 2928, 9000, 65000))
UDP_SIZES = all_or((0, 1, 17, 100, 1400, *range(1450, 1456), 1472, 2000, 9000, 65000),
                   (0, 1, 1452, 1453, 9000, 65000))
UDP_SEGMENTATION = "tx-udp-segmentation"
TSO = ("tso", UDP_SEGMENTATION)
OFFLOADS = {
    "all offloads": (),
    "no checksum offload": ("tx", "rx"),
    "segmentation in software after encap": (*TSO, "tx-ipxip4-segmentation"),
    "no segmentation of tunnels": ("tx-ipxip4-segmentation",),
    "no GSO": (*TSO, "gso"),
    "no scatter-gather": ("sg",),
}


@pytest.fixture
def without(joined, off):
    """The joined hosts, whose devices lack these offloads."""
    before = [features(namespace) for namespace in (joined.a, joined.b)]
    off = [name for name in off if name != UDP_SEGMENTATION or cuts_udp(joined.a)]
    switch(joined, off, "off")
    yield joined
    switch(joined, reversed(off), "on")
    assert [features(namespace) for namespace in (joined.a, joined.b)] == before


def switch(network, names, value):
    for name in names:
        for namespace in (network.a, network.b):
            namespace.run("ethtool", "-K", "eth0", name, value)


def features(namespace):
    return namespace.run("ethtool", "-k", "eth0")


def cuts_udp(namespace):
    """Whether a veth takes UDP segments in one packet, as it does not on Linux 5.10."""
    return f"{UDP_SEGMENTATION}: on" in features(namespace)


def test_pings_of_every_size_are_answered_both_ways(joined):
    a, b = joined.ends
    packets, size = (sum(column) for column in zip(*map(ping_packets, PING_SIZES)))
    for namespace, source, target, end, remote in ((joined.a, INNER_A, INNER_B, a, B),
                                                   (joined.b, INNER_B, INNER_A, b, A)):
        with carrying(joined, a, b) as count:
            assert ping(namespace, source, target, PING_SIZES) == []
        assert count.peer(end, remote) == {"tx_packets": packets, "tx_bytes": size, "rx_packets": packets,
                                           "rx_bytes": size, "drops": 0}


@pytest.mark.parametrize("off", OFFLOADS.values(), ids=OFFLOADS.keys())
def test_tcp_and_udp_pass_both_ways_with(without):
    a, b = without.ends
    for client, here, server, there in ((without.a, INNER_A, without.b, INNER_B),
                                        (without.b, INNER_B, without.a, INNER_A)):
        with carrying(without, a, b):
            udp_echo(client, here, server, there, UDP_SIZES)
        with carrying(without, a, b) as count:
            tcp_transfer(client, here, server, there, 2 * TCP_BYTES)
        assert count.totals(a)["tx_bytes"] > 2 * TCP_BYTES and count.totals(b)["tx_bytes"] > 2 * TCP_BYTES


# The kernel refuses UDP_SEGMENT on a device that does not compute checksums.
@pytest.mark.parametrize("off", [off for off in OFFLOADS.values() if not {"tx", "sg"} & set(off)],
                         ids=[name for name, off in OFFLOADS.items() if not {"tx", "sg"} & set(off)])
def test_udp_segments_sent_by_one_call_arrive_each_for_itself_with(without):
    a, b = without.ends
    for segment, number in ((1452, 40), (1400, 2), (100, 64)):
        with carrying(without, a, b) as count:
            udp_segments(without.a, INNER_A, without.b, INNER_B, segment, number)
        assert count.verdicts(a) == {"encap_ok": number}
        assert count.peer(b, A)["rx_bytes"] == number * (segment + 28)


def test_tiny_udp_segments_sent_by_one_call_arrive_each_for_itself(joined, mode):
    a, b = joined.ends
    with counting(a, b) as count:
        udp_segments(joined.a, INNER_A, joined.b, INNER_B, 1, 50)
    assert count.verdicts(a) == {"encap_ok": 50}
    # All in one they are smaller than the MTU, where XDP's generic hook cannot tell them from a single packet.
    assert count.verdicts(b) == {"decap_ok": 1 if mode == "skb" and cuts_udp(joined.a) else 50}


def test_ends_of_different_modes_talk_to_each_other(two_hosts):
    a, b = between_two_hosts(two_hosts, "native", mode_b="auto")
    assert (a.show()["mode"], b.show()["mode"]) == ("native", "tc")
    with carrying(two_hosts, a, b):
        assert ping(two_hosts.a, INNER_A, INNER_B, (0, 1452, 20000)) == []
        tcp_transfer(two_hosts.a, INNER_A, two_hosts.b, INNER_B, 2 * TCP_BYTES)


def forget_neighbours(network):
    for namespace in (network.a, network.b, network.router):
        namespace.ip("neigh flush all")


def test_the_first_packet_after_every_neighbour_was_flushed_arrives(joined):
    a, b = joined.ends
    for _ in range(3):
        forget_neighbours(joined)
        with carrying(joined, a, b) as count:
            assert ping(joined.a, INNER_A, INNER_B) == []
        assert count.verdicts(a) == {"encap_ok": 1, "decap_ok": 1}
        assert count.verdicts(b) == {"encap_ok": 1, "decap_ok": 1}


def test_several_packets_sent_before_the_neighbour_is_resolved_all_arrive(joined):
    forget_neighbours(joined)
    with carrying(joined, *joined.ends):
        # An echo request of 20,000 bytes is 14 packets, sent in one go.
        assert ping(joined.a, INNER_A, INNER_B, (20000,)) == []


def test_tunnel_traffic_alone_finds_a_router_that_changed_its_mac_in_silence(two_hosts):
    timers = {"base_reachable_time_ms": 500, "delay_first_probe_time": 1, "retrans_time_ms": 100}
    for name, value in timers.items():
        two_hosts.a.sysctl(f"net.ipv4.neigh.eth0.{name}", value)
    # 1.5 reachable times, one probe that the tunnel sends each second, the delay, three probes, and some leave.
    limit = 0.75 + 1 + 1 + 3 * 0.1 + 2
    a, b = between_two_hosts(two_hosts, "tc")
    rate = 500
    neighbour = f"{A} lladdr {two_hosts.a.address_of('eth0').hex(':')} dev to-a nud permanent"
    with Capture(two_hosts.router, "to-a") as capture, counting(a, b) as count:
        with Stream(two_hosts.a, INNER_A, two_hosts.b, INNER_B, rate) as stream:
            time.sleep(0.5)
            changed = stream.sent
            # The router keeps A's address, so that it has nothing to ask and A learns nothing from its question.
            two_hosts.router.ip("link set dev to-a address 02:00:00:00:aa:bb", f"neigh replace {neighbour}")
            time.sleep(limit)
            recovered = stream.sent
            time.sleep(0.5)
    missing = stream.missing
    assert missing and missing[0] >= changed - 1, "the router's change did no harm: this test shows nothing"
    assert missing[-1] < recovered, f"no packet arrived {limit} s after the router's change"
    assert count.verdicts(a) == {"encap_ok": stream.sent}
    assert count.verdicts(b) == {"decap_ok": len(stream.received)}
    new_address = [number for number, frame in enumerate(capture.frames)
                   if frame.outgoing and frame.data[6:12].hex(":") == "02:00:00:00:aa:bb"]
    question = capture.frames[new_address[0] - 1]
    assert question.ethertype == ETH_P_ARP and question.data[:6] == b"\xff" * 6, "the router spoke unasked"


def test_what_a_prefix_holds_leaves_wrapped_and_the_rest_leaves_as_it_is(joined):
    a, b = joined.ends
    with counting(a, b) as count, Capture(joined.router, "to-a") as capture:
        assert ping(joined.a, A, B, (56,) * 5) == []
    assert count.verdicts(a) == {} and count.verdicts(b) == {}
    assert {packet.protocol for packet in capture.packets} == {PROTO_ICMP}
    assert all(frame.data[:6] != b"\x02\0\0\0\x04\x04" for frame in capture.frames if frame.ethertype == ETH_P_IP)
