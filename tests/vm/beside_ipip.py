# SPDX-License-Identifier: GPL-2.0-only
"""ipipbpf on A, the kernel's own ipip on B: each understands what the other sends. Not of `make check`, since not every
kernel has ipip."""
import contextlib
import re
import socket
import struct

import pytest

from networks.program import End, counting
from networks.topology import A, B, INNER_A, INNER_B, Gateways, TwoHosts
from networks.traffic import (TCP_BYTES, TIMEOUT_SECONDS, Pinger, ping, ping_packets, raw_socket, tcp_transfer, udp_echo,
                              udp_segments)
from networks.wire import PROTO_IPIP, PROTO_UDP, Capture, check_wire, ipv4_packet, udp_datagram

from ipip import DEVICES, KernelEnd, module  # noqa: F401 (a fixture)

SIZES = (0, 1, 8, 56, 576, 1451, 1452, 1453, 3000, 20000, 65000)
PORT = 4444
IP_RECVTOS, IP_RECVTTL = 13, 12
NOT_ECT, ECT1, ECT0, CE = range(4)
HOST_UNREACHABLE, FRAGMENTATION_NEEDED = (3, 1), (3, 4)


@pytest.fixture(scope="module")
def hosts(mode):
    """A with ipipbpf, B with nothing as yet."""
    with TwoHosts() as network:
        network.b.ip(f"addr del {INNER_B}/32 dev lo")
        network.end = End(network.a)
        network.end.attach("mode", mode, "src", INNER_A)
        network.end.peer(B, "prefix", INNER_B)
        yield network


@contextlib.contextmanager
def tunnel(hosts, *words, kind="remote A"):
    """The kernel's end with these words, while the block runs."""
    kernel = KernelEnd(hosts.b, kind)
    kernel.up(INNER_B, INNER_A, *words)
    try:
        yield kernel
    finally:
        kernel.down()


@pytest.fixture(params=DEVICES)
def joined(hosts, request):
    with tunnel(hosts, kind=request.param) as hosts.kernel:
        yield hosts


@contextlib.contextmanager
def told(hosts, word, value, default):
    """Our end's peer with this setting, while the block runs."""
    hosts.end.do("peer set", "remote", B, *word, value)
    try:
        yield
    finally:
        hosts.end.do("peer set", "remote", B, *word, default)


@contextlib.contextmanager
def carrying(hosts):
    """All IPv4 traffic in the block goes through the tunnel, fits the underlay, and is carried by A."""
    captures = [Capture(hosts.router, device) for device in ("to-a", "to-b")]
    with counting(hosts.end) as count, captures[0], captures[1]:
        yield count
    for capture in captures:
        assert check_wire(capture.frames, 1500, (A, B)) or capture.unseen, "nothing went over the wire"
    totals = count.totals(hosts.end)
    expected = {"encap_ok": totals["tx_packets"], "decap_ok": totals["rx_packets"]}
    assert count.verdicts(hosts.end) == {name: number for name, number in expected.items() if number}
    assert totals["drops"] == 0


def both_ways(hosts):
    """(sender, its inner address, receiver, its inner address), from A to B and back."""
    return (hosts.a, INNER_A, hosts.b, INNER_B), (hosts.b, INNER_B, hosts.a, INNER_A)


def test_pings_of_every_size_class_are_answered_both_ways(joined):
    packets, size = (sum(column) for column in zip(*map(ping_packets, SIZES)))
    for sender, source, _, target in both_ways(joined):
        before = joined.kernel.packets()
        with carrying(joined) as count:
            assert ping(sender, source, target, SIZES) == []
        assert count.peer(joined.end, B) == {"tx_packets": packets, "tx_bytes": size, "rx_packets": packets,
                                             "rx_bytes": size, "drops": 0}
        assert [after - then for then, after in zip(before, joined.kernel.packets())] == [packets, packets, 0]


def test_tcp_and_udp_pass_both_ways(joined):
    for client, here, server, there in both_ways(joined):
        with carrying(joined):
            udp_echo(client, here, server, there, (0, 100, 1452, 1453, 9000))
            tcp_transfer(client, here, server, there, TCP_BYTES)


def test_udp_segments_sent_by_one_call_arrive_each_for_itself(joined):
    for client, here, server, there in both_ways(joined):
        with carrying(joined):
            udp_segments(client, here, server, there, 1452, 20)


class Arrival:
    """A datagram as it was on the wire, and as its receiver got it; None where it never came."""

    def __init__(self, outer, message):
        self.outer = outer
        self.tos = self.ttl = None
        if message:
            values = {kind: data[0] for _, kind, data in message[1]}
            self.tos, self.ttl = values[socket.IP_TOS], values[socket.IP_TTL]


