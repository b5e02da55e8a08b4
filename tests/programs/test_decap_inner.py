# SPDX-License-Identifier: GPL-2.0-only
"""Ingress: what an inner packet must be, and exactly what comes out."""

import pytest
from scapy.compat import raw
from scapy.layers.inet import IP

from .frames import TAGGINGS, arriving, inner, options, outer, received, tcp
from .ipv4 import with_checksum
from .tables import MONITOR, OFF
from .underlay import BEHIND_GATEWAY

FRAME_MIN = 60


@pytest.fixture
def tunnel(decap):
    """A peer that owns 192.168.1.0/24."""
    decap.peer(BEHIND_GATEWAY, "192.168.1.0/24")
    return decap


def test_inner_options_stay(tunnel):
    for length in range(0, 41, 4):
        packet = inner(options=options(length))
        tunnel.expect(arriving(outer(packet)), "decap_ok", arriving(packet), BEHIND_GATEWAY, received(packet))


def test_the_inner_ttl_stays(tunnel):
    for ttl in (1, 2, 64, 255):
        packet = inner(ttl=ttl)
        tunnel.expect(arriving(outer(packet, ttl=9)), "decap_ok", arriving(packet), BEHIND_GATEWAY, received(packet))


def test_inner_fragments_stay_what_they_are(tunnel):
    for flags, offset in (("MF", 0), ("MF", 10), (0, 20), ("DF", 0), ("evil", 0)):
        packet = inner(flags=flags, frag=offset)
        tunnel.expect(arriving(outer(packet)), "decap_ok", arriving(packet), BEHIND_GATEWAY, received(packet))


@pytest.mark.parametrize("protocol", [0, 1, 2, 4, 6, 41, 47, 50, 58, 132, 255])
def test_any_inner_protocol_comes_through(tunnel, protocol):
    packet = inner(proto=protocol)
    tunnel.expect(arriving(outer(packet)), "decap_ok", arriving(packet), BEHIND_GATEWAY, received(packet))


def test_one_layer_is_stripped_of_a_nested_packet(tunnel):
    packet = outer(inner(), remote="192.168.1.9", local="192.168.8.8")
    tunnel.expect(arriving(outer(packet)), "decap_ok", arriving(packet), BEHIND_GATEWAY, received(packet))


# Lengths

@pytest.mark.parametrize("tags", [TAGGINGS["untagged"], TAGGINGS["vlan"]], ids=["untagged", "vlan"])
def test_ethernets_padding_is_cut(tunnel, tags):
    for payload in range(6):
        packet = IP(src="192.168.1.9", dst="192.168.8.8", proto=59) / bytes(range(payload))
        frame = arriving(outer(packet), tags)
        tunnel.expect(frame + b"\xAA" * (FRAME_MIN - len(frame)), "decap_ok", arriving(packet, tags), BEHIND_GATEWAY,
                      received(packet))


@pytest.mark.parametrize("within, behind", [(1, 0), (7, 0), (0, 1), (0, 9), (3, 5), (700, 600)])
def test_what_lies_behind_the_inner_packet_is_cut(tunnel, within, behind):
    """within the outer packet, behind the outer packet."""
    tunnel.expect(arriving(outer(raw(inner()) + b"\xAA" * within), trailer=b"\xBB" * behind), "decap_ok",
                  arriving(inner()), BEHIND_GATEWAY, received(inner()))


def test_an_inner_packet_of_a_header_alone_comes_through(tunnel):
    packet = IP(src="192.168.1.9", dst="192.168.8.8", proto=17)
    tunnel.expect(arriving(outer(packet)), "decap_ok", arriving(packet), BEHIND_GATEWAY, received(packet))


@pytest.mark.parametrize("size", [100, 1000, 1471, 1472, 3000, 3500])
def test_large_frames_come_through(tunnel, size):
    packet = inner((bytes(range(256)) * 20)[:size])
    tunnel.expect(arriving(outer(packet)), "decap_ok", arriving(packet), BEHIND_GATEWAY, received(packet))


@pytest.mark.parametrize("linear", [128, 256, 2000])
@pytest.mark.parametrize("trailer", [0, 1, 500, 4200])
def test_jumbo_frames_in_several_buffers_come_through(decap_xdp, linear, trailer):
    decap_xdp.peer(BEHIND_GATEWAY, "192.168.1.0/24")
    packet = inner(bytes(range(256)) * 34)
    decap_xdp.expect(arriving(outer(packet), trailer=bytes(trailer)), "decap_ok", arriving(packet), BEHIND_GATEWAY,
                     received(packet), linear=linear)


LINK, OUTER, INNER = 14, 20 + 8, 20 + 40


@pytest.mark.parametrize("linear, verdict", [
    (LINK + 19, None), (LINK + 20, "outer_bad"), (LINK + OUTER - 1, "outer_bad"), (LINK + OUTER, "inner_bad"),
    (LINK + OUTER + 20, "inner_bad"), (LINK + OUTER + INNER - 1, "inner_bad"), (LINK + OUTER + INNER, "decap_ok")])
