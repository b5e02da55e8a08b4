# SPDX-License-Identifier: GPL-2.0-only
"""Two namespaces behind a forwarding host, whose tunnel addresses are in no common subnet."""
import pytest

from .program import End, check_carried, counting
from .topology import RoutedNamespaces
from .traffic import TCP_BYTES, ping, tcp_transfer, udp_echo
from .wire import Capture, check_wire

NS1, NS2 = "10.10.10.2", "10.10.20.2"
TUNNEL1, TUNNEL2 = "10.10.100.10", "10.10.200.10"


@pytest.fixture
def routed():
    with RoutedNamespaces() as network:
        yield network


def join(network, mode):
    one, two = End(network.ns1), End(network.ns2)
    one.attach("mode", mode)
    two.attach("mode", mode)
    one.do("peer add", "remote", NS2, "src", TUNNEL1, "prefix", TUNNEL2)
    two.do("peer add", "remote", NS1, "src", TUNNEL2, "prefix", TUNNEL1)
    return one, two


def test_tunnel_addresses_in_no_common_subnet_reach_each_other(routed, mode):
    one, two = join(routed, mode)
    with counting(one, two) as count, Capture(routed.between, "to-ns1") as capture:
        assert ping(routed.ns1, TUNNEL1, TUNNEL2, (0, 56, 1452, 1453, 9000)) == []
        assert ping(routed.ns2, TUNNEL2, TUNNEL1, (0, 56, 1452, 1453, 9000)) == []
        udp_echo(routed.ns1, TUNNEL1, routed.ns2, TUNNEL2, (0, 100, 1452, 3000))
        tcp_transfer(routed.ns1, TUNNEL1, routed.ns2, TUNNEL2, TCP_BYTES)
        count.settle(lambda seen: seen.balanced(one, two))
    check_carried(count, one, two)
    assert check_wire(capture.frames, 1500, (NS1, NS2))


def test_the_route_of_a_prefix_prefers_the_source_that_the_peer_was_given(routed):
    one, two = join(routed, "auto")
    route, = routed.ns1.ip_json("route", "get", TUNNEL2)
    assert route["prefsrc"] == TUNNEL1
    with counting(one, two) as count:
        routed.ns1.run("ping", "-c", "1", "-W", "1", TUNNEL2)
    check_carried(count, one, two)
    assert count.verdicts(two) == {"encap_ok": 1, "decap_ok": 1}


def test_an_address_that_no_prefix_holds_is_not_reached_through_the_tunnel(routed, mode):
    one, two = join(routed, mode)
    routed.ns2.ip("addr add 10.10.200.11/32 dev lo")
    with counting(one, two) as count:
        assert ping(routed.ns1, TUNNEL1, "10.10.200.11", timeout=0.2) == [56]
    assert count.verdicts(one) == {} and count.verdicts(two) == {}