@contextlib.contextmanager
def receiver(namespace, address):
    with namespace.socket(socket.AF_INET, socket.SOCK_DGRAM) as end:
        end.bind((address, PORT))
        end.settimeout(TIMEOUT_SECONDS)
        for option in (IP_RECVTOS, IP_RECVTTL):
            end.setsockopt(socket.IPPROTO_IP, option, 1)
        yield end


def inner(source, target, **fields):
    return ipv4_packet(source, target, PROTO_UDP, udp_datagram(1, PORT, b"inside"), **fields)


def carry(hosts, direction, **fields):
    """Sends a datagram with these header fields through the tunnel."""
    sender, source, far, target = direction
    outer_source = A if sender is hosts.a else B
    with receiver(far, target) as end, Capture(hosts.router, "to-a" if sender is hosts.a else "to-b") as wire:
        with raw_socket(sender) as raw:
            raw.sendto(inner(source, target, **fields), (target, 0))
        message = end.recvmsg(100, 100)
    outer, = (packet for packet in wire.packets if packet.src == outer_source)
    return Arrival(outer, message)


@pytest.mark.parametrize("ttl", ("inherit", "17"))
def test_the_outer_ttl_is_what_either_end_was_told_and_the_inner_one_stays(hosts, ttl):
    with told(hosts, ("ttl",), ttl, "inherit"), tunnel(hosts, "ttl", ttl):
        for direction in both_ways(hosts):
            for inner_ttl in (2, 9, 255):
                arrived = carry(hosts, direction, ttl=inner_ttl)
                assert arrived.outer.ttl == (inner_ttl if ttl == "inherit" else 17)
                assert arrived.ttl == arrived.outer.inner.ttl == inner_ttl


@pytest.mark.parametrize("tos", ("inherit", "0x48"))
def test_the_outer_dscp_is_what_either_end_was_told_and_the_inner_one_stays(hosts, tos):
    with told(hosts, ("tos",), tos, "inherit"), tunnel(hosts, "tos", tos):
        for direction in both_ways(hosts):
            for dscp in (0, 0x10, 0xB8):
                for ecn in (NOT_ECT, ECT1, ECT0):
                    arrived = carry(hosts, direction, tos=dscp | ecn)
                    assert arrived.outer.tos == (dscp if tos == "inherit" else 0x48) | ecn
                    assert arrived.tos == dscp | ecn


@pytest.mark.parametrize("setting", ("pmtudisc", "nopmtudisc"))
def test_df_is_set_or_inherited_as_either_end_was_told(hosts, setting):
    with told(hosts, (), setting, "pmtudisc"), tunnel(hosts, setting):
        for direction in both_ways(hosts):
            for df in (False, True):
                arrived = carry(hosts, direction, df=df)
                assert arrived.outer.df == (df or setting == "pmtudisc")
                assert arrived.outer.inner.df == df


@pytest.mark.parametrize("ecn, ours", (("normal", {NOT_ECT: NOT_ECT, ECT0: ECT0, ECT1: ECT1, CE: CE}),
                                       ("compat", {NOT_ECT: NOT_ECT, ECT0: NOT_ECT, ECT1: NOT_ECT, CE: NOT_ECT})))
def test_the_inner_ecn_passes_whatever_the_outer_one_is(hosts, ecn, ours):
    # The kernel does as RFC 3168 has it, and does not tell the path of a congestion that was met before the tunnel.
    kernels = {NOT_ECT: NOT_ECT, ECT0: ECT0, ECT1: ECT1, CE: ECT0}
    with told(hosts, ("ecn",), ecn, "normal"), tunnel(hosts):
        for direction, expected in zip(both_ways(hosts), (ours, kernels)):
            for field, outer in expected.items():
                arrived = carry(hosts, direction, tos=field)
                assert (arrived.outer.tos, arrived.tos) == (outer, field)


# RFC 6040, figure 4: inner and outer ECN on arrival, and what is handed on (None: dropped).
COMBINED = {
    NOT_ECT: {NOT_ECT: NOT_ECT, ECT0: NOT_ECT, ECT1: NOT_ECT, CE: None},
    ECT0: {NOT_ECT: ECT0, ECT0: ECT0, ECT1: ECT1, CE: CE},
    ECT1: {NOT_ECT: ECT1, ECT0: ECT1, ECT1: ECT1, CE: CE},
    CE: {NOT_ECT: CE, ECT0: CE, ECT1: CE, CE: CE},
}


