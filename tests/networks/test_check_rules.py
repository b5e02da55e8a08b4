# SPDX-License-Identifier: GPL-2.0-only
"""What `check` says of firewalls, address translation and bridges around a tunnel, and of gateways."""
import pytest

from .checking import SILENCE_SECONDS, check, flows, follow, nft
from .program import End
from .topology import A, B, INNER_A, INNER_B, Gateways, Network, cable
from .traffic import ping


def test_fragments_for_the_stack_that_it_drops(tunnel):
    end, _ = tunnel.ends
    nft(tunnel.a, "table inet f { chain c { type filter hook input priority 0; meta l4proto 4 drop; } }")
    assert check(end).status == 0
    end.attach("fragments", "stack")
    assert [(line["check"], line["severity"]) for line in check(end).in_the_way] == [("firewall", "warning")]
    assert len(follow(end)) == 1


def test_a_rule_against_ipip_that_does_no_harm_is_named_all_the_same(tunnel):
    end, _ = tunnel.ends
    tunnel.a.run("iptables-nft", "-A", "INPUT", "-p", "4", "-j", "DROP")
    found = check(end)
    assert found.status == 0 and "INPUT" in found.what("firewall") and flows(tunnel)


@pytest.fixture
def gateways():
    with Gateways() as network:
        a, b = End(network.a), End(network.b)
        a.attach("src", network.GATEWAY_A)
        b.attach("src", network.GATEWAY_B)
        a.peer(B, "prefix", "192.168.2.0/24")
        b.peer(A, "prefix", "192.168.1.0/24")
        network.ends = a, b
        yield network


def joined(network):
    """Whether the hosts behind the gateways reach each other."""
    return ping(network.lan_a, network.LAN_A, network.LAN_B, timeout=0.5) == []


@pytest.mark.parametrize("setting", ("net.ipv4.ip_forward", "net.ipv4.conf.eth0.forwarding",
                                     "net.ipv4.conf.lan0.forwarding"))
def test_a_gateway_that_does_not_forward(gateways, setting):
    end, _ = gateways.ends
    assert check(end).in_the_way == [] and joined(gateways)
    gateways.a.sysctl(setting, 0)
    assert "forwarding" in [line["check"] for line in check(end).in_the_way] and not joined(gateways)
    follow(end)
    assert joined(gateways)


def post(rules):
    return f"table ip nat {{ chain kube {{ meta mark and 0x4000 != 0x4000 return; masquerade; }} " \
           f"chain post {{ type nat hook postrouting priority 100; {rules}; }} }}"


@pytest.mark.parametrize("rules, loss", (
    ("oifname eth0 masquerade", True),
    ("ip saddr 192.168.1.0/24 oifname eth0 masquerade", True),
    ("ip saddr 192.168.0.0/16 ip daddr != 10.0.0.0/8 snat to 172.16.16.22", True),
    ("ip saddr 192.168.1.128/25 oifname eth0 masquerade", None),
    ("iifname lan0 oif eth0 counter masquerade random", True),
    ("ip daddr 192.168.2.0/24 accept; oifname eth0 masquerade", False),
    ("ip daddr { 10.0.0.0/8, 192.168.0.0/16 } return; oifname eth0 masquerade", False),
    ("oifname eth0 ip daddr != 192.168.0.0/16 masquerade", False),
    ("oifname != \"eth*\" masquerade", False),
    ("ip saddr 172.17.0.0/16 oifname != \"docker0\" masquerade", False),
    ("jump kube", False),
    ("ip protocol 4 masquerade", None),
))
def test_masquerade_is_told_where_it_takes_what_goes_into_the_tunnels(gateways, rules, loss):
    end, _ = gateways.ends
    nft(gateways.a, post(rules))
    told = [line["check"] for line in check(end).in_the_way]
    if loss is None:
        assert set(told) <= {"masquerade"}
        return
    assert told == (["masquerade"] if loss else []) and joined(gateways) != loss
    follow(end)
    assert joined(gateways)


