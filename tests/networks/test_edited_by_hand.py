# SPDX-License-Identifier: GPL-2.0-only
"""Tunnels made of nothing but `attach … routes off` and `bpftool map update`; the next packet obeys."""
import ipaddress

import pytest

from .program import End, counting
from .topology import A, B, INNER_A, INNER_B, TwoHosts
from .traffic import TCP_BYTES, ping, send_raw, tcp_transfer
from .tunnels import carrying
from .wire import PROTO_UDP, Capture, ipv4_packet, udp_datagram

FIELDS = ("ttl", "tos", "ttl_mode", "tos_mode", "df", "rpf", "monitor", "ecn", "type")
INHERIT, FIXED = 1, 2


def address(text):
    return ipaddress.IPv4Address(text).packed


def prefix_key(text):
    network = ipaddress.IPv4Network(text)
    return network.prefixlen.to_bytes(4, "little") + network.network_address.packed


def peer_value(local="0.0.0.0", reserved=0, **fields):
    return address(local) + bytes(fields.get(name, 0) for name in FIELDS) + bytes(18) + bytes([reserved])


def prefix_value(remote="0.0.0.0", bare=0, reserved=0):
    return address(remote) + bytes([bare, 0, 0, reserved])


@pytest.fixture(scope="module")
def attached(mode):
    """Both ends attached, with the users' own routes."""
    with TwoHosts() as network:
        network.a.ip(f"route add {INNER_B} via 172.16.16.1 src {INNER_A} mtu 1480", "addr add 172.16.16.23/20 dev eth0")
        network.b.ip(f"route add {INNER_A} via 172.16.0.1 src {INNER_B} mtu 1480")
        network.ends = End(network.a), End(network.b)
        for end in network.ends:
            end.attach("mode", mode, "routes", "off")
        yield network


@pytest.fixture
def ends(attached):
    """Both ends, with no peer and no prefix when the test begins."""
    yield attached.ends
    for end in attached.ends:
        for table in ("peers", "prefixes"):
            for key in end.keys(table):
                end.delete(table, key)


def write_tunnels(a, b, **fields):
    """The tunnel on both ends, peers first; the fields are those of A's peer."""
    a.update("peers", address(B), peer_value(**fields))
    b.update("peers", address(A), peer_value())
    a.update("prefixes", prefix_key(f"{INNER_B}/32"), prefix_value(B))
    b.update("prefixes", prefix_key(f"{INNER_A}/32"), prefix_value(A))


def outer_of(network, source=A):
    """The outer header of an echo request without DF from A to B, as the router gets it."""
    with Capture(network.router, "to-a") as capture:
        ping(network.a, INNER_A, INNER_B, timeout=0.2, df=False)
    return next((packet for packet in capture.packets if packet.src == source), None)


def test_a_tunnel_by_hand_carries_the_next_packet_and_its_deletion_stops_it(attached, ends):
    a, b = ends
    for _ in range(3):
        write_tunnels(a, b)
        with carrying(attached, a, b):
            assert ping(attached.a, INNER_A, INNER_B, (0, 56, 1452, 20000)) == []
        a.delete("prefixes", prefix_key(f"{INNER_B}/32"))
        with counting(a, b) as count:
            assert outer_of(attached) is None
        assert count.verdicts(a) == {} == count.verdicts(b)
        a.update("prefixes", prefix_key(f"{INNER_B}/32"), prefix_value(B))
        with carrying(attached, a, b):
            assert ping(attached.a, INNER_A, INNER_B) == []
        b.delete("peers", address(A))
        with counting(a, b) as count:
            assert ping(attached.a, INNER_A, INNER_B, timeout=0.1) == [56]
        # B's kernel answers what is no peer's with protocol unreachable, of which A's sender hears.
        assert count.verdicts(a) == {"encap_ok": 1, "error_relayed": 1} and count.verdicts(b) == {"not_peer": 1}


def test_a_tunnel_by_hand_carries_tcp(attached, ends):
    write_tunnels(*ends)
    with carrying(attached, *ends):
        tcp_transfer(attached.a, INNER_A, attached.b, INNER_B, 2 * TCP_BYTES)


def test_the_readmes_words_make_a_tunnel(attached, ends):
    a, b = ends
    a.update("peers", (172, 16, 1, 62), (172, 16, 16, 22, *[0] * 28))
    a.update("prefixes", (32, 0, 0, 0, 192, 168, 1, 254), (172, 16, 1, 62, 0, 0, 0, 0))
    b.update("peers", (172, 16, 16, 22), (172, 16, 1, 62, *[0] * 28))
    b.update("prefixes", (32, 0, 0, 0, 192, 168, 1, 1), (172, 16, 16, 22, 0, 0, 0, 0))
    with carrying(attached, a, b):
        assert ping(attached.a, INNER_A, INNER_B) == []


def test_a_peer_by_hand_is_shown_and_counted_like_any_other(attached, ends):
    a, b = ends
    # Clears the counters of the peers of other tests away.
    a.attach()
    write_tunnels(a, b, ttl=9, ttl_mode=FIXED, rpf=2, monitor=1)
    peer, = a.show()["peers"]
    assert (peer["remote"], peer["ttl"], peer["rpf"], peer["monitor"]) == (B, 9, "loose", True)
    assert [(prefix["dst"], prefix["route"]) for prefix in peer["prefixes"]] == [(f"{INNER_B}/32", False)]
    assert (peer["tx_packets"], peer["rx_packets"]) == (0, 0)
    with counting(a) as count:
        assert ping(attached.a, INNER_A, INNER_B) == []
    assert count.peer(a, B) == {"tx_packets": 1, "tx_bytes": 84, "rx_packets": 1, "rx_bytes": 84, "drops": 0}


