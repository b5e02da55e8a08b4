# SPDX-License-Identifier: GPL-2.0-only
"""`explain DEV from A to B`: which packet it is, whose prefix, which peer and routes, and what it becomes."""
import contextlib
import socket

import pytest

from .explained_cases import Case, OUT, addressed, quiet
from .explaining import all_maps, explain_one, pcap
from .program import End, counting
from .snapshot import differences, state
from .topology import A, B, INNER_A, INNER_B, Gateways, TwoHosts, cable
from .traffic import ping
from .tun import Tun
from .tunnels import between_two_hosts
from .wire import Capture, PROTO_IPIP, ipv4_packet, send_frame

UDP, TCP, ICMP = 17, 6, 1
SECOND, SECOND_PREFIX, SECOND_INSIDE = "172.16.1.63", "10.5.0.0/16", "10.5.0.9"
BARE, ANYS, STRANGER = "10.6.0.0/16", "10.7.0.0/16", "10.66.0.9"
PLAIN = {"src": INNER_A, "dst": INNER_B, "protocol": ICMP, "length": 84, "ttl": 64, "tos": 0, "df": False, "mf": False,
         "offset": 0, "id": 0, "sport": None, "dport": None, "icmp_type": 8, "icmp_code": 0, "icmp_mtu": None,
         "quoted": False}


@pytest.fixture(scope="module")
def hosts():
    """A with B, a second peer and `any`, each with a prefix, and one that is bare; behind lan0 A has other hosts."""
    with TwoHosts() as network:
        a = network.a
        cable(a, "lan0 10.40.0.1/24", network.host("lan"), "eth0 10.40.0.2/24")
        network.end, _ = between_two_hosts(network, "tc")
        network.end.peer(SECOND, "prefix", SECOND_PREFIX, "local", "172.16.16.23", "ttl", "9")
        network.end.peer("any", "prefix", ANYS)
        network.end.do("prefix add", BARE, "bare")
        yield network


def told(hosts, *words):
    return explain_one(hosts.end, *words)


def test_what_is_told_of_a_packet_that_goes_out(hosts):
    wrapped = {**PLAIN, "src": A, "dst": B, "protocol": PROTO_IPIP, "length": 104, "df": True, "icmp_type": None,
               "icmp_code": None}
    assert told(hosts, "from", INNER_A, "to", INNER_B) == {
        "packet": None, "ifname": "eth0", "direction": "out", "forwarded": False, "tagged": False, "headers": [PLAIN],
        "prefix": {"dst": f"{INNER_B}/32", "bare": False, "remote": B},
        "peer": {"remote": B, "effective": {"local": A, "rpf": "strict", "monitor": False, "path_mtu": None}},
        "kernel_route": {"to": INNER_B, "dst": f"{INNER_B}/32", "type": "unicast", "gateway": "169.254.4.4",
                         "dev": "eth0", "mtu": 1480, "error": None},
        "peer_route": {"to": B, "dst": "172.16.0.0/20", "type": "unicast", "gateway": "172.16.16.1", "dev": "eth0",
                       "mtu": None, "error": None},
        "back_route": None, "verdict": "encap_ok", "fate": "carried", "meaning": "wrapped and sent to the peer",
        "remedy": "nothing: this is the tunnel at work", "result": [wrapped, PLAIN], "answer": None,
        "unknown": ["whether netfilter lets it come so far, or changes its addresses before (NAT)",
                    "whether the next hop on its way answers (neighbour)"]}


