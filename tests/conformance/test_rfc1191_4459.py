# SPDX-License-Identifier: GPL-2.0-only
"""RFC 1191 and RFC 4459: path MTU discovery, and what becomes of packets that are too long for the tunnel."""

import struct
import time

import pytest

from networks.program import End, counting
from networks.topology import A, B, INNER_A, INNER_B, Gateways
from networks.traffic import Pinger, ping, send_raw, tcp_transfer, udp_segments
from networks.tunnels import between_two_hosts, carrying
from networks.wire import ETH_P_IP, PROTO_ICMP, PROTO_IPIP, Capture, icmp_echo, ipv4_packet
from programs.frames import leaving
from programs.tables import NOPMTUDISC
from programs.underlay import BEHIND_GATEWAY, DEV, MTU, NARROW, NARROW_MTU

from .errors import FRAGMENTATION_NEEDED, ROUTER, UNREACHABLE, IcmpError, Sender, icmp_error
from .fragments import fragments_of
from .on_the_wire import from_a, from_b, ping_through, sent_to, to_a
from .one_packet import answer, outgoing, outgoing_tcp, wrap

OUTER, UDP_HEADERS, TCP_HEADERS = 20, 28, 40
LAN_A, LAN_B, GATEWAY_A = Gateways.LAN_A, Gateways.LAN_B, Gateways.GATEWAY_A


def fragmentation_needed(sender, mtu, size=1480, **header):
    """What a router with that MTU behind it says of a packet of the sender's."""
    return icmp_error(UNREACHABLE, FRAGMENTATION_NEEDED, sender.outer(size)[:548], mtu, **header)


def test_1191_1_the_senders_error_carries_the_next_hops_mtu_in_its_last_16_bits(encapsulator):
    """The second word: 16 unused bits of 0, and the MTU that is left inside."""
    encapsulator.peer(NARROW, "192.168.1.0/24")
    error = answer(encapsulator, outgoing(bytes(1400), flags="DF"), "encap_too_big")
    assert error.payload[:2] == b"\x03\x04" and error.payload[4:8] == struct.pack("!HH", 0, NARROW_MTU - OUTER)


@pytest.mark.parametrize("told, believed", [(1300, 1300), (577, 577), (576, 576), (575, 576), (68, 576), (1, 576)])
def test_1191_2_the_estimate_has_a_floor(taught_sender, told, believed):
    """Never below 576, which is above the 68 that the standard asks for."""
    errors = taught_sender.told(fragmentation_needed(taught_sender, told))
    assert taught_sender.path_mtu() == believed
    assert [error.what for error in errors] == [(UNREACHABLE, FRAGMENTATION_NEEDED, believed - OUTER)]


@pytest.mark.parametrize("size, believed", [(1480, 1492), (1472, 1006), (1000, 1006), (986, 576)])
def test_1191_3_an_old_router_that_tells_no_mtu(taught_sender, size, believed):
    """The next plateau below the total length of the packet that it quotes."""
    taught_sender.told(fragmentation_needed(taught_sender, 0, size))
    assert taught_sender.path_mtu() == believed


def test_1191_4_the_estimate_is_not_raised_before_it_expires(taught_sender):
    """Ten minutes unless told otherwise, and no message raises it within them."""
    entry = taught_sender.entry
    assert entry.show()["mtu_expires"] == 600
    taught_sender.told(fragmentation_needed(taught_sender, 1000))
    taught_sender.told(fragmentation_needed(taught_sender, 1400))
    peer, = entry.show()["peers"]
    assert peer["path_mtu"] == 1000 and 590 <= peer["path_mtu_expires"] <= 600


def test_1191_4_the_estimate_expires(two_hosts):
    """After the time that was asked for, packets of full size are tried again."""
    two_hosts.ends = between_two_hosts(two_hosts, "auto", "mtu_expires", "2")
    sender = Sender(two_hosts, two_hosts.a, INNER_A, INNER_B)
    sender.told(fragmentation_needed(sender, 1000))
    start, seen = time.monotonic(), []
    while time.monotonic() < start + 4 and (not seen or seen[-1][1]):
        time.sleep(0.05)
        seen.append((time.monotonic() - start, sender.path_mtu()))
    assert seen[0][1] == 1000 and 1.5 < seen[-1][0] < 3
    with Capture(two_hosts.router, "to-a") as wire:
        send_raw(two_hosts.a, sender.packet(1480))
        assert [packet.total_length for packet in wire.packets if packet.src == A] == [1500]


