# SPDX-License-Identifier: GPL-2.0-only
"""Prefixes that hold the underlay itself."""
import pytest

from .explaining import explain_one
from .program import End, check_carried, counting
from .snapshot import differences, state
from .topology import A, B, INNER_A, INNER_B, RoutedNamespaces
from .traffic import TCP_BYTES, ping, tcp_transfer
from .tunnels import carrying

FAR = "203.0.113.1"


def join_whole_internet(hosts, mode, *words):
    hosts.b.ip(f"addr add {FAR}/32 dev lo")
    a, b = End(hosts.a), End(hosts.b)
    a.attach("mode", mode, "src", INNER_A, *words)
    b.attach("mode", mode)
    a.do("prefix add", "172.16.0.0/16", "bare")
    a.peer(B, "prefix", "0.0.0.0/0")
    b.peer(A, "src", INNER_B, "prefix", INNER_A)
    return a, b


def check_whole_internet(hosts, a, b):
    with carrying(hosts, a, b):
        assert ping(hosts.a, INNER_A, FAR, (0, 1452, 9000)) == []
        assert ping(hosts.b, INNER_B, INNER_A) == []
        tcp_transfer(hosts.a, INNER_A, hosts.b, FAR, TCP_BYTES)
    with counting(a, b) as count:
        assert ping(hosts.a, A, B) == [] and ping(hosts.b, B, A) == []
        assert ping(hosts.a, A, "172.16.16.1") == []
    assert count.verdicts(a) == {} == count.verdicts(b)


def test_everything_goes_through_a_peer_but_the_underlay(two_hosts, mode):
    a, b = join_whole_internet(two_hosts, mode)
    default, = two_hosts.a.ip_json("route", "show", "default")
    assert default["protocol"] == "94" or default["protocol"] == 94
    check_whole_internet(two_hosts, a, b)
    assert [bare["dst"] if isinstance(bare, dict) else bare for bare in a.show()["bare"]] == ["172.16.0.0/16"]


def test_everything_goes_through_a_peer_beside_the_hosts_own_default_route_with_routes_off(two_hosts, mode):
    two_hosts.a.ip(f"route add default via 172.16.16.1 src {INNER_A} mtu 1480")
    a, b = join_whole_internet(two_hosts, mode, "routes", "off")
    check_whole_internet(two_hosts, a, b)


def test_without_the_exception_the_underlay_too_goes_into_the_tunnel(two_hosts, mode):
    a, b = join_whole_internet(two_hosts, mode)
    a.do("prefix del", "172.16.0.0/16")
    with counting(a, b) as count:
        assert ping(two_hosts.a, A, B, timeout=0.2) == [56]
    assert count.verdicts(a) == {"encap_ok": 1} and count.verdicts(b) == {"rpf_prefix": 1}


def test_the_default_prefix_is_refused_where_the_peer_is_reached_by_the_default_route(two_hosts):
    two_hosts.a.ip("route del 172.16.0.0/20", "route add default via 172.16.16.1")
    a = End(two_hosts.a)
    a.attach()
    before = state(two_hosts.a)
    done = a.command("peer", "add", "eth0", "remote", B, "prefix", "0.0.0.0/0")
    assert done.returncode == 1 and len(done.stderr.splitlines()) == 1, done.stderr
    assert differences(before, state(two_hosts.a)) == []
    assert a.show()["peers"] == []


@pytest.fixture
def routed():
    with RoutedNamespaces() as network:
        yield network


def test_ten_slash_eight_over_an_underlay_inside_it(routed, mode):
    one, two = End(routed.ns1), End(routed.ns2)
    routed.ns1.ip("route add 10.10.20.0/24 via 10.10.10.1")
    routed.ns2.ip("addr add 10.77.0.1/32 dev lo")
    one.attach("mode", mode)
    two.attach("mode", mode)
    one.do("prefix add", "10.10.0.0/16", "bare")
    one.peer("10.10.20.2", "src", "10.10.100.10", "prefix", "10.0.0.0/8")
    two.peer("10.10.10.2", "src", "10.77.0.1", "prefix", "10.10.100.10")
    with counting(one, two) as count:
        assert ping(routed.ns1, "10.10.100.10", "10.77.0.1", (0, 1452, 9000)) == []
        tcp_transfer(routed.ns1, "10.10.100.10", routed.ns2, "10.77.0.1", TCP_BYTES)
        count.settle(lambda seen: seen.balanced(one, two))
    check_carried(count, one, two)
    with counting(one, two) as count:
        assert ping(routed.ns1, "10.10.10.2", "10.10.20.2") == []
    assert count.verdicts(one) == {} == count.verdicts(two)