def test_what_is_told_of_a_packet_that_comes_in(hosts):
    inner = {**PLAIN, "src": INNER_B, "dst": INNER_A}
    wrapped = {**inner, "src": B, "dst": A, "protocol": PROTO_IPIP, "length": 104, "df": True, "icmp_type": None,
               "icmp_code": None}
    seen = told(hosts, "from", INNER_B, "to", INNER_A)
    assert seen["headers"] == [wrapped, inner] and seen["result"] == [inner]
    assert (seen["direction"], seen["forwarded"], seen["verdict"], seen["fate"]) == ("in", None, "decap_ok", "carried")
    assert seen["prefix"]["dst"] == f"{INNER_B}/32" and seen["peer"]["remote"] == B
    assert seen["peer_route"] is None
    assert seen["back_route"]["to"] == INNER_B and seen["back_route"]["dev"] == "eth0"
    assert (seen["kernel_route"]["to"], seen["kernel_route"]["type"]) == (INNER_A, "local")
    assert seen["unknown"] == ["whether the kernel's rp_filter and netfilter let it in"]


def test_the_packet_is_the_one_that_the_words_describe(hosts):
    words = ("sport", "1234", "dport", "53", "len", "1000", "ttl", "7", "tos", "0x48", "df")
    described = {**PLAIN, "length": 1000, "ttl": 7, "tos": 0x48, "df": True, "icmp_type": None, "icmp_code": None}
    ports = {"sport": 1234, "dport": 53}
    for proto, number in (("udp", UDP), ("tcp", TCP)):
        seen = told(hosts, "from", INNER_A, "to", INNER_B, "proto", proto, *words)
        assert seen["headers"] == [{**described, **ports, "protocol": number}]
    seen = told(hosts, "from", INNER_A, "to", INNER_B, "proto", "47", *words[4:])
    assert seen["headers"] == [{**described, "protocol": 47}]


DIRECTIONS = {
    "to a peer's prefix": ((INNER_A, INNER_B), "out", "encap_ok"),
    "from a peer's prefix": ((INNER_B, INNER_A), "in", "decap_ok"),
    "from one peer's prefix to another's": ((INNER_B, SECOND_INSIDE), "out", "encap_ok"),
    "the same, when it is said": ((INNER_B, SECOND_INSIDE, "in"), "in", "decap_ok"),
    "neither": ((INNER_A, STRANGER), "out", None),
    "from a bare prefix": (("10.6.0.1", INNER_A), "out", None),
    "via another peer": ((INNER_B, INNER_A, "via", SECOND), "in", "rpf_prefix"),
    "via somebody": ((INNER_B, INNER_A, "via", "172.16.1.99"), "in", "decap_ok"),
    "from any's prefix": (("10.7.0.1", INNER_A, "via", "172.16.1.99"), "in", "no_route"),
    "via none": ((INNER_B, INNER_A, "via", "none"), "in", "plain_source"),
    "out, when it is said": ((INNER_B, INNER_A, "out"), "out", None),
}


@pytest.mark.parametrize("words, direction, verdict", DIRECTIONS.values(), ids=DIRECTIONS)
def test_the_direction_is_the_one_that_the_prefixes_tell(hosts, words, direction, verdict):
    source, target, *more = words
    seen = told(hosts, "from", source, "to", target, *more)
    assert (seen["direction"], seen["verdict"]) == (direction, verdict)


UNTOUCHED = {
    "no prefix": ((INNER_A, STRANGER), f"no prefix holds its destination {STRANGER}"),
    "bare": ((INNER_A, "10.6.0.1"), "the prefix that holds its destination is bare: through no tunnel"),
    "any": ((INNER_A, "10.7.0.1"), "the prefix that holds its destination is the peer any's, which only receives"),
    "no prefix of the source": ((STRANGER, INNER_A, "via", "none"), f"no prefix holds its source {STRANGER}"),
    "a bare source": (("10.6.0.1", INNER_A, "via", "none"),
                      "the prefix that holds its source is bare: through no tunnel"),
}


@pytest.mark.parametrize("words, why", UNTOUCHED.values(), ids=UNTOUCHED)
def test_a_packet_that_no_program_takes_up_is_told_why(hosts, words, why):
    source, target, *more = words
    seen = told(hosts, "from", source, "to", target, *more)
    assert (seen["verdict"], seen["fate"], seen["remedy"], seen["result"]) == (None, "untouched", None, None)
    assert seen["meaning"] == why