# Quotes of what the entry has not sent, or not so, by the sender's packet inside.
FORGED_QUOTES = {
    "another source": lambda inside: ipv4_packet("172.16.16.99", B, PROTO_IPIP, inside, df=True),
    "no peer": lambda inside: ipv4_packet(A, "172.16.1.63", PROTO_IPIP, inside, df=True),
    "another protocol": lambda inside: ipv4_packet(A, B, 47, inside, df=True),
    "another version": lambda inside: b"\x65" + from_a(inside)[1:],
    "a header with options": lambda inside: from_a(inside, options=bytes(4)),
    "no whole header": lambda inside: from_a(inside)[:19],
    "an inner destination behind no peer": lambda inside: from_a(ipv4_packet(GATEWAY_A, "10.5.0.1", 17, inside)),
}


@pytest.mark.parametrize("quote", FORGED_QUOTES.values(), ids=FORGED_QUOTES)
def test_1191_5_a_message_about_what_was_not_sent_changes_nothing(sender, quote):
    """Nothing is believed of it, and nothing told."""
    message = icmp_error(UNREACHABLE, FRAGMENTATION_NEEDED, quote(sender.packet(1480))[:548], 1000)
    assert sender.told(message) == [] and sender.path_mtu() is None


FORGED_MESSAGES = {
    "wrong checksum": lambda message: message[:-1] + bytes([message[-1] ^ 1]),
    "wrong header checksum": lambda message: message[:8] + bytes([message[8] ^ 1]) + message[9:],
    "a fragment": lambda message: fragments_of(message, 504)[0],
}


@pytest.mark.parametrize("damage", FORGED_MESSAGES.values(), ids=FORGED_MESSAGES)
def test_1191_5_a_message_that_is_not_sound_changes_nothing(sender, damage):
    """As for any packet, what it says counts only if it came whole and to whom it was meant for."""
    assert sender.told(damage(fragmentation_needed(sender, 1000))) == [] and sender.path_mtu() is None


def test_1191_5_a_message_to_another_address_changes_nothing(sender):
    """Who dropped an outer packet answers its source: this one is nobody's."""
    with counting(sender.entry) as count:
        sender.told(fragmentation_needed(sender, 1000, target=GATEWAY_A))
    assert count.verdicts(sender.entry) == {"encap_ok": 1, "decap_ok": 1} and sender.path_mtu() is None


@pytest.mark.parametrize("mtu", [1001, 1400, 1500, 65535])
def test_1191_6_a_larger_mtu_than_the_estimate_is_ignored(taught_sender, mtu):
    """It is not believed, and the sender hears nothing of it."""
    assert len(taught_sender.told(fragmentation_needed(taught_sender, 1000))) == 1
    assert taught_sender.told(fragmentation_needed(taught_sender, mtu)) == []
    assert taught_sender.path_mtu() == 1000


@pytest.mark.parametrize("mtu", [1500, 1501, 65535])
def test_1191_6_an_mtu_that_the_packet_fits_into_is_ignored(sender, mtu):
    """A packet of 1500 bytes cannot have been too long for it."""
    assert sender.told(fragmentation_needed(sender, mtu)) == [] and sender.path_mtu() is None


def test_4459_1_the_entry_makes_no_outer_fragments_and_says_so(encapsulator):
    """A packet without DF that is too long for the path is refused under a reason of its own."""
    encapsulator.device(df=NOPMTUDISC)
    longest = MTU[DEV] - OUTER - UDP_HEADERS
    assert wrap(encapsulator, outgoing(bytes(longest))).total_length == MTU[DEV]
    answer(encapsulator, outgoing(bytes(longest + 1)), "encap_too_big")


def test_4459_1_the_exit_refuses_outer_fragments_and_says_so(hosts):
    """Each is counted under a reason of its own; A keeps none to wait for the rest, and sends no error about them."""
    a, _ = hosts.ends
    echo = ipv4_packet(INNER_B, INNER_A, PROTO_ICMP, icmp_echo(41, 1, bytes(1000)))
    pieces = fragments_of(from_b(echo), 504)
    with Capture(hosts.router, "to-a") as wire, counting(a) as count:
        for piece in pieces:
            to_a(hosts, piece)
        ping_through(hosts)
    assert len(pieces) == 3 and count.verdicts(a) == {"outer_fragment": 3, "encap_ok": 1, "decap_ok": 1}
    assert [packet.inner.payload[0] for packet in sent_to(wire)] == [8]