def test_both_ends_combine_what_the_path_marked_in_the_same_way(hosts):
    """The router sends what the far end might have sent, marked on its way."""
    with tunnel(hosts) as kernel, counting(hosts.end) as count:
        for (_, source, far, target), ends in zip(both_ways(hosts), ((A, B), (B, A))):
            with receiver(far, target) as end, raw_socket(hosts.router) as raw:
                for field, outer in ((field, outer) for field in COMBINED for outer in COMBINED):
                    packet = ipv4_packet(*ends, PROTO_IPIP, inner(source, target, tos=field), tos=outer)
                    raw.sendto(packet, (ends[1], 0))
                    # Whatever comes next is this one, or else the packet without ECN that follows it.
                    raw.sendto(ipv4_packet(*ends, PROTO_IPIP, inner(source, target, ttl=33)), (ends[1], 0))
                    seen = Arrival(None, end.recvmsg(100, 100))
                    combined = seen.tos if seen.ttl != 33 else None
                    assert combined == COMBINED[field][outer], f"inner {field}, outer {outer}"
                    if combined is not None:
                        end.recv(100)
        assert kernel.packets()[2] == 1
    assert count.verdicts(hosts.end) == {"decap_ok": 28, "ecn_alarm": 3, "ecn_drop": 1}


# Errors

def errors_of(pinger):
    """(type, code, MTU) of the ICMP errors that a sender got."""
    return [struct.unpack_from("!BB4xH", error.payload) for error in pinger.errors]


def refused(namespace, source, target):
    """Whether a datagram to a port where nobody listens draws an error, through the tunnel, for its sender."""
    with namespace.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.settimeout(TIMEOUT_SECONDS)
        sender.bind((source, 0))
        sender.connect((target, PORT))
        sender.send(b"anybody?")
        with pytest.raises(ConnectionRefusedError):
            sender.recv(1)


def test_an_inner_error_comes_back_through_the_tunnel(joined):
    for sender, source, _, target in both_ways(joined):
        with carrying(joined) as count:
            refused(sender, source, target)
        assert count.verdicts(joined.end) == {"encap_ok": 1, "decap_ok": 1}


@contextlib.contextmanager
def unreachable(hosts, remote):
    """The router says so of this end of the tunnel."""
    hosts.router.ip(f"route add unreachable {remote}")
    yield
    hosts.router.ip(f"route del unreachable {remote}")


def test_both_tell_the_inner_sender_that_the_far_end_is_unreachable(hosts):
    """ipipbpf at once; the kernel with the next packet, as RFC 2003 has it where the quote is too short."""
    with tunnel(hosts):
        with unreachable(hosts, B), counting(hosts.end) as count, Pinger(hosts.a, INNER_A, INNER_B) as pinger:
            assert pinger.ping(timeout=0.3) is None
        assert errors_of(pinger) == [(*HOST_UNREACHABLE, 0)]
        assert count.verdicts(hosts.end) == {"encap_ok": 1, "error_relayed": 1}
        with unreachable(hosts, A), Pinger(hosts.b, INNER_B, INNER_A) as pinger:
            assert pinger.ping(timeout=0.1) is None and errors_of(pinger) == []
            assert pinger.ping(timeout=0.1) is None
        assert errors_of(pinger) == [(*HOST_UNREACHABLE, 0)]
        assert ping(hosts.a, INNER_A, INNER_B) == []


def test_the_kernel_without_a_tunnel_for_us_says_what_must_not_leave_the_tunnel(hosts):
    with counting(hosts.end) as count, Pinger(hosts.a, INNER_A, INNER_B) as pinger:
        assert pinger.ping(timeout=0.3) is None
    assert errors_of(pinger) == []
    assert count.verdicts(hosts.end) == {"encap_ok": 1, "error_ignored": 1}


def test_the_kernels_sender_hears_that_we_have_no_peer_for_it(hosts):
    hosts.end.do("peer del", "remote", B)
    with tunnel(hosts), counting(hosts.end) as count, Pinger(hosts.b, INNER_B, INNER_A) as pinger:
        assert pinger.ping(timeout=0.3) is None and pinger.ping(timeout=0.3) is None
    assert errors_of(pinger) == [(*HOST_UNREACHABLE, 0)]
    assert count.verdicts(hosts.end) == {"not_peer": 2}
    hosts.end.peer(B, "prefix", INNER_B)


# Path MTU

NARROW = 1400


@pytest.fixture(params=("A", "B"))
def narrow(mode, request):
    """The link of one host is narrower than the other can know; `far` is its letter."""
    with TwoHosts() as network:
        network.b.ip(f"addr del {INNER_B}/32 dev lo")
        near = network.a if request.param == "A" else network.b
        near.ip(f"link set dev eth0 mtu {NARROW}")
        network.router.ip(f"link set dev to-{request.param.lower()} mtu {NARROW}")
        network.end, network.far = End(network.a), request.param
        network.end.attach("mode", mode, "src", INNER_A)
        network.end.peer(B, "prefix", INNER_B)
        with tunnel(network):
            yield network