def test_headers_that_the_first_buffer_does_not_hold_are_refused(decap_xdp, linear, verdict):
    """No driver splits a frame there; what XDP cannot read is not right."""
    decap_xdp.peer(BEHIND_GATEWAY, "192.168.1.0/24")
    packet = outer(inner(bytes(4000), options=options(40)), options=options(8))
    assert decap_xdp.observe(arriving(packet), linear=linear).verdicts == ({verdict: 1} if verdict else {})


# A bad inner header

def with_byte(packet, at, value):
    """A packet with one byte replaced and the header's checksum right again."""
    data = bytearray(raw(packet))
    data[at] = value
    length = max(20, (data[0] & 15) * 4)
    return with_checksum(bytes(data[:length])) + bytes(data[length:])


@pytest.mark.parametrize("first", [0x05, 0x35, 0x55, 0x65, 0xF5, 0x40, 0x41, 0x42, 0x43, 0x44])
def test_an_inner_header_of_another_version_or_below_five_words_is_refused(tunnel, first):
    tunnel.expect(arriving(outer(with_byte(inner(), 0, first))), "inner_bad", peer=BEHIND_GATEWAY)


def test_an_inner_header_longer_than_what_arrived_is_refused(tunnel):
    tunnel.expect(arriving(outer(with_byte(inner(b""), 0, 0x48))), "inner_bad", peer=BEHIND_GATEWAY)
    tunnel.expect(arriving(outer(with_byte(inner(b""), 0, 0x48)), trailer=bytes(40)), "inner_bad", peer=BEHIND_GATEWAY)


@pytest.mark.parametrize("bit", range(16))
def test_each_wrong_bit_in_the_inner_checksum_is_refused(tunnel, bit):
    right = IP(raw(inner())).chksum
    tunnel.expect(arriving(outer(inner(chksum=right ^ 1 << bit))), "inner_bad", peer=BEHIND_GATEWAY)


@pytest.mark.parametrize("at", [20, 33, 59])
def test_a_wrong_checksum_over_inner_options_is_refused(tunnel, at):
    packet = bytearray(raw(inner(options=options(40))))
    packet[at] ^= 0x10
    tunnel.expect(arriving(outer(bytes(packet))), "inner_bad", peer=BEHIND_GATEWAY)


@pytest.mark.parametrize("total", [0, 1, 19])
def test_an_inner_total_length_below_its_header_is_refused(tunnel, total):
    tunnel.expect(arriving(outer(inner(len=total))), "inner_bad", peer=BEHIND_GATEWAY)
    tunnel.expect(arriving(outer(inner(options=options(8), len=total + 8))), "inner_bad", peer=BEHIND_GATEWAY)


@pytest.mark.parametrize("excess", [1, 8, 60000])
def test_an_inner_total_length_above_what_arrived_is_refused(tunnel, excess):
    """What lies behind the outer packet did not arrive in the tunnel."""
    packet = inner(len=len(inner()) + excess)
    tunnel.expect(arriving(outer(packet)), "inner_bad", peer=BEHIND_GATEWAY)
    tunnel.expect(arriving(outer(packet), trailer=bytes(100)), "inner_bad", peer=BEHIND_GATEWAY)


@pytest.mark.parametrize("length", range(0, 20))
def test_an_outer_packet_with_less_than_a_header_in_it_is_refused(tunnel, length):
    tunnel.expect(arriving(outer(raw(inner())[:length]), trailer=raw(inner())[length:]), "inner_bad",
                  peer=BEHIND_GATEWAY)


def test_an_inner_ttl_of_0_is_refused(tunnel):
    tunnel.expect(arriving(outer(inner(ttl=0))), "inner_bad", peer=BEHIND_GATEWAY)


# Martian sources

@pytest.mark.parametrize("source", ["0.0.0.0", "0.255.255.255", "127.0.0.0", "127.0.0.1", "127.255.255.255",
                                    "224.0.0.0", "239.255.255.255", "240.0.0.0", "255.255.255.254", "255.255.255.255"])
@pytest.mark.parametrize("options", [{"rpf": OFF}, {"monitor": MONITOR}, {}], ids=["off", "monitor", "strict"])
def test_a_martian_source_is_dropped_always(tunnel, source, options):
    tunnel.device(**options)
    tunnel.prefix("0.0.0.0/0", BEHIND_GATEWAY)
    tunnel.expect(arriving(outer(inner(src=source))), "martian_source", peer=BEHIND_GATEWAY)


@pytest.mark.parametrize("source", ["1.0.0.0", "126.255.255.255", "128.0.0.0", "223.255.255.255", "10.0.0.1",
                                    "169.254.1.1"])
def test_the_neighbours_of_martian_sources_are_not_martian(tunnel, source):
    tunnel.device(rpf=OFF)
    packet = inner(src=source)
    tunnel.expect(arriving(outer(packet)), "decap_ok", arriving(packet), BEHIND_GATEWAY, received(packet))


