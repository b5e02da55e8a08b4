# SPDX-License-Identifier: GPL-2.0-only
"""`spread on`: the inner flow of a packet decides which CPU takes it through the stack."""

import os
import socket
import struct
import sys

import pytest
from scapy.compat import raw
from scapy.layers.inet import ICMP, IP, TCP, UDP

from pace import all_or

from .attachment import XDP_PASS, XDP_REDIRECT, Attachment, Dataplane
from .frames import arriving, inner, outer, received, tcp
from .tables import MODE_NATIVE, MODE_SKB, SWITCH_OFF, SWITCH_ON
from .underlay import BEHIND_GATEWAY

FLOWS = all_or(400, 200)
QUEUE = struct.pack("=I", 64)


def in_map(attachment, *cpus):
    attachment.maps["cpus"].clear()
    for cpu in cpus:
        attachment.maps["cpus"][struct.pack("=I", cpu)] = QUEUE


def spreading(dataplane, ifindex):
    """A peer that owns 192.168.0.0/16, and one of two CPUs taking part: what would be the other's stays."""
    attachment = Attachment(dataplane, "xdp", ifindex)
    attachment.device(spread=SWITCH_ON, mode_used=MODE_NATIVE, rpf=3)
    attachment.peer(BEHIND_GATEWAY, "192.168.0.0/16")
    in_map(attachment, 0)
    return attachment


@pytest.fixture
def tunnel(dataplane, underlay_ifindex):
    attachment = spreading(dataplane, underlay_ifindex)
    yield attachment
    in_map(attachment)


def action(attachment, packet, arrives=arriving, **fields):
    """What becomes of a packet in the tunnel, which is stripped and counted whatever it is."""
    outcome = attachment.observe(arrives(outer(packet, **fields)))
    assert outcome.out == arrives(packet)
    assert outcome.verdicts == {"decap_ok": 1} and outcome.counters == {BEHIND_GATEWAY: received(packet)}
    return outcome.returned


def shares(actions):
    """How many of some packets went to one CPU and how many were the other's; there is no third way."""
    one, other = actions.count(XDP_REDIRECT), actions.count(XDP_PASS)
    assert one + other == len(actions)
    return one, other


@pytest.mark.parametrize("flow", [
    lambda number: IP(src=f"192.168.1.{number % 250}", dst=f"192.168.8.{number // 250}") / ICMP(),
    lambda number: IP(src="192.168.1.9", dst=f"10.{number % 250}.{number // 250}.1") / ICMP(),
    lambda number: IP(src="192.168.1.9", dst="192.168.8.8") / UDP(sport=30000 + number, dport=53),
    lambda number: IP(src="192.168.1.9", dst="192.168.8.8") / UDP(sport=30000, dport=number),
    lambda number: IP(src="192.168.1.9", dst="192.168.8.8") / TCP(sport=32768 + 2 * number, dport=443),
    lambda number: IP(src="192.168.1.9", dst="192.168.8.8", options=[b"\1\1\1\1"]) / TCP(sport=number, dport=443),
    lambda number: IP(src="192.168.1.9", dst="192.168.8.8", proto=17) / struct.pack("!HH", number, 53),
], ids=["sources", "destinations", "source ports", "destination ports", "even ports", "behind options", "ports alone"])
def test_flows_that_differ_in_one_thing_are_shared_about_equally(tunnel, flow):
    one, other = shares([action(tunnel, flow(number)) for number in range(FLOWS)])
    # Of 400 fair coins fewer than 140 show one side once in 10^9 times, of 200 fewer than 70 once in 30,000; a hash is no
    # coin, but the same each time.
    assert min(one, other) > 0.35 * FLOWS


def cpu_of(source, destination, ports):
    """Of two; as it was from the first on."""
    source, destination = (int.from_bytes(socket.inet_aton(address), sys.byteorder) for address in (source, destination))
    here, there = struct.unpack("=HH", ports)
    mixed = (source * 0x9E3779B1 + destination) % 2**32
    mixed = ((mixed ^ mixed >> 15) * 0x85EBCA6B + (here << 16 | there)) % 2**32
    return (mixed ^ mixed >> 13) * 0xC2B2AE35 % 2**32 >> 31


def test_a_flow_keeps_its_cpu_from_version_to_version(tunnel):
    """So that no packet overtakes another while the programs are exchanged."""
    for number in range(64):
        source, destination = f"192.168.{number}.{3 * number}", f"10.{number}.7.9"
        ports = struct.pack("!HH", 40000 + number, 53)
        packet = IP(src=source, dst=destination, proto=17) / ports
        assert action(tunnel, packet) == (XDP_PASS if cpu_of(source, destination, ports) else XDP_REDIRECT), number