def test_both_discover_that_the_path_is_narrower(narrow):
    there, back = both_ways(narrow)
    sender, source, far, target = there if narrow.far == "B" else back
    with Pinger(sender, source, target) as pinger:
        # Of the kernel, which only learns from the router's error, the next packet draws the one for its sender.
        for _ in range(1 if narrow.far == "B" else 2):
            assert pinger.ping(NARROW - 20 - 27, timeout=0.3) is None
        assert pinger.ping(NARROW - 20 - 28) is not None
    assert errors_of(pinger) == [(*FRAGMENTATION_NEEDED, NARROW - 20)]
    assert ping(sender, source, target, (NARROW - 20 - 27, 20000)) == []
    with Capture(narrow.router, f"to-{narrow.far.lower()}") as capture:
        tcp_transfer(sender, source, far, target, TCP_BYTES)
    assert capture.frames and all(frame.largest_packet <= NARROW for frame in capture.frames)


# Outer fragments, which the kernel's end makes of what the path cannot take

@pytest.fixture(scope="module")
def fragmenting(mode):
    """The router cuts what B sends without DF, since A's link is narrower than B can know."""
    with TwoHosts() as network:
        network.b.ip(f"addr del {INNER_B}/32 dev lo")
        network.a.ip(f"link set dev eth0 mtu {NARROW}", "link set tunl0 up")
        network.router.ip(f"link set dev to-a mtu {NARROW}")
        network.end = End(network.a)
        network.end.attach("mode", mode, "src", INNER_A)
        network.end.peer(B, "prefix", INNER_B)
        with tunnel(network, "nopmtudisc"):
            yield network


def test_outer_fragments_are_dropped_and_nobody_is_told(fragmenting):
    with counting(fragmenting.end) as count, Capture(fragmenting.router, "to-a") as wire:
        assert ping(fragmenting.b, INNER_B, INNER_A, (1452,), df=False, timeout=0.3) == [1452]
    assert count.verdicts(fragmenting.end) == {"outer_fragment": 2}
    assert {packet.src for packet in wire.packets} == {B}


def test_outer_fragments_reach_tunl0_if_they_are_left_to_the_stack(fragmenting):
    fragmenting.end.attach("fragments", "stack")
    with counting(fragmenting.end) as count, Capture(fragmenting.router, "to-a") as wire:
        assert ping(fragmenting.b, INNER_B, INNER_A, (1400, 1452), df=False) == []
    assert sum(packet.mf or packet.offset > 0 for packet in wire.packets if packet.src == B) == 4
    # The answers are as large, but A knows its link and fragments them before they are wrapped.
    assert count.verdicts(fragmenting.end) == {"outer_fragment": 4, "encap_ok": 4}


# Gateways

@pytest.fixture(scope="module")
def gateways(mode):
    """Private networks behind A, which has ipipbpf, and B, which has ipip; the outer TTL is fixed."""
    with Gateways() as network:
        network.end = End(network.a)
        network.end.attach("mode", mode, "src", Gateways.GATEWAY_A, "ttl", "64")
        network.end.peer(B, "prefix", "192.168.2.0/24")
        kernel = KernelEnd(network.b)
        kernel.up("192.168.2.1", "192.168.1.0/24", "ttl", "64")
        yield network


def lan_ways(gateways):
    return ((gateways.lan_a, Gateways.LAN_A, gateways.lan_b, Gateways.LAN_B),
            (gateways.lan_b, Gateways.LAN_B, gateways.lan_a, Gateways.LAN_A))


def test_private_networks_reach_each_other(gateways):
    for client, here, server, there in lan_ways(gateways):
        with carrying(gateways), Pinger(client, here, there) as pinger:
            assert pinger.ping().ttl == 62
            assert pinger.ping(1453, timeout=0.3) is None
            assert ping(client, here, there, (0, 1452, 1453, 20000)) == []
            udp_echo(client, here, server, there, (0, 1452, 9000))
        assert errors_of(pinger) == [(*FRAGMENTATION_NEEDED, 1480)]
    # Both know that MTU by now. Linux 6.12.117 does not offer it in its SYN, so that TCP one way would tell both ends.
    for way in lan_ways(gateways):
        with carrying(gateways):
            tcp_transfer(*way, TCP_BYTES)


def test_traceroute_shows_both_gateways(gateways):
    hops = ((Gateways.GATEWAY_A, Gateways.GATEWAY_B, Gateways.LAN_B),
            (Gateways.GATEWAY_B, Gateways.GATEWAY_A, Gateways.LAN_A))
    for (client, _, _, target), expected in zip(lan_ways(gateways), hops):
        with carrying(gateways):
            shown = client.run("traceroute", "-n", "-q", "1", "-N", "1", "-w", "2", target)
        assert re.findall(r"^ *\d+ +(\S+)", shown, re.M) == list(expected), shown