@pytest.mark.parametrize("fields, header", (
    ({}, {"ttl": 64, "tos": 0, "df": True}),
    ({"ttl": 17, "ttl_mode": FIXED}, {"ttl": 17}),
    ({"ttl": 17, "ttl_mode": INHERIT}, {"ttl": 64}),
    ({"tos": 0xB8, "tos_mode": FIXED}, {"tos": 0xB8}),
    ({"df": 1}, {"df": True}),
    ({"df": 2}, {"df": False}),
    ({"local": "172.16.16.23"}, {"src": "172.16.16.23"}),
), ids=str)
def test_the_next_packet_has_the_header_that_the_peer_was_given(attached, ends, fields, header):
    a, b = ends
    write_tunnels(a, b)
    assert outer_of(attached).src == A
    a.update("peers", address(B), peer_value(**fields))
    outer = outer_of(attached, header.get("src", A))
    assert {name: getattr(outer, name) for name in header} == header


@pytest.mark.parametrize("fields, verdict", (({"rpf": 1}, "rpf_prefix"), ({"rpf": 2}, "decap_ok"),
                                             ({"rpf": 3}, "decap_ok"), ({"rpf": 1, "monitor": 1}, "rpf_prefix_mon"),
                                             ({"rpf": 1, "monitor": 2}, "rpf_prefix")), ids=str)
def test_the_next_packet_is_judged_as_the_peer_was_told(attached, ends, fields, verdict):
    a, b = ends
    write_tunnels(a, b, **fields)
    with counting(a) as count:
        send_raw(attached.b, ipv4_packet(B, INNER_A, PROTO_UDP, udp_datagram(1, 9)))
    assert {name: number for name, number in count.verdicts(a).items() if name != "encap_ok"} == {verdict: 1}


@pytest.mark.parametrize("fields", ({"ttl_mode": 3}, {"tos_mode": 3}, {"df": 3}, {"rpf": 4}, {"monitor": 3},
                                    {"ecn": 3}, {"type": 1}, {"reserved": 1}, {"ttl_mode": FIXED, "ttl": 0},
                                    {"tos_mode": FIXED, "tos": 1}, {"ttl_mode": 255}), ids=str)
def test_a_peer_with_a_value_out_of_range_carries_nothing_until_it_is_written_rightly(attached, ends, fields):
    a, b = ends
    write_tunnels(a, b)
    assert ping(attached.a, INNER_A, INNER_B) == []
    a.update("peers", address(B), peer_value(**fields))
    with counting(a, b) as count:
        assert ping(attached.a, INNER_A, INNER_B, timeout=0.1) == [56]
    assert count.verdicts(a) == {"peer_invalid": 1} and count.verdicts(b) == {}
    assert count.peer(a, B)["drops"] == 1
    a.update("peers", address(B), peer_value())
    with carrying(attached, a, b):
        assert ping(attached.a, INNER_A, INNER_B) == []


@pytest.mark.parametrize("value, verdict", ((prefix_value("172.16.1.99"), "no_peer"),
                                            (prefix_value(B, bare=2), "peer_invalid"),
                                            (prefix_value(B, reserved=1), "peer_invalid")),
                         ids=("names no peer", "bare is 2", "reserved is 1"))
def test_a_prefix_that_names_no_peer_or_is_out_of_range_drops(attached, ends, value, verdict):
    a, b = ends
    write_tunnels(a, b)
    a.update("prefixes", prefix_key(f"{INNER_B}/32"), value)
    with counting(a, b) as count, Capture(attached.router, "to-a") as capture:
        assert ping(attached.a, INNER_A, INNER_B, timeout=0.1) == [56]
    assert count.verdicts(a) == {verdict: 1} and count.verdicts(b) == {}
    assert capture.packets == []


def test_a_prefix_of_a_deleted_peer_drops(attached, ends):
    a, b = ends
    write_tunnels(a, b)
    a.delete("peers", address(B))
    with counting(a) as count:
        assert ping(attached.a, INNER_A, INNER_B, timeout=0.1) == [56]
    assert count.verdicts(a) == {"no_peer": 1}


def test_a_bare_prefix_and_one_of_the_peer_any_leave_the_packet_alone(attached, ends):
    a, b = ends
    write_tunnels(a, b)
    for value in (prefix_value(bare=1), prefix_value(B, bare=1), prefix_value()):
        a.update("peers", address("0.0.0.0"), peer_value())
        a.update("prefixes", prefix_key(f"{INNER_B}/32"), value)
        with counting(a) as count, Capture(attached.router, "to-a") as capture:
            ping(attached.a, INNER_A, INNER_B, timeout=0.05)
        assert count.verdicts(a) == {}
        assert any(packet.dst == INNER_B and packet.src == INNER_A for packet in capture.packets)


def test_counters_of_a_peer_deleted_by_hand_are_cleared_at_the_loaders_next_change(attached, ends):
    a, b = ends
    write_tunnels(a, b)
    assert ping(attached.a, INNER_A, INNER_B) == []
    a.delete("peers", address(B))
    assert a.show()["peers"] == []
    a.peer("172.16.1.99")
    a.update("peers", address(B), peer_value())
    peer, = (peer for peer in a.show()["peers"] if peer["remote"] == B)
    assert (peer["tx_packets"], peer["rx_packets"]) == (0, 0)


def test_bpftool_names_the_fields_of_both_maps(attached, ends):
    a, b = ends
    write_tunnels(a, b, ttl=9, ttl_mode=FIXED)
    for table, names in (("peers", {"local", *FIELDS, "reserved"}), ("prefixes", {"remote", "bare", "reserved"})):
        entry, = a.dump(table)
        assert set(entry["formatted"]["value"]) == names
