# SPDX-License-Identifier: GPL-2.0-only
"""RFC 6864 and RFC 791: identification, fragments, header lengths and checksums."""

import os
import threading

import pytest
from scapy.compat import raw
from scapy.layers.inet import IP

from networks.program import counting
from networks.topology import A, INNER_A, INNER_B
from networks.traffic import Pinger, pattern, tcp_transfer
from networks.tunnels import between_two_hosts
from networks.wire import ETH_P_IP, PROTO_ICMP, Capture, IPv4, checksum, icmp_echo, ipv4_packet
from programs import bpf
from programs.frames import arriving, inner, leaving, options, outer
from programs.tables import NOPMTUDISC, OFF
from programs.underlay import DEV, MTU, ON_LINK

from .fragments import fragments_of
from .on_the_wire import from_b, ping_through, to_a
from .one_packet import LINK_HEADER, answer, discard, outgoing, unwrap, wrap

EVERY_ID = 1 << 16
FRAGMENTS = [{"flags": "MF"}, {"flags": "MF", "frag": 5}, {"frag": 5}]


@pytest.mark.parametrize("fields", [{}, {"flags": "DF"}, *FRAGMENTS], ids=["whole", "DF", "first", "middle", "last"])
def test_6864_1_an_outer_packet_with_df_is_atomic(encapsulator, fields):
    """DF set, no more fragments, offset 0: the outer packet is a whole one, also around an inner fragment."""
    sent = wrap(encapsulator, outgoing(**fields))
    assert sent.df and not sent.mf and sent.offset == 0


def identifications(program, frame, count, context):
    for _ in range(count):
        yield program.run(frame, context)[1][LINK_HEADER + 4:LINK_HEADER + 6]


def test_6864_2_no_identification_comes_again_within_65536_packets(encapsulator, dataplane):
    """Without DF, two CPUs at once sending to one far end use each value once."""
    encapsulator.device(df=NOPMTUDISC)
    frame, context = leaving(outgoing()), bpf.skb_context(ifindex=encapsulator.ifindex)
    cpus = range(min(2, os.cpu_count()))
    seen = {cpu: [] for cpu in cpus}

    def send(cpu):
        os.sched_setaffinity(0, {cpu})
        program = bpf.Program(dataplane.programs["egress"].fd)
        seen[cpu] += identifications(program, frame, EVERY_ID // len(cpus), context)

    threads = [threading.Thread(target=send, args=(cpu,)) for cpu in cpus]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set().union(*seen.values())) == sum(map(len, seen.values())) == EVERY_ID


def test_6864_2_each_far_end_has_identifications_of_its_own(encapsulator, dataplane):
    """Packets to another far end do not use them up: the values count for a source and a destination."""
    encapsulator.device(df=NOPMTUDISC)
    encapsulator.peer(ON_LINK, "192.168.2.0/24")
    context = bpf.skb_context(ifindex=encapsulator.ifindex)
    one, other = ([int.from_bytes(next(identifications(dataplane.programs["egress"], leaving(outgoing(dst=target)), 1,
                                                       context)), "big")
                   for target in targets]
                  for targets in (["192.168.1.9"] * 3, ["192.168.2.9"] * 3))
    for values in (one, other):
        assert [(value - values[0]) % EVERY_ID for value in values] == [0, 1, 2]


def test_6864_2_each_segment_has_an_identification_of_its_own(two_hosts):
    """Segments that the device cuts from one packet are as many packets, whose values do not come again."""
    between_two_hosts(two_hosts, "auto", "nopmtudisc")
    two_hosts.a.sysctl("net.ipv4.ip_no_pmtu_disc", 1)
    for name in ("tso", "tx-udp-segmentation", "tx-ipxip4-segmentation"):
        two_hosts.a.run("ethtool", "-K", "eth0", name, "off")
    with Capture(two_hosts.router, "to-a") as wire:
        tcp_transfer(two_hosts.a, INNER_A, two_hosts.b, INNER_B, 1 << 20)
    sent = [frame for frame in wire.frames if frame.ethertype == ETH_P_IP and frame.ip.src == A]
    values = [frame.ip.id for frame in sent if not frame.ip.df]
    assert not any(frame.gso_size for frame in sent) and len(set(values)) == len(values) > 700