def test_a_peers_own_settings_are_in_the_header_that_results(hosts):
    seen = told(hosts, "from", INNER_A, "to", SECOND_INSIDE, "ttl", "33")
    outer, inner = seen["result"]
    assert (outer["src"], outer["dst"], outer["ttl"], inner["ttl"]) == ("172.16.16.23", SECOND, 9, 33)
    assert seen["peer"]["effective"]["local"] == "172.16.16.23"


def test_a_packet_from_another_host_is_a_forwarded_one(hosts):
    assert told(hosts, "from", "10.40.0.2", "to", INNER_B)["forwarded"] is True
    done = hosts.end.command("explain", "eth0", "from", "10.40.0.2", "to", INNER_B)
    assert done.stdout.splitlines()[0] == "packet: out of eth0, forwarded from lan0"


def test_a_route_that_does_not_lead_to_the_device_is_named(hosts):
    done = hosts.end.command("explain", "eth0", "from", INNER_A, "to", "10.40.0.2")
    assert ("  kernel's route to 10.40.0.2: 10.40.0.0/24 dev lan0\n    by this route it does not leave by eth0: the "
            "programs there never see it\n") in done.stdout
    done = hosts.end.command("explain", "eth0", "from", INNER_A, "to", INNER_B)
    assert "does not leave" not in done.stdout


def test_people_read_words(hosts):
    done = hosts.end.command("explain", "eth0", "from", STRANGER, "to", INNER_A, "via", B)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == [
        "packet: into eth0",
        f"  header: {B} > {A}, ipip, 104 bytes, ttl 64, tos 0x00, df",
        f"  inside: {STRANGER} > {INNER_A}, icmp echo request, 84 bytes, ttl 64, tos 0x00",
        f"  kernel's route to {INNER_A}: {INNER_A}/32, an address of this host",
        f"  peer: {B}, local {A}, rpf strict",
        f"  route back to {STRANGER}: none, Network is unreachable",
        "  verdict: rpf_prefix, dropped: inner source is in no prefix of the peer that sent it",
        "  what to do: add the prefix to that peer, let the sender use a listed source, or 'rpf loose'"]


@pytest.mark.parametrize("words", ("ttl inherit tos inherit ecn normal pmtudisc", "ttl 9 tos 0x28 ecn normal pmtudisc",
                                   "ttl inherit tos inherit ecn compat nopmtudisc"))
def test_the_header_that_results_is_the_one_on_the_wire(hosts, words):
    hosts.end.do("peer set", "remote", B, *words.split())
    packet = quiet(INNER_A, INNER_B, 100, ttl=33, tos=0x4A)
    seen = told(hosts, "from", INNER_A, "to", INNER_B, "ttl", "33", "tos", "0x4a", "len", str(len(packet)))
    with Capture(hosts.router, "to-a") as wire:
        send_frame(hosts.a, "eth0", addressed(hosts, Case(OUT, packet)))
        sent, = [packet for packet in wire.packets if packet.src == A]
    outer = seen["result"][0]
    assert [outer[name] for name in ("src", "dst", "protocol", "length", "ttl", "tos", "df")] == [
        sent.src, sent.dst, sent.protocol, sent.total_length, sent.ttl, sent.tos, sent.df]
    assert outer["id"] == (0 if sent.df else None)


@pytest.mark.parametrize("outer_tos, inner_tos", ((0, 0), (3, 1), (1, 2), (0, 3)))
def test_ecn_of_what_results_is_combined(hosts, tmp_path, outer_tos, inner_tos):
    file = tmp_path / "ecn.pcap"
    inner = quiet(INNER_B, INNER_A, tos=inner_tos)
    file.write_bytes(pcap(bytes(12) + b"\x08\0" + ipv4_packet(B, A, PROTO_IPIP, inner, tos=outer_tos)))
    expected = {(0, 0): 0, (3, 1): 3, (1, 2): 1, (0, 3): 3}[outer_tos, inner_tos]
    assert told(hosts, "-r", str(file))["result"][0]["tos"] == expected


