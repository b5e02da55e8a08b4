# SPDX-License-Identifier: GPL-2.0-only
"""`check`: silent about what is well; what is in the way is named, and the command that it prints mends it."""
import os

import pytest

from .checking import SILENCE_SECONDS, check, flows, follow, nft
from .program import End
from .test_edited_by_hand import address, peer_value, prefix_key, prefix_value
from .topology import A, B, INNER_A, INNER_B, Gateways, TwoHosts, cable
from .tunnels import between_two_hosts

ROUTER = "172.16.16.1"
NEXT_HOP = "169.254.4.4"


@pytest.fixture
def tunnel(two_hosts):
    """A and B with a tunnel in the mode that auto chooses."""
    two_hosts.ends = between_two_hosts(two_hosts, "auto")
    assert flows(two_hosts)
    return two_hosts


def test_of_a_plain_tunnel_all_is_well(mode):
    with TwoHosts() as hosts:
        for end in between_two_hosts(hosts, mode):
            assert check(end).in_the_way == [] and check(end, device=False).in_the_way == []


def test_before_and_after_the_attachment_all_is_well(two_hosts):
    end = End(two_hosts.a)
    assert "would work" in check(end).what("attach")
    end.attach()
    assert check(end).in_the_way == []
    end.detach()
    assert "would work" in check(end).what("attach") and check(end).status == 0


def test_of_two_gateways_all_is_well():
    with Gateways() as network:
        for namespace, remote, gateway, prefix in ((network.a, B, network.GATEWAY_A, "192.168.2.0/24"),
                                                   (network.b, A, network.GATEWAY_B, "192.168.1.0/24")):
            end = End(namespace)
            end.attach("src", gateway)
            end.peer(remote, "prefix", prefix)
            namespace.sysctl("net.ipv4.conf.all.rp_filter", 1)
            assert check(end).in_the_way == []
            assert "forwards for the peers" in check(end).what("forwarding")


def default_route(hosts, end):
    hosts.a.ip(f"route add default via {ROUTER}")


def wide_prefix(hosts, end):
    """It holds this host's own inner address, as a network with addresses on both sides does."""
    end.do("prefix add", "192.168.0.0/16", "remote", B)


def peer_any(hosts, end):
    end.peer("any")
    end.do("prefix add", "10.0.0.0/8", "remote", "any")


def bare_prefix(hosts, end):
    end.do("prefix add", "10.0.0.0/8", "bare")


def routes_by_hand(hosts, end):
    end.attach("routes", "off")
    hosts.a.ip(f"route replace {INNER_B} via {NEXT_HOP} dev eth0 onlink src {INNER_A} mtu 1480")


def routes_of_its_own_for_a_part(hosts, end):
    cable(hosts.a, "lan0 10.1.0.1/24", hosts.b, "lan9")
    end.do("prefix add", "10.0.0.0/8", "remote", B)


def strict_rp_filter(hosts, end):
    hosts.a.sysctl("net.ipv4.conf.all.rp_filter", 1)


def other_peers(hosts, end):
    for number in range(1, 30):
        end.peer(f"172.16.2.{number}", "prefix", f"10.2.{number}.0/24")


def off_tunl0(hosts, end):
    hosts.a.ip("link add name tunl0 type veth peer name tunl9")


@pytest.mark.parametrize("change", (default_route, wide_prefix, peer_any, bare_prefix, routes_by_hand, strict_rp_filter,
                                    routes_of_its_own_for_a_part, other_peers, off_tunl0),
                         ids=lambda change: change.__name__)
def test_what_is_unusual_and_well_is_no_finding(tunnel, change):
    change(tunnel, tunnel.ends[0])
    assert check(tunnel.ends[0]).in_the_way == []
    assert flows(tunnel)


class Trouble:
    """Something in the way: how it comes about, and what `check` must make of it."""

    def __init__(self, provoke, about, severity, breaks=True, fixed=False):
        self.provoke, self.about, self.severity = provoke, about, severity
        self.breaks, self.fixed = breaks, fixed  # traffic; mended by --fix

    def __repr__(self):
        return self.provoke.__name__


def no_neighbour(hosts, end):
    hosts.a.ip(f"neigh del {NEXT_HOP} dev eth0")


def no_route_into_the_tunnel(hosts, end):
    hosts.a.ip(f"route del {INNER_B}")


def lo_does_not_forward(hosts, end):
    hosts.a.sysctl("net.ipv4.ip_forward", 1)
    hosts.a.sysctl("net.ipv4.ip_forward", 0)


def unpin(name):
    def provoke(hosts, end):
        """A pinned link, or before Linux 6.6 a filter."""
        if os.path.exists(f"{end.pins}/{name}"):
            os.unlink(f"{end.pins}/{name}")
        else:
            hosts.a.run("tc", "filter", "del", "dev", "eth0", "egress" if name == "link_encap" else "ingress")
    provoke.__name__ = f"no_{name}"
    return provoke