@pytest.mark.parametrize("destination", ["0.0.0.0", "0.255.255.255", "127.0.0.1", "240.0.0.0", "255.255.255.254"])
@pytest.mark.parametrize("options", [{"rpf": OFF}, {"monitor": MONITOR}, {}], ids=["off", "monitor", "strict"])
def test_a_martian_destination_is_dropped_always(tunnel, destination, options):
    tunnel.device(**options)
    tunnel.prefix("0.0.0.0/0", BEHIND_GATEWAY)
    tunnel.expect(arriving(outer(inner(dst=destination))), "martian_destination", peer=BEHIND_GATEWAY)


@pytest.mark.parametrize("destination", ["1.0.0.0", "126.255.255.255", "128.0.0.0", "224.0.0.1", "239.255.255.255",
                                         "255.255.255.255"])
def test_the_neighbours_of_martian_destinations_are_not_martian(tunnel, destination):
    """Nor are multicast, which may be forwarded, and the limited broadcast, which may be for this host."""
    tunnel.device(rpf=OFF)
    packet = inner(dst=destination)
    tunnel.expect(arriving(outer(packet)), "decap_ok", arriving(packet), BEHIND_GATEWAY, received(packet))


# GSO: a packet counts as its segments

@pytest.mark.parametrize("packet", [tcp(bytes(3000)), tcp(bytes(3000), options=options(12)), inner(bytes(3000))],
                         ids=["tcp", "tcp and options", "udp"])
@pytest.mark.parametrize("gso_size, segments", [(1000, 3), (999, 4), (1001, 3), (2999, 2), (3000, 1), (4000, 1),
                                                (100, 30)])
def test_a_gso_packet_that_the_kernel_will_not_strip_counts_as_its_segments(decap_tc, packet, gso_size, segments):
    decap_tc.peer(BEHIND_GATEWAY, "192.168.1.0/24")
    decap_tc.expect(arriving(outer(packet)), "decap_error", peer=BEHIND_GATEWAY, packets=segments, gso_size=gso_size)


@pytest.mark.parametrize("fields, verdict", [
    ({"src": "192.168.2.1"}, "rpf_prefix"), ({"src": "127.0.0.1"}, "martian_source"), ({"tos": 0}, "ecn_drop")])
def test_a_gso_packet_that_is_refused_counts_as_its_segments(decap_tc, fields, verdict):
    decap_tc.peer(BEHIND_GATEWAY, "192.168.1.0/24")
    decap_tc.expect(arriving(outer(tcp(bytes(3000), **fields), tos=3)), verdict, peer=BEHIND_GATEWAY, packets=3,
                    gso_size=1000)


@pytest.mark.parametrize("packet", [tcp(bytes(3000)), tcp(bytes(3000), options=options(12)), inner(bytes(3000))],
                         ids=["tcp", "tcp and options", "udp"])
def test_a_gso_packet_counts_as_its_segments_before_anybody_looks_at_its_headers(decap_tc, packet):
    frame = arriving(outer(packet))
    decap_tc.expect(frame, "not_peer", packets=3, gso_size=1000)
    decap_tc.peer(BEHIND_GATEWAY, "192.168.1.0/24")
    decap_tc.expect(arriving(outer(packet, chksum=1)), "outer_bad", peer=BEHIND_GATEWAY, packets=3, gso_size=1000)
    decap_tc.peer(BEHIND_GATEWAY, rpf=9)
    decap_tc.expect(frame, "peer_invalid", peer=BEHIND_GATEWAY, packets=3, gso_size=1000)


@pytest.mark.parametrize("of_tunnel, segments", [(options(12), 3), (b"", 3)], ids=["options", "plain"])
def test_a_gso_packet_of_another_tunnel_counts_with_the_headers_of_both(decap_tc, of_tunnel, segments):
    """Each segment has 1,000 bytes behind the headers of IPv4, IPv4 and TCP."""
    decap_tc.peer(BEHIND_GATEWAY, "192.168.1.0/24")
    nested = IP(raw(IP(src="192.168.1.9", dst="192.168.8.8", options=of_tunnel, proto=4) / raw(tcp(bytes(3000)))))
    decap_tc.expect(arriving(outer(nested)), "decap_error", peer=BEHIND_GATEWAY, packets=segments, gso_size=1000)


def test_a_gso_packet_too_long_for_its_length_fields_is_all_that_there_is(decap_tc):
    """BIG TCP writes 0 into both total lengths; in a packet of one segment that is wrong."""
    decap_tc.peer(BEHIND_GATEWAY, "192.168.1.0/24")
    frame = arriving(outer(tcp(bytes(3000), len=0), len=0))
    decap_tc.expect(frame, "decap_error", peer=BEHIND_GATEWAY, packets=3, gso_size=1000)
    decap_tc.expect(frame, "outer_bad", peer=BEHIND_GATEWAY)
    decap_tc.expect(arriving(outer(tcp(bytes(3000), len=0))), "inner_bad", peer=BEHIND_GATEWAY)