def test_6864_3_the_default_needs_no_limit_of_rate(encapsulator):
    """At any rate: all that leaves with the default is atomic."""
    assert all(wrap(encapsulator, outgoing(bytes(size), flags=flags)).df for size in (0, 1000) for flags in (0, "DF"))


def test_6864_4_what_must_not_be_fragmented_is_not(encapsulator):
    """DF inside and too long: nothing leaves, neither fragments nor a packet without DF."""
    encapsulator.device(df=NOPMTUDISC)
    room = MTU[DEV] - 20 - 28
    sent = wrap(encapsulator, outgoing(bytes(room), flags="DF"))
    assert sent.df and sent.inner.df and sent.total_length == MTU[DEV]
    error = answer(encapsulator, outgoing(bytes(room + 1), flags="DF"), "encap_too_big")
    assert error.protocol == PROTO_ICMP and not error.mf and not error.offset


def test_6864_4_unwrapping_does_not_clear_df(decapsulator):
    """Whatever the outer header says of fragments, the inner DF is as its sender set it."""
    for outside in (0, "DF"):
        assert IPv4(unwrap(decapsulator, outer(inner(flags="DF"), flags=outside))).df
        assert not IPv4(unwrap(decapsulator, outer(inner(), flags=outside))).df


def test_6864_5_a_packet_sent_twice_gets_two_identifications(encapsulator):
    """Without DF a copy of a packet is another packet outside."""
    encapsulator.device(df=NOPMTUDISC)
    one, other = (wrap(encapsulator, outgoing()) for _ in range(2))
    assert one.payload == other.payload and one.id != other.id


def test_6864_6_the_identification_of_what_arrives_means_nothing(decapsulator):
    """An atomic packet is unwrapped alike with every identification, again with the same one too."""
    for value in (0, 0, 1, 0x1234, 0x1234, 0xFFFF):
        packet = outer(inner(), flags="DF")
        packet.id = value
        assert unwrap(decapsulator, packet) == raw(inner())


def test_6864_7_the_outer_identification_is_the_entrys_own(encapsulator):
    """It follows the entry's count, not the inner identification."""
    encapsulator.device(df=NOPMTUDISC)
    packets = [outgoing() for _ in range(4)]
    for packet, value in zip(packets, (7, 7, 0, 0xFFFF)):
        packet.id = value
    values = [wrap(encapsulator, packet).id for packet in packets]
    assert [(value - values[0]) % EVERY_ID for value in values] == [0, 1, 2, 3]