@pytest.mark.parametrize("rules", (
    "type filter hook input priority 0; policy drop; ct state established,related accept; "
    "icmp type echo-request accept; tcp dport 22 accept",
    "type filter hook forward priority 0; policy drop; iifname eth0 oifname lan0 accept; iifname lan0 accept",
    "type filter hook input priority 0; policy drop; icmp type { echo-request, echo-reply } accept",
    "type filter hook prerouting priority 0; fib saddr . iif oif missing drop",
    "type filter hook prerouting priority 0; iifname != eth0 ip saddr 192.168.2.0/24 drop; meta nfproto ipv6 drop",
    "type filter hook input priority 0; ip protocol 4 drop",
    "type filter hook output priority 0; ip daddr 172.16.1.62 meta l4proto ipencap reject",
))
def test_rules_that_let_the_tunnel_be_are_no_finding(gateways, rules):
    end, _ = gateways.ends
    nft(gateways.a, f"table inet f {{ chain c {{ {rules}; }} }}")
    assert check(end).in_the_way == [] and joined(gateways)


def test_an_input_that_drops_is_no_matter_to_a_gateway_that_forwards(gateways):
    end, _ = gateways.ends
    nft(gateways.a, "table inet f { chain c { type filter hook input priority 0; policy drop; "
                    "iifname != eth0 accept; } }")
    assert check(end).in_the_way == [] and joined(gateways)


@pytest.mark.parametrize("rules", ("type filter hook forward priority 0; policy drop; accept",
                                   "type filter hook postrouting priority 0; counter"))
def test_forward_on_passes_rules_by(gateways, rules):
    end, _ = gateways.ends
    nft(gateways.a, f"table inet f {{ chain c {{ {rules}; }} }}")
    assert check(end).in_the_way == []
    end.attach("forward", "on")
    line, = check(end).in_the_way
    assert (line["check"], line["severity"]) == ("firewall", "warning") and "forward on" in line["what"]
    assert len(follow(end)) == 1 and end.show()["forward"] is False and joined(gateways)


def test_forward_on_without_rules_is_well_unless_the_kernel_does_not_forward(gateways):
    end, _ = gateways.ends
    nft(gateways.a, "table inet f { chain c { type filter hook input priority 0; counter; } }")
    end.attach("forward", "on")
    assert check(end).in_the_way == []
    gateways.a.sysctl("net.ipv4.conf.eth0.forwarding", 0)
    assert [line["check"] for line in check(end).in_the_way] == ["forwarding"]
    assert len(follow(end)) == 1 and joined(gateways)


@pytest.fixture
def bridged():
    """Two hosts whose underlay device is a bridge with one port."""
    with Network() as network:
        network.a, network.b = network.host("A"), network.host("B")
        cable(network.a, "port", network.b, "port")
        ends = []
        for namespace, outer, inner in ((network.a, "10.1.1.1", INNER_A), (network.b, "10.1.1.2", INNER_B)):
            namespace.ip("link add br0 type bridge", "link set port master br0", "link set br0 up",
                         f"addr add {outer}/24 dev br0", f"addr add {inner}/32 dev lo")
            ends.append(End(namespace, "br0"))
            ends[-1].attach("src", inner)
        ends[0].peer("10.1.1.2", "prefix", INNER_B)
        ends[1].peer("10.1.1.1", "prefix", INNER_A)
        network.ends = ends
        yield network


@pytest.mark.parametrize("family, hook, rule", (
    ("bridge", "input", "ip protocol 4 drop"),
    ("bridge", "prerouting", "ip saddr 10.1.1.2 drop"),
    ("bridge", "output", "meta protocol ip ip protocol { 4, 47 } drop"),
    ("netdev", "ingress device port", "ip protocol ipencap drop"),
    ("netdev", "egress device port", "ip protocol ipencap drop"),
))
def test_rules_below_the_device_see_ipip(bridged, family, hook, rule):
    end, _ = bridged.ends
    assert check(end).in_the_way == [] and flows(bridged)
    nft(bridged.a, f"table {family} t {{ chain c {{ type filter hook {hook} priority 0; {rule}; }} }}")
    line, = check(end).in_the_way
    assert (line["check"], line["severity"]) == ("firewall", "error") and not flows(bridged, SILENCE_SECONDS)
    assert len(follow(end)) == 1 and flows(bridged)