def test_the_prefixes_are_those_that_are_there_and_not_what_a_cpu_remembers(two_hosts):
    end, _ = between_two_hosts(two_hosts, "tc", "cache", "60000")
    send_frame(two_hosts.a, "eth0", addressed(two_hosts, Case(OUT, quiet(INNER_A, INNER_B))))
    end.delete("prefixes", bytes((32, 0, 0, 0, 192, 168, 1, 254)))
    before = all_maps(end)
    seen = explain_one(end, "from", INNER_A, "to", INNER_B)
    assert all_maps(end) == before
    assert (seen["verdict"], seen["fate"], seen["prefix"]) == ("encap_no_prefix", "untouched", None)
    assert any("(cache)" in line for line in seen["unknown"])


def test_nothing_anywhere_moves(hosts):
    before, maps = state(hosts.a), all_maps(hosts.end)
    told(hosts, "from", INNER_A, "to", INNER_B)
    told(hosts, "from", INNER_B, "to", INNER_A)
    assert differences(before, state(hosts.a)) == [] and all_maps(hosts.end) == maps


def test_what_goes_straight_on_to_another_host(mode):
    source, target = Gateways.LAN_B, Gateways.LAN_A
    with Gateways() as network:
        network.lan_a.run("ethtool", "-K", "eth0", "gro", "on")  # takes frames from XDP
        end = End(network.a)
        end.attach("src", Gateways.GATEWAY_A, "mode", mode, "forward", "on")
        end.peer(B, "prefix", "192.168.2.0/24")
        assert ping(network.a, Gateways.GATEWAY_A, target) == []
        before = all_maps(end)
        seen = explain_one(end, "from", source, "to", target)
        assert all_maps(end) == before
    assert (seen["verdict"], seen["fate"]) == ("decap_forwarded", "carried")
    assert seen["result"] == [{**PLAIN, "src": source, "dst": target, "ttl": 63}]
    assert seen["unknown"] == ["whether the next hop on its way answers (neighbour)"]


@pytest.fixture
def tun(network):
    """A host whose underlay device is tun0, and which reaches a second peer through eth1."""
    network.a = network.host("A")
    cable(network.a, "eth1 10.20.0.1/24", network.host("B"), "eth0 10.20.0.2/24")
    with Tun(network.a, "tun0"):
        network.a.ip("link set tun0 up", f"addr add {A}/20 dev tun0", f"addr add {INNER_A}/32 dev lo",
                     "route add 172.16.0.0/20 dev tun0")
        network.end = End(network.a, "tun0")
        network.end.attach("src", INNER_A)
        network.end.peer(B, "prefix", INNER_B)
        network.end.peer("10.20.0.2", "prefix", SECOND_PREFIX)
        yield network


def test_a_device_without_a_link_header(tun):
    seen = told(tun, "from", INNER_A, "to", INNER_B)
    assert (seen["verdict"], seen["result"][0]["dst"], seen["result"][0]["length"]) == ("encap_ok", B, 104)
    seen = told(tun, "from", INNER_B, "to", INNER_A)
    assert (seen["verdict"], seen["result"]) == ("decap_ok", [{**PLAIN, "src": INNER_B, "dst": INNER_A}])


def test_a_device_without_a_link_header_reaches_its_peers_through_itself_only(tun):
    seen = told(tun, "from", INNER_A, "to", SECOND_INSIDE)
    with counting(tun.end) as count, tun.a.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW) as raw:
        with contextlib.suppress(OSError):  # ENOBUFS: it is dropped
            raw.sendto(quiet(INNER_A, SECOND_INSIDE), (SECOND_INSIDE, 0))
    assert count.verdicts(tun.end) == {"encap_error": 1}
    assert (seen["verdict"], seen["fate"], seen["result"]) == ("encap_error", "dropped", None)