def no_map(hosts, end):
    os.unlink(f"{end.pins}/paths")


def smaller_mtu(hosts, end):
    hosts.a.ip("link set eth0 mtu 1400")


def larger_mtu(hosts, end):
    hosts.a.ip("link set eth0 mtu 1600")


def local_of_another_host(hosts, end):
    end.attach("local", "172.16.16.99")
    hosts.ends[1].do("peer del", "remote", A)
    hosts.ends[1].peer("172.16.16.99", "prefix", INNER_A)


def blackhole(hosts, end):
    hosts.a.ip(f"route add blackhole {B}/32")


def prohibit(hosts, end):
    hosts.a.ip("route add prohibit 172.16.1.0/24")


def loop_of_a_host_route(hosts, end):
    hosts.a.ip(f"route add {B}/32 via {NEXT_HOP} dev eth0 onlink proto 94")


def loop_of_a_network(hosts, end):
    hosts.a.ip(f"route add 172.16.1.0/24 via {NEXT_HOP} dev eth0 onlink proto 94")


def remote_of_this_host(hosts, end):
    hosts.a.ip(f"addr add {B}/32 dev lo")


def rival_route(hosts, end):
    cable(hosts.a, "lan0 10.1.0.1/24", hosts.b, "lan9")
    hosts.a.ip(f"route prepend {INNER_B}/32 dev lan0")


def routes_off_and_no_route(hosts, end):
    end.attach("routes", "off")


def routes_off_and_no_next_hop(hosts, end):
    end.attach("routes", "off")
    hosts.a.ip(f"route replace {INNER_B}/32 dev eth0 src {INNER_A}")


def routes_off_and_elsewhere(hosts, end):
    cable(hosts.a, "lan0 10.1.0.1/24", hosts.b, "lan9")
    end.attach("routes", "off")
    hosts.a.ip(f"route replace {INNER_B}/32 via 10.1.0.9 dev lan0 onlink src {INNER_A}")


def routes_off_and_no_mtu(hosts, end):
    end.attach("routes", "off")
    hosts.a.ip(f"route replace {INNER_B} via {NEXT_HOP} dev eth0 onlink src {INNER_A}")


def prefix_by_hand_without_route(hosts, end):
    end.update("prefixes", prefix_key("10.7.0.0/16"), prefix_value(B))


def prefix_without_peer(hosts, end):
    end.update("prefixes", prefix_key("10.7.0.0/16"), prefix_value("172.16.1.99"))
    hosts.a.ip(f"route add 10.7.0.0/16 via {NEXT_HOP} dev eth0 onlink mtu 1480")


def into_ten_slash_eight(hosts, end):
    hosts.a.ip(f"route add default via {ROUTER}")
    end.do("prefix add", "10.0.0.0/8", "remote", B)


def bare_prefix_inside_a_peers(hosts, end):
    into_ten_slash_eight(hosts, end)
    end.do("prefix add", "10.9.0.0/16", "bare")


def prefix_of_any_inside_a_peers(hosts, end):
    into_ten_slash_eight(hosts, end)
    end.peer("any")
    end.do("prefix add", "10.9.0.0/16", "remote", "any")


def prefix_deleted_by_hand(hosts, end):
    end.do("prefix add", "10.9.0.0/16", "remote", B)
    end.delete("prefixes", prefix_key("10.9.0.0/16"))


def prefix_that_holds_the_underlay(hosts, end):
    end.do("prefix add", "172.16.0.0/12", "remote", B)


def peer_out_of_range(hosts, end):
    end.update("peers", address(B), peer_value(rpf=9))


def prefix_out_of_range(hosts, end):
    end.update("prefixes", prefix_key(f"{INNER_B}/32"), prefix_value(B, reserved=1))


def forward_and_no_taker(hosts, end):
    hosts.a.sysctl("net.ipv4.ip_forward", 1)
    end.attach("mode", "native", "forward", "on")


def no_src(hosts, end):
    hosts.a.ip(f"addr del {INNER_A}/32 dev lo")


def tunl0(hosts, end):
    hosts.a.ip("link add name tunl0 type veth peer name tunl9", "link set tunl0 up")


def filtered(hook, rule="", policy="accept"):
    return f"table inet f {{ chain c {{ type filter hook {hook} priority 0; policy {policy}; {rule}; }} }}"


def input_policy(hosts, end):
    nft(hosts.a, filtered("input", "iifname lo accept", "drop"))


def inner_network_refused(hosts, end):
    nft(hosts.a, "table inet f { set bogons { type ipv4_addr; flags interval; "
                 "elements = { 10.0.0.0/8, 192.168.0.0/16 }; } chain wan { ip saddr @bogons drop; } "
                 "chain c { type filter hook prerouting priority -300; "
                 "iifname vmap { lo : accept, eth0 : jump wan }; } }")


def output_refused(hosts, end):
    nft(hosts.a, filtered("output", "oifname \"eth*\" ip daddr 192.168.1.200-192.168.1.255 reject"))