@pytest.mark.parametrize("df", [True, False], ids=["DF", "no DF"])
def test_4459_2_the_source_is_told_the_lower_mtu(lone_sender, df):
    """By the entry, where its own way out is too narrow; without DF too, since it makes no fragments itself."""
    entry, sender = lone_sender.entry, lone_sender
    entry.do("prefix replace", "192.168.2.0/24", "remote", B)
    entry.namespace.ip(f"route replace 172.16.0.0/20 via {ROUTER} mtu lock 1400")
    with Pinger(sender.namespace, sender.address, sender.target, df) as pinger:
        assert pinger.ping(1381 - 28, timeout=0.2) is None
        assert [IcmpError(packet).what for packet in pinger.errors] == [(UNREACHABLE, FRAGMENTATION_NEEDED, 1380)]
        assert pinger.ping(1380 - 28) is not None


def test_4459_2_a_stream_meets_a_narrow_link_beyond_the_entry(lone_sender):
    """TCP through a tunnel whose path narrows behind a router: the router tells the entry, the entry the sender."""
    sender, network = lone_sender, lone_sender.network
    network.router.ip("link set dev to-b mtu 1300")
    network.b.ip("link set dev eth0 mtu 1300")
    with counting(sender.entry) as count, Capture(network.router, "to-b") as wire:
        tcp_transfer(sender.namespace, sender.address, network.lan_b, LAN_B, 1 << 20)
    assert count.verdicts(sender.entry)["error_relayed"] >= 1 and sender.path_mtu() == 1300
    assert max(frame.largest_packet for frame in wire.frames if frame.ethertype == ETH_P_IP) == 1300


def test_4459_3_a_network_with_room_for_the_outer_header_carries_full_packets():
    """1500 bytes with DF from network to network, where what lies between has 1520: nothing is cut or refused."""
    with Gateways() as network:
        for namespace, device in ((network.a, "eth0"), (network.b, "eth0"), (network.router, "to-a"),
                                  (network.router, "to-b")):
            namespace.ip(f"link set dev {device} mtu 1520")
        a, b = network.ends = End(network.a), End(network.b)
        for end, remote, prefix in ((a, B, "192.168.2.0/24"), (b, A, "192.168.1.0/24")):
            end.attach("routes", "on")
            end.peer(remote, "prefix", prefix)
        with Pinger(network.lan_a, LAN_A, LAN_B) as pinger, Capture(network.router, "to-a") as wire:
            assert pinger.ping(1472) is not None
        assert pinger.errors == [] and [packet.total_length for packet in wire.packets] == [1520, 1520]


def test_4459_4_a_packet_without_df_is_fragmented_inside(gateways):
    """Each fragment has an outer packet of its own, which is whole; the far end's host puts them together."""
    with Capture(gateways.router, "to-a") as wire, carrying(gateways, *gateways.ends):
        assert ping(gateways.lan_a, LAN_A, LAN_B, (1453, 1472), df=False) == []
    sent = [packet.inner for packet in wire.packets if packet.src == A]
    assert [(packet.offset, packet.mf) for packet in sent] == [(0, True), (1456, False)] * 2


@pytest.mark.parametrize("remote, mtu", [(BEHIND_GATEWAY, MTU[DEV]), (NARROW, NARROW_MTU)])
def test_4459_5_a_gso_packet_is_judged_by_its_segments(encapsulator, remote, mtu):
    """Its length says nothing: with segments that just fit it goes on to be wrapped, with a byte more it is too big.

    In a test run a GSO packet is of no kind that the kernel lets a program wrap: `encap_error` is as far as it gets.
    """
    encapsulator.peer(remote, "192.168.1.0/24")
    fits = mtu - OUTER - TCP_HEADERS
    for segments in (1, 2):
        for gso_size, verdict in ((fits, "encap_error"), (fits + 1, "encap_too_big")):
            frame = leaving(outgoing_tcp(bytes(gso_size * segments)))
            outcome = encapsulator.observe(frame, gso_size=gso_size)
            assert outcome.verdicts == {verdict: segments}


def test_4459_5_gso_packets_pass_whose_segments_fit(hosts):
    """Live: TCP and UDP in packets many times longer than the MTU, with nothing longer than it on the wire."""
    with carrying(hosts, *hosts.ends) as count:
        tcp_transfer(hosts.a, INNER_A, hosts.b, INNER_B, 1 << 20)
        udp_segments(hosts.a, INNER_A, hosts.b, INNER_B, 1452, 40)
    assert count.totals(hosts.ends[0])["tx_bytes"] > 1 << 20