def test_ten_slash_eight_is_refused_where_it_would_hold_the_route_to_the_peer(routed):
    one = End(routed.ns1)
    one.attach()
    before = state(routed.ns1)
    done = one.command("peer", "add", "eth0", "remote", "10.10.20.2", "prefix", "10.0.0.0/8")
    assert done.returncode == 1 and "10.10.20.2" in done.stderr and len(done.stderr.splitlines()) == 1, done.stderr
    assert differences(before, state(routed.ns1)) == []


@pytest.fixture
def gatewayed(two_hosts):
    """A with a default route, and a tunnel to B."""
    two_hosts.a.ip("route add default via 172.16.16.1")
    end = End(two_hosts.a)
    end.attach("src", INNER_A)
    end.peer(B)
    return end


EXCEPTION, WHOLE = ("prefix add", "10.9.0.0/16", "bare"), ("prefix add", "10.0.0.0/8", "remote", B)


@pytest.mark.parametrize("first, second", [(WHOLE, EXCEPTION), (EXCEPTION, WHOLE)],
                         ids=["the exception last", "the exception first"])
def test_an_exception_that_the_kernel_leads_into_the_tunnel_is_told(gatewayed, first, second):
    assert gatewayed.do(*first) == []
    warning, = gatewayed.do(*second)
    assert "10.0.0.0/8 leads it into one, and it is lost" in warning
    assert "'ip route add 10.9.0.0/16 via 172.16.16.1 dev eth0'" in warning


def test_what_goes_by_an_exception_that_the_kernel_leads_into_the_tunnel_is_counted(gatewayed):
    gatewayed.do(*WHOLE)
    gatewayed.do(*EXCEPTION)
    for route, verdicts in ("", {"encap_no_prefix": 1}), ("route add 10.9.0.0/16 via 172.16.16.1", {}):
        gatewayed.namespace.ip(route)
        explained = explain_one(gatewayed, "from", INNER_A, "to", "10.9.0.1")
        with counting(gatewayed) as count:
            assert ping(gatewayed.namespace, INNER_A, "10.9.0.1", timeout=0.1) == [56]
        assert count.verdicts(gatewayed) == verdicts
        assert explained["verdict"] == next(iter(verdicts), None) and explained["fate"] == "untouched"


def test_an_exception_with_a_route_of_its_own_is_none_to_tell(gatewayed):
    gatewayed.namespace.ip("route add 10.9.0.0/16 via 172.16.16.1")
    assert gatewayed.do(*WHOLE) == gatewayed.do(*EXCEPTION) == []
    assert gatewayed.do("prefix add", "10.9.7.0/24", "remote", B) == [] == gatewayed.attach()


@pytest.mark.parametrize("prefix, told", [("172.16.0.0/12", 1), ("172.16.16.0/20", 1), ("172.16.16.0/24", 0)])
def test_a_prefix_that_holds_the_devices_own_network_is_told(gatewayed, prefix, told):
    gatewayed.attach("routes", "off")
    warnings = gatewayed.do("prefix add", prefix, "remote", B)
    assert len(warnings) == told
    assert all("'ipipbpf prefix add eth0 172.16.16.0/20 bare'" in warning for warning in warnings)


def test_the_devices_own_network_as_an_exception_is_none_to_tell(gatewayed):
    gatewayed.do("prefix add", "172.16.16.0/20", "bare")
    assert gatewayed.do("prefix add", "172.16.0.0/12", "remote", B) == []


def test_everything_goes_through_a_peer_beside_the_hosts_own_default_route(two_hosts, mode):
    """As README.md has it."""
    two_hosts.a.ip("route del 172.16.0.0/20", "route add default via 172.16.16.1")
    two_hosts.b.ip(f"addr add {FAR}/32 dev lo")
    a, b = End(two_hosts.a), End(two_hosts.b)
    a.attach("mode", mode, "src", INNER_A)
    b.attach("mode", mode)
    b.peer(A, "src", INNER_B, "prefix", INNER_A)
    refused = a.command("peer", "add", "eth0", "remote", B, "prefix", "0.0.0.0/0")
    assert refused.returncode == 1 and "0.0.0.0/1 and 128.0.0.0/1" in refused.stderr
    two_hosts.a.ip(f"route add {B}/32 via 172.16.16.1")
    a.do("prefix add", "172.16.16.0/20", "bare")
    assert a.peer(B, "prefix", "0.0.0.0/1", "prefix", "128.0.0.0/1") == []
    with carrying(two_hosts, a, b):
        assert ping(two_hosts.a, INNER_A, FAR, (0, 1452, 9000)) == []
        tcp_transfer(two_hosts.a, INNER_A, two_hosts.b, FAR, TCP_BYTES)
    assert ping(two_hosts.a, A, "172.16.16.1") == []