def one_bit_off(packet, start, kept):
    """The packet's bytes with each bit of a header's 20 bytes flipped in turn, but those of the bytes in `kept`."""
    for bit in range(160):
        if bit // 8 not in kept:
            data = bytearray(raw(packet))
            data[start + bit // 8] ^= 0x80 >> bit % 8
            yield bytes(data)


def test_791_1_a_wrong_outer_checksum_is_discarded(decapsulator):
    """Any bit of the outer header that arrives wrong, but those that say whose packet it is."""
    version, protocol_and_addresses = {0}, {9, *range(12, 20)}
    for damaged in one_bit_off(outer(inner()), 0, version | protocol_and_addresses):
        discard(decapsulator, arriving(damaged), "outer_bad")


def test_791_1_a_wrong_inner_checksum_is_discarded(decapsulator):
    """Any bit of the inner header that arrives wrong."""
    decapsulator.device(rpf=OFF)
    for damaged in one_bit_off(outer(inner()), 20, set()):
        discard(decapsulator, arriving(damaged), "inner_bad")


def test_791_1_checksums_are_made_anew_at_every_change(encapsulator, decapsulator):
    """The outer header bears one of its own; the inner one is right again after its ECN field changed."""
    assert checksum(wrap(encapsulator, outgoing(tos=1)).header) == 0
    assert checksum(IPv4(unwrap(decapsulator, outer(inner(tos=2), tos=3))).header) == 0


def test_791_2_inner_fragments_of_8_bytes_come_through_as_they_are(hosts):
    """The smallest unit of fragments, in any order: none is held back, put together or cut on its way into the host."""
    a, _ = hosts.ends
    pieces = fragments_of(ipv4_packet(INNER_B, INNER_A, PROTO_ICMP, icmp_echo(77, 1, pattern(200))), 8)
    with Capture(hosts.router, "to-a") as wire, counting(a) as count:
        for piece in reversed(pieces):
            to_a(hosts, from_b(piece))
        ping_through(hosts)
    assert count.verdicts(a) == {"decap_ok": len(pieces) + 1, "encap_ok": 2}
    answer = next(packet.inner for packet in wire.packets if packet.src == A and packet.inner.payload[0] == 0)
    assert answer.payload == icmp_echo(77, 1, pattern(200), reply=True)


def test_791_2_inner_fragments_enter_as_they_are(encapsulator):
    """Each in an outer packet that is no fragment."""
    for piece in fragments_of(raw(outgoing(bytes(100))), 8):
        assert wrap(encapsulator, IP(piece)).payload == piece


def test_791_2_a_packet_of_68_bytes_needs_no_fragments(hosts):
    """The longest header and eight bytes come through in one piece."""
    packet = ipv4_packet(INNER_B, INNER_A, PROTO_ICMP, icmp_echo(78, 1), options=b"\x01" * 40)
    assert len(packet) == 68
    with Capture(hosts.router, "to-a") as wire:
        to_a(hosts, from_b(packet))
        ping_through(hosts)
    answer = next(packet.inner for packet in wire.packets if packet.src == A and packet.inner.payload[0] == 0)
    assert answer.payload == icmp_echo(78, 1, reply=True) and not answer.mf and not answer.offset


@pytest.mark.parametrize("df", [True, False], ids=["DF", "no DF"])
def test_791_2_a_packet_of_576_bytes_is_accepted(hosts, df):
    """What every host takes goes through in one piece, both ways."""
    with Capture(hosts.router, "to-a") as wire, Pinger(hosts.a, INNER_A, INNER_B, df) as pinger:
        assert pinger.ping(576 - 28) is not None
    assert [packet.inner.total_length for packet in wire.packets] == [576, 576]


LENGTHS = range(0, 41, 4)


def test_791_3_headers_of_every_length_are_unwrapped(decapsulator):
    """5 to 15 words of outer header, by 5 to 15 of inner header."""
    for outside in LENGTHS:
        for inside in LENGTHS:
            packet = inner(options=options(inside))
            assert unwrap(decapsulator, outer(packet, options=options(outside))) == raw(packet)


def test_791_3_headers_of_every_length_are_wrapped(encapsulator):
    """5 to 15 words of inner header."""
    for length in LENGTHS:
        packet = outgoing(options=options(length))
        assert wrap(encapsulator, packet).inner.header == raw(packet)[:20 + length]


@pytest.mark.parametrize("length", [0, 19, 20 + 19, 20 + 28 + 13 + 1, 0xFFFF])
def test_791_4_an_outer_total_length_that_lies_is_discarded(decapsulator, length):
    """Shorter than the header, too short for an inner one, or more than arrived."""
    verdict = "inner_bad" if length == 20 + 19 else "outer_bad"
    discard(decapsulator, arriving(outer(inner(), len=length)), verdict)


@pytest.mark.parametrize("length", [0, 19, 28 + 13 + 1, 0xFFFF])
@pytest.mark.parametrize("trailer", [b"", bytes(100)], ids=["bare", "padded"])
def test_791_4_an_inner_total_length_that_lies_is_discarded(decapsulator, length, trailer):
    """Shorter than the header, or more than the outer packet holds, also where the frame holds as much."""
    discard(decapsulator, arriving(outer(inner(len=length)), trailer=trailer), "inner_bad")


def test_791_4_what_lies_behind_the_total_length_is_cut(decapsulator):
    """Padding of the frame, and what the outer packet holds behind the inner one, does not come out."""
    for packet in (outer(raw(inner(b""))), outer(raw(inner()) + b"behind the inner packet")):
        expected = raw(packet)[20:20 + IPv4(raw(packet)).inner.total_length]
        assert unwrap(decapsulator, packet, trailer=bytes(18)) == expected
