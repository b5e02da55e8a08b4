# SPDX-License-Identifier: GPL-2.0-only
"""Egress: the outer header, field by field, and the inner packet behind it."""

import pytest
from scapy.compat import raw
from scapy.layers.inet import IP

from .frames import inner, leaving, options, outer, sent, tcp, wrapped
from .tables import ECN_COMPATIBILITY, ECN_NORMAL, FIXED, INHERIT, NOPMTUDISC, PMTUDISC
from .underlay import BEHIND_GATEWAY, ELSEWHERE, NARROW, ON_LINK, UNRESOLVED

HERE, THERE = "192.168.8.8", "192.168.1.9"


def packet(payload=b"inner payload", **fields):
    return inner(payload, **{"src": HERE, "dst": THERE, **fields})


@pytest.fixture
def tunnel(encap):
    """192.168.1.0/24 behind a peer."""
    encap.peer(BEHIND_GATEWAY, "192.168.1.0/24")
    return encap


def wraps(tunnel, what, remote=BEHIND_GATEWAY, **header):
    """The outer header is rebuilt by scapy; only its identification is taken as it is."""
    return tunnel.expect(leaving(what), "encap_ok", wrapped(what, remote, **header), remote, sent(what)).out


def test_the_inner_packet_stays_byte_by_byte(tunnel):
    for what in (packet(b""), packet(bytes(range(256))), tcp(b"x" * 1000, src=HERE, dst=THERE), packet(chksum=0x1234),
                 packet(frag=7, flags="MF"), outer(packet(), remote=HERE, local=THERE)):
        wraps(tunnel, what)


@pytest.mark.parametrize("remote", [BEHIND_GATEWAY, ON_LINK, ELSEWHERE, NARROW, UNRESOLVED])
def test_the_outer_addresses_are_local_and_remote(encap, remote):
    encap.peer(remote, "192.168.1.0/24")
    wraps(encap, packet(), remote)
    encap.peer(remote, local="172.16.16.99")
    wraps(encap, packet(), remote, local="172.16.16.99")
    encap.device(local="10.99.0.1")
    wraps(encap, packet(), remote, local="172.16.16.99")
    encap.peer(remote)
    wraps(encap, packet(), remote, local="10.99.0.1")


def test_the_outer_length_and_checksum_are_right_for_every_size(tunnel):
    for size in [*range(0, 70), *range(1440, 1453)]:
        wraps(tunnel, packet(bytes(size)))


def test_the_outer_checksum_is_right_whatever_it_is(tunnel):
    """All addresses of a /16 as local, so that the checksum takes each of its values."""
    frame = leaving(packet(tos=0xFF, ttl=0xFF))
    for low in range(0x10000):
        tunnel.device(local=f"172.16.{low >> 8}.{low & 255}")
        _, out = tunnel.run(frame)
        header = out()[14:34]
        assert header[12:16] == bytes([172, 16, low >> 8, low & 255])
        assert int.from_bytes(header, "big") % 0xFFFF == 0 and header[10:12] != b"\xFF\xFF"


def test_inner_options_are_not_copied(tunnel):
    for length in range(0, 41, 4):
        wraps(tunnel, packet(options=options(length)))


def test_what_lies_behind_the_inner_packet_is_not_in_the_outer_length(tunnel):
    what = packet()
    tunnel.expect(leaving(what) + b"trailer", "encap_ok", wrapped(what) + b"trailer", BEHIND_GATEWAY, sent(what))


# TTL

def test_the_ttl_is_inherited_and_the_inner_one_stays(tunnel):
    for ttl in (1, 2, 63, 64, 128, 255):
        wraps(tunnel, packet(ttl=ttl), ttl=ttl)


@pytest.mark.parametrize("device, peer, result", [
    ({"ttl_mode": FIXED, "ttl": 9}, {}, 9), ({"ttl_mode": FIXED, "ttl": 255}, {}, 255),
    ({}, {"ttl_mode": FIXED, "ttl": 7}, 7), ({"ttl_mode": FIXED, "ttl": 9}, {"ttl_mode": FIXED, "ttl": 7}, 7),
    ({"ttl_mode": FIXED, "ttl": 9}, {"ttl_mode": INHERIT, "ttl": 7}, 33), ({}, {"ttl": 7}, 33),
    ({"ttl_mode": FIXED, "ttl": 9}, {"ttl": 7}, 9)])