def iptables(*lines):
    def provoke(hosts, end):
        for line in lines:
            hosts.a.run("iptables-nft", *line.split())
    provoke.__name__ = "iptables " + lines[-1]
    return provoke


def masquerade(hosts, end):
    nft(hosts.a, "table ip nat { chain post { type nat hook postrouting priority 100; oifname eth0 masquerade; } }")


def snat_in_a_jump(hosts, end):
    nft(hosts.a, "table inet n { chain out { snat ip to 172.16.16.22; } chain post { type nat hook postrouting "
                 "priority 100; ip daddr 10.0.0.0/8 accept; meta nfproto ipv4 oif eth0 goto out; } }")


TROUBLES = (
    Trouble(no_neighbour, "attachment", "error", fixed=True),
    Trouble(no_route_into_the_tunnel, "attachment", "error", fixed=True),
    Trouble(lo_does_not_forward, "attachment", "error", fixed=True),
    Trouble(unpin("link_encap"), "attachment", "error", fixed=True),
    Trouble(unpin("link_decap"), "attachment", "error", fixed=True),
    Trouble(no_map, "attachment", "error", breaks=False, fixed=True),
    Trouble(smaller_mtu, "mtu", "warning", breaks=False, fixed=True),
    Trouble(larger_mtu, "mtu", "warning", breaks=False, fixed=True),
    Trouble(local_of_another_host, "local", "warning"),
    Trouble(blackhole, "remote", "error"),
    Trouble(prohibit, "remote", "error"),
    Trouble(loop_of_a_host_route, "remote", "error"),
    Trouble(loop_of_a_network, "remote", "error"),
    Trouble(remote_of_this_host, "remote", "error"),
    Trouble(rival_route, "prefix", "error"),
    Trouble(routes_off_and_no_route, "prefix", "error"),
    Trouble(routes_off_and_no_next_hop, "prefix", "error"),
    Trouble(routes_off_and_elsewhere, "prefix", "error"),
    Trouble(routes_off_and_no_mtu, "mtu", "warning", breaks=False),
    Trouble(prefix_by_hand_without_route, "prefix", "error", breaks=False),
    Trouble(bare_prefix_inside_a_peers, "outside", "error", breaks=False),
    Trouble(prefix_of_any_inside_a_peers, "outside", "error", breaks=False),
    Trouble(prefix_deleted_by_hand, "outside", "warning", breaks=False),
    Trouble(prefix_that_holds_the_underlay, "outside", "error", breaks=False),
    Trouble(prefix_without_peer, "attachment", "error", breaks=False),
    Trouble(peer_out_of_range, "attachment", "error"),
    Trouble(prefix_out_of_range, "attachment", "error"),
    Trouble(forward_and_no_taker, "xdp", "warning", breaks=False),
    Trouble(no_src, "attach", "error"),
    Trouble(tunl0, "tunl0", "warning", breaks=False),
    Trouble(input_policy, "firewall", "warning"),
    Trouble(inner_network_refused, "firewall", "warning"),
    Trouble(output_refused, "firewall", "warning"),
    Trouble(iptables("-A INPUT -i eth0 -s 192.168.0.0/16 -j DROP"), "firewall", "warning"),
    Trouble(iptables("-A OUTPUT -d 192.168.0.0/16 -j REJECT"), "firewall", "warning"),
    Trouble(masquerade, "masquerade", "warning"),
    Trouble(snat_in_a_jump, "masquerade", "warning"),
    Trouble(iptables("-t nat -A POSTROUTING -o eth0 -j MASQUERADE"), "masquerade", "warning"),
    Trouble(iptables("-t nat -A POSTROUTING -m comment --comment hello -s 192.168.1.0/24 -j SNAT --to-source " + A),
            "masquerade", "warning"),
)
"""Some come with others in their wake: the one that is named is among what is found."""


@pytest.mark.parametrize("trouble", TROUBLES, ids=repr)
def test_the_command_mends_it(tunnel, trouble):
    end, _ = tunnel.ends
    trouble.provoke(tunnel, end)
    found = check(end)
    assert trouble.severity in [line["severity"] for line in found.in_the_way if line["check"] == trouble.about], found
    assert all(line["command"] for line in found.in_the_way)
    assert flows(tunnel, SILENCE_SECONDS) != trouble.breaks
    if not trouble.fixed:
        assert check(end, "--fix").in_the_way == found.in_the_way, "what belongs to others was touched"
    follow(end)
    assert flows(tunnel)


@pytest.mark.parametrize("trouble", [trouble for trouble in TROUBLES if trouble.fixed], ids=repr)
def test_fix_mends_it_and_says_so(tunnel, trouble):
    end, _ = tunnel.ends
    trouble.provoke(tunnel, end)
    found = check(end, "--fix")
    assert found.status == 0 and [line["check"] for line in found.fixed] == [trouble.about]
    assert flows(tunnel) and check(end).in_the_way == []