def test_a_flow_stays_on_its_cpu_whatever_else_differs(tunnel):
    for port in range(1000, all_or(1016, 1004)):
        packets = [IP(src="192.168.1.9", dst="192.168.8.8", id=each, ttl=1 + each, tos=4 * each,
                      options=[b"\1\1\1\1"] * (each % 3)) / TCP(sport=port, dport=80, seq=each, flags="PA") / bytes(each)
                   for each in range(24)]
        assert 0 in shares([action(tunnel, packet, id=packet.id, ttl=200 - packet.ttl) for packet in packets])


def test_fragments_of_two_hosts_go_together_whatever_ports_they_show(tunnel):
    """Also for all protocols: what is behind the header of a fragment is no port."""
    sources = [f"192.168.1.{number}" for number in range(1, all_or(60, 12))]
    ways = {}
    for source in sources:
        for fields, payload in (({"flags": "MF"}, raw(UDP(sport=1, dport=2, len=3000)) + bytes(64)),
                                ({"flags": "MF"}, raw(UDP(sport=3, dport=4, len=3000)) + bytes(64)),
                                ({"flags": "MF", "frag": 9}, os.urandom(64)), ({"frag": 18}, os.urandom(64))):
            packet = IP(src=source, dst="192.168.8.8", proto=17, **fields) / payload
            ways.setdefault(source, set()).add(action(tunnel, packet))
    assert all(len(found) == 1 for found in ways.values())
    assert set.union(*ways.values()) == {XDP_PASS, XDP_REDIRECT}


@pytest.mark.parametrize("packet", [
    IP(src="192.168.1.9", dst="192.168.8.8", proto=6) / bytes(3), IP(src="192.168.1.9", dst="192.168.8.8", proto=17),
    IP(src="192.168.1.9", dst="192.168.8.8", proto=47) / bytes(8),
], ids=["cut TCP", "no UDP header", "gre"])
def test_what_has_no_ports_goes_by_its_addresses(tunnel, packet):
    assert action(tunnel, IP(raw(packet))) in (XDP_PASS, XDP_REDIRECT)


def flows(number=60):
    return [tcp(b"payload", src=f"192.168.1.{each}") for each in range(1, number)]


def test_each_flow_has_one_cpu(tunnel):
    """Whose it is not with the first CPU alone, it is with the second."""
    with_first = [action(tunnel, packet) for packet in flows()]
    in_map(tunnel, 1)
    with_second = [action(tunnel, packet) for packet in flows()]
    assert all({first, second} == {XDP_PASS, XDP_REDIRECT} for first, second in zip(with_first, with_second))
    in_map(tunnel, 0, 1)
    assert {action(tunnel, packet) for packet in flows()} == {XDP_REDIRECT}
    in_map(tunnel)
    assert {action(tunnel, packet) for packet in flows()} == {XDP_PASS}


@pytest.mark.parametrize("options", [{"spread": 0}, {"spread": SWITCH_OFF}, {"mode_used": MODE_SKB}], ids=str)
def test_it_is_off_unless_said_and_for_native_mode_alone(tunnel, options):
    tunnel.device(**options)
    assert {action(tunnel, packet) for packet in flows()} == {XDP_PASS}


def test_a_tagged_frame_stays(tunnel):
    def tagged(packet):
        return arriving(packet, ((0x8100, 100),))
    assert {action(tunnel, packet, arrives=tagged) for packet in flows()} == {XDP_PASS}


def test_what_is_not_carried_stays(tunnel):
    for number in range(1, 30):
        outcome = tunnel.observe(arriving(outer(inner(), remote=f"192.0.2.{number}")))
        assert (outcome.returned, outcome.verdicts) == (XDP_PASS, {"not_peer": 1})
        assert tunnel.observe(arriving(inner(src=f"10.1.1.{number}"))).returned == XDP_PASS


def test_a_frame_in_several_pieces_goes_with_its_flow(tunnel):
    ways = {}
    for packet in (tcp(bytes(size), src=f"192.168.1.{host}") for host in range(1, 20) for size in (10, 1200)):
        outcome = tunnel.observe(arriving(outer(packet)), linear=256 if len(packet) > 300 else None)
        ways.setdefault(packet.src, set()).add(outcome.returned)
    assert all(len(found) == 1 for found in ways.values())


def test_a_checksum_that_is_only_begun_stays_with_the_packet_that_knows(underlay_ifindex):
    loaded = Dataplane(software=1)
    try:
        tunnel = spreading(loaded, underlay_ifindex)
        assert {action(tunnel, packet) for packet in flows()} == {XDP_PASS, XDP_REDIRECT}
        assert {action(tunnel, inner(src=f"192.168.1.{number}")) for number in range(1, 60)} == {XDP_PASS}
        in_map(tunnel)
    finally:
        loaded.close()
