# SPDX-License-Identifier: GPL-2.0-only
"""After detach nothing is left of ours, and all is left that others made."""
import pytest

from .program import End
from .snapshot import differences, state, tcx, without_ids
from .strangers import ATTACH_TCX_EGRESS, ATTACH_TCX_INGRESS, ATTACH_XDP, XDP_FLAGS_DRV_MODE, Stranger
from .topology import A, B, INNER_A, INNER_B
from .traffic import ping
from .tunnels import between_two_hosts, carrying

LO_FORWARDING = "net.ipv4.conf.lo.forwarding"

# Where native and skb mode take the same way.
both_hooks = pytest.mark.parametrize("mode", ("native", "tc"))


def test_detach_leaves_what_was_there_before(two_hosts, mode):
    before = state(two_hosts.a, two_hosts.b)
    a, b = between_two_hosts(two_hosts, mode)
    a.do("peer add", "remote", "any")
    a.do("peer add", "remote", "172.16.1.70", "prefix", "10.0.0.0/8", "prefix", "192.168.7.0/24")
    a.do("prefix add", "10.1.0.0/16", "bare")
    assert differences(before, state(two_hosts.a, two_hosts.b)) != []
    with carrying(two_hosts, a, b):
        assert ping(two_hosts.a, INNER_A, INNER_B) == []
    a.detach()
    b.detach()
    assert differences(before, state(two_hosts.a, two_hosts.b)) == []


@pytest.mark.parametrize("device, value", (("all", 1), ("lo", 1)))
def test_forwarding_that_was_on_stays_on(two_hosts, device, value):
    two_hosts.a.sysctl(f"net.ipv4.conf.{device}.forwarding", value)
    before = state(two_hosts.a)
    a = End(two_hosts.a)
    a.attach()
    a.detach()
    assert differences(before, state(two_hosts.a)) == []
    assert two_hosts.a.sysctl(LO_FORWARDING) == "1"


def test_peers_and_prefixes_that_come_and_go_leave_nothing(two_hosts):
    a = End(two_hosts.a)
    a.attach()
    before = state(two_hosts.a)
    a.peer(B, "prefix", INNER_B, "prefix", "10.7.0.0/16")
    a.do("prefix add", "10.8.0.0/16", "remote", B)
    a.do("prefix del", "10.7.0.0/16")
    a.do("prefix add", "10.9.0.0/16", "bare")
    a.do("prefix del", "10.9.0.0/16")
    a.do("peer del", "remote", B)
    assert differences(before, state(two_hosts.a)) == []


@both_hooks
def test_others_routes_neighbours_and_qdiscs_stay(two_hosts, mode):
    two_hosts.a.ip("route add 10.0.0.0/8 via 172.16.16.1",
                   "neigh add 172.16.16.9 lladdr 02:00:00:00:00:09 dev eth0 nud permanent",
                   "route add 10.5.0.0/16 via 172.16.16.1 proto static")
    two_hosts.a.run("tc", "qdisc", "add", "dev", "eth0", "clsact")
    before = state(two_hosts.a)
    a = End(two_hosts.a)
    a.attach("mode", mode, "src", INNER_A)
    a.peer(B, "prefix", INNER_B, "prefix", "10.6.0.0/16")
    a.detach()
    assert differences(before, state(two_hosts.a)) == []


@both_hooks
@pytest.mark.parametrize("hook", (ATTACH_TCX_INGRESS, ATTACH_TCX_EGRESS), ids=("ingress", "egress"))
def test_others_programs_on_the_tcx_hooks_stay_and_run_beside_ours(two_hosts, mode, hook):
    with Stranger(two_hosts.a, "eth0", hook):
        before, programs = state(two_hosts.a), tcx(two_hosts.a, "eth0")
        a, b = between_two_hosts(two_hosts, mode)
        now = tcx(two_hosts.a, "eth0")
        assert all(set(programs[side]) <= set(now[side]) for side in programs)
        a.attach()
        with carrying(two_hosts, a, b):
            assert ping(two_hosts.a, INNER_A, INNER_B) == []
        a.detach()
        b.detach()
        assert differences(before, state(two_hosts.a)) == []


def test_an_xdp_program_of_others_stays_beside_the_tc_mode(two_hosts):
    with Stranger(two_hosts.a, "eth0", ATTACH_XDP, XDP_FLAGS_DRV_MODE):
        before = state(two_hosts.a)
        a, b = between_two_hosts(two_hosts, "tc")
        with carrying(two_hosts, a, b):
            assert ping(two_hosts.a, INNER_A, INNER_B) == []
        a.detach()
        b.detach()
        assert differences(before, state(two_hosts.a)) == []


def test_a_program_that_others_put_in_our_place_is_not_detached(two_hosts):
    a = End(two_hosts.a)
    before = state(two_hosts.a)
    a.attach("mode", "tc")
    with Stranger(two_hosts.a, "eth0", ATTACH_XDP, XDP_FLAGS_DRV_MODE):
        theirs = two_hosts.a.ip_json("link", "show", "dev", "eth0")[0]["xdp"]
        a.detach()
        assert two_hosts.a.ip_json("link", "show", "dev", "eth0")[0]["xdp"] == theirs
    assert differences(before, state(two_hosts.a)) == []


@both_hooks
def test_show_changes_nothing(two_hosts, mode):
    empty = state(two_hosts.a)
    a = End(two_hosts.a)
    assert a.command("show").returncode == 0
    assert differences(empty, state(two_hosts.a)) == []
    a.attach("mode", mode)
    a.peer(B, "prefix", INNER_B)
    before = state(two_hosts.a)
    for words in (("show",), ("show", "eth0"), ("-j", "show"), ("-V",), ("help",), ("attach", "help")):
        assert a.command(*words).returncode == 0, words
    assert differences(before, state(two_hosts.a)) == []


@both_hooks
def test_attach_again_without_words_changes_nothing(two_hosts, mode):
    a = End(two_hosts.a)
    a.attach("mode", mode, "src", INNER_A, "rpf", "loose", "ttl", "33", "tos", "0x10", "plain", "drop",
             "ecn", "compat", "mtu_expires", "66", "icmp", "77", "cache", "88", "forward", "on", "spread", "on")
    a.peer(B, "ttl", "44", "rpf", "strict", "monitor", "prefix", INNER_B)
    shown, before = a.show(), without_ids(state(two_hosts.a))
    a.attach()
    assert a.show() == shown
    assert differences(before, without_ids(state(two_hosts.a))) == []
    assert a.show()["local"] == A