def test_the_ttl_of_the_peer_then_of_the_device(tunnel, device, peer, result):
    tunnel.device(**device)
    tunnel.peer(BEHIND_GATEWAY, **peer)
    wraps(tunnel, packet(ttl=33), ttl=result)


def test_a_fixed_ttl_does_not_save_a_packet_of_ttl_0(tunnel):
    tunnel.device(ttl_mode=FIXED, ttl=9)
    tunnel.expect(leaving(packet(ttl=0)), "encap_ttl", peer=BEHIND_GATEWAY)


# TOS: DSCP and ECN

def test_dscp_and_ecn_are_inherited(tunnel):
    for tos in range(256):
        wraps(tunnel, packet(tos=tos), tos=tos)


@pytest.mark.parametrize("device, peer, dscp", [
    ({"tos_mode": FIXED, "tos": 0xB8}, {}, 0xB8), ({}, {"tos_mode": FIXED, "tos": 0x10}, 0x10),
    ({"tos_mode": FIXED, "tos": 0xB8}, {"tos_mode": FIXED, "tos": 0}, 0),
    ({"tos_mode": FIXED, "tos": 0xB8}, {"tos_mode": INHERIT}, 0x48), ({"tos_mode": FIXED, "tos": 0xFC}, {}, 0xFC),
    ({}, {"tos": 0x10}, 0x48)])
@pytest.mark.parametrize("ecn", range(4))
def test_dscp_of_the_peer_then_of_the_device_and_ecn_of_the_packet(tunnel, device, peer, dscp, ecn):
    tunnel.device(**device)
    tunnel.peer(BEHIND_GATEWAY, **peer)
    wraps(tunnel, packet(tos=0x48 | ecn), tos=dscp | ecn)


@pytest.mark.parametrize("device, peer, copied", [
    (ECN_NORMAL, 0, True), (ECN_COMPATIBILITY, 0, False), (ECN_COMPATIBILITY, ECN_NORMAL, True),
    (ECN_NORMAL, ECN_COMPATIBILITY, False)])
@pytest.mark.parametrize("ecn", range(4))
def test_ecn_is_not_set_in_compatibility_mode(tunnel, device, peer, copied, ecn):
    tunnel.device(ecn=device)
    tunnel.peer(BEHIND_GATEWAY, ecn=peer)
    for dscp in range(64):
        wraps(tunnel, packet(tos=dscp << 2 | ecn), tos=dscp << 2 | (ecn if copied else 0))


# DF and identification

@pytest.mark.parametrize("device, peer, inherits", [
    (PMTUDISC, 0, False), (NOPMTUDISC, 0, True), (NOPMTUDISC, PMTUDISC, False), (PMTUDISC, NOPMTUDISC, True)])
@pytest.mark.parametrize("flags, offset", [(0, 0), ("DF", 0), ("MF", 0), ("MF", 5), (0, 5), ("evil", 0),
                                           ("DF+evil", 0)])
def test_df_is_set_or_inherited_and_no_other_flag(tunnel, device, peer, inherits, flags, offset):
    tunnel.device(df=device)
    tunnel.peer(BEHIND_GATEWAY, df=peer)
    df = "DF" if not inherits or "DF" in str(flags) else 0
    wraps(tunnel, packet(flags=flags, frag=offset), flags=df)


def test_the_inner_df_is_never_lost(tunnel):
    tunnel.device(df=NOPMTUDISC)
    assert IP(wraps(tunnel, packet(flags="DF"), flags="DF")[14:]).flags.DF


def identifications(tunnel, count, remote=BEHIND_GATEWAY):
    frame = leaving(packet(dst=THERE if remote == BEHIND_GATEWAY else "192.168.2.9"))
    return [int.from_bytes(tunnel.run(frame)[1]()[18:20], "big") for _ in range(count)]


def test_packets_that_may_be_fragmented_do_not_repeat_an_identification(tunnel):
    """RFC 6864: not within the lifetime of a packet, as far as 65,536 of them go."""
    tunnel.device(df=NOPMTUDISC)
    tunnel.peer(ON_LINK, "192.168.2.0/24")
    first = identifications(tunnel, 20000)
    identifications(tunnel, 100, ON_LINK)
    assert len(set(first + identifications(tunnel, 40000))) == 60000


def test_identification_does_not_begin_anew_with_the_inner_packet(tunnel):
    tunnel.device(df=NOPMTUDISC)
    seen = {raw(wraps(tunnel, packet(bytes(size)), flags=0))[18:20] for size in range(50)}
    assert len(seen) == 50
