# SPDX-License-Identifier: GPL-2.0-only
"""200 peers with 5 prefixes each on one attachment, of which 20 are there; `any` beside them."""
import pytest

from pace import all_or

from .program import End, check_carried, counting, plain_binary
from .topology import Network, cable
from .traffic import TCP_BYTES, ping, send_raw, tcp_transfer, udp_echo
from .wire import PROTO_UDP, ipv4_packet, udp_datagram

PEERS, PRESENT = all_or((200, 20), (40, 4))
LAST = PRESENT - 1
OUTER_A, INNER_A = "10.20.255.2", "10.30.255.1"
STRANGER = 250
STRANGE_SOURCE = "10.40.0.1"


def outer(number):
    return f"10.20.{number}.2"


def prefixes(number):
    return (f"10.30.{number}.0/26", f"10.30.{number}.64/26", f"10.31.{number}.0/24", f"10.32.{number}.7/32",
            f"172.20.{number}.128/25")


def inners(number):
    """An address in each of the prefixes."""
    return (f"10.30.{number}.1", f"10.30.{number}.65", f"10.31.{number}.200", f"10.32.{number}.7",
            f"172.20.{number}.129")


class Star(Network):
    """A and many remote hosts around one router."""

    def __init__(self):
        super().__init__()
        self.router, self.a, self.remotes = super().router("router"), self.host("A"), {}
        cable(self.a, f"eth0 {OUTER_A}/24", self.router, "to-a 10.20.255.1/24")
        self.a.ip(f"addr add {INNER_A}/32 dev lo", "route add default via 10.20.255.1")
        for number in (*range(PRESENT), STRANGER):
            remote = self.remotes[number] = self.host(f"remote{number}")
            cable(remote, f"eth0 {outer(number)}/24", self.router, f"to-{number} 10.20.{number}.1/24")
            remote.ip("route add default via " + f"10.20.{number}.1",
                      *(f"addr add {inner}/32 dev lo" for inner in inners(number)))


@pytest.fixture(scope="module")
def star():
    """The star with all tunnels; plain, since a thousand commands with sanitizers take their time."""
    with Star() as network:
        network.end = End(network.a)
        network.end.attach("mode", "tc", "src", INNER_A, program=plain_binary())
        for number in range(PEERS):
            words = [word for prefix in prefixes(number) for word in ("prefix", prefix)]
            network.end.do("peer add", "remote", outer(number), *words, program=plain_binary())
        network.end.do("peer add", "remote", "any", program=plain_binary())
        network.ends = {}
        for number, remote in network.remotes.items():
            end = network.ends[number] = End(remote)
            end.attach("src", inners(number)[0], program=plain_binary())
            end.do("peer add", "remote", OUTER_A, "prefix", INNER_A, program=plain_binary())
        yield network


@pytest.fixture(scope="module")
def end(star, mode):
    star.end.attach("mode", mode)
    assert star.end.show()["mode"] == mode
    return star.end


def test_every_peer_and_prefix_is_shown_and_has_its_route(star):
    shown = {peer["remote"]: peer for peer in star.end.show()["peers"]}
    assert set(shown) == {*(outer(number) for number in range(PEERS)), "any"}
    for number in range(PEERS):
        listed = {(prefix["dst"], prefix["src"], prefix["route"]) for prefix in shown[outer(number)]["prefixes"]}
        assert {dst for dst, _, _ in listed} == set(prefixes(number))
        assert all(route is True for _, _, route in listed)
    routes = star.a.ip_json("route", "show", "proto", "94")
    assert len(routes) == 5 * PEERS


def test_each_peer_that_is_there_is_reached_on_every_prefix_and_counted_for_itself(star, end):
    for number in range(PRESENT):
        with counting(end, star.ends[number]) as count:
            for inner in inners(number):
                assert ping(star.a, INNER_A, inner, (0, 1452, 3000)) == [], inner
                assert ping(star.remotes[number], inner, INNER_A) == [], inner
        # Three and one requests, of which one is three packets.
        assert count.peer(end, outer(number))["tx_packets"] == 5 * (1 + 1 + 3 + 1)
        check_carried(count, end, star.ends[number])


def test_tcp_and_udp_to_one_of_many(star, end):
    with counting(end, star.ends[LAST]) as count:
        udp_echo(star.a, INNER_A, star.remotes[LAST], inners(LAST)[2], (1, 1452, 5000))
        tcp_transfer(star.a, INNER_A, star.remotes[LAST], inners(LAST)[3], TCP_BYTES)
        count.settle(lambda seen: seen.balanced(end, star.ends[LAST]))
    check_carried(count, end, star.ends[LAST])


def test_a_stranger_is_received_by_the_peer_any_and_answered_bare(star, end):
    source = inners(STRANGER)[0]
    star.router.ip(f"route replace {source} via {outer(STRANGER)}")
    # What A answers comes bare, from an address that the stranger knows behind its tunnel.
    star.ends[STRANGER].attach("plain", "pass")
    with counting(end, star.ends[STRANGER]) as count:
        assert ping(star.remotes[STRANGER], source, INNER_A) == []
    assert count.verdicts(end) == {"decap_ok": 1}
    assert count.peer(end, "any") == {"tx_packets": 0, "tx_bytes": 0, "rx_packets": 1, "rx_bytes": 84, "drops": 0}
    assert count.verdicts(star.ends[STRANGER]) == {"encap_ok": 1}


def test_a_source_with_a_peer_of_its_own_is_not_judged_by_the_peer_any(star, end):
    packet = ipv4_packet(STRANGE_SOURCE, INNER_A, PROTO_UDP, udp_datagram(1, 9))
    with counting(end) as count:
        send_raw(star.remotes[3], packet)
    assert count.verdicts(end) == {"rpf_prefix": 1}
    assert count.peer(end, outer(3))["drops"] == 1 and count.peer(end, "any")["drops"] == 0
    with counting(end) as count:
        send_raw(star.remotes[STRANGER], packet)
    assert count.verdicts(end) == {"decap_ok": 1}


def test_a_peer_speaks_only_from_its_own_prefixes(star, end):
    for owner in (1, 2, PEERS - 1):
        with counting(end) as count:
            send_raw(star.remotes[0], ipv4_packet(inners(owner)[2], INNER_A, PROTO_UDP, udp_datagram(1, 9)))
        assert count.verdicts(end) == {"rpf_prefix": 1}
        assert count.peer(end, outer(0))["drops"] == 1


def test_deleting_a_peer_takes_its_prefixes_and_routes_and_no_others(star, end):
    end.do("peer del", "remote", outer(PEERS - 1))
    assert {peer["remote"] for peer in end.show()["peers"]} == {*(outer(number) for number in range(PEERS - 1)), "any"}
    assert len(star.a.ip_json("route", "show", "proto", "94")) == 5 * (PEERS - 1)
    listed = (word for prefix in prefixes(PEERS - 1) for word in ("prefix", prefix))
    end.do("peer add", "remote", outer(PEERS - 1), *listed)
