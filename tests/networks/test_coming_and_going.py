# SPDX-License-Identifier: GPL-2.0-only
"""Attachments that come, go and are renewed while traffic flows, and devices that vanish under them."""
import os
import time

import pytest

from pace import all_or, seconds

from .program import End, counting, plain_binary
from .snapshot import differences, pinned, state, without_ids
from .topology import A, B, INNER_A, INNER_B, cable
from .traffic import Stream, ping
from .tunnels import between_two_hosts, carrying

TIMES = all_or(50, 3)
RATE, MODE_RATE = all_or((10_000, 2000), (200, 200))
LO_FORWARDING = "net.ipv4.conf.lo.forwarding"

# Where native and skb mode take the same way.
both_hooks = pytest.mark.parametrize("mode", ("native", "tc"))


def join(end, remote, source, prefix, *words, **options):
    end.attach("src", source, *words, **options)
    end.peer(remote, "prefix", prefix, **options)


def icmp_sent(namespace):
    """How many ICMP messages the namespace has sent, errors and all."""
    names, values = [line.split() for line in namespace.run("cat", "/proc/net/snmp").splitlines()
                     if line.startswith("Icmp:")]
    return int(values[names.index("OutMsgs")])


@both_hooks
def test_attach_and_detach_many_times_under_traffic(two_hosts, mode):
    before = state(two_hosts.a)
    a, b = End(two_hosts.a), End(two_hosts.b)
    join(b, A, INNER_B, INNER_A, "mode", mode)
    pins = pinned()
    with Stream(two_hosts.a, INNER_A, two_hosts.b, INNER_B, 1000) as stream:
        for _ in range(TIMES):
            join(a, B, INNER_A, INNER_B, "mode", mode, program=plain_binary())
            a.detach(program=plain_binary())
            assert pinned() == pins
    assert differences({**before, "pinned": pins}, state(two_hosts.a)) == []
    assert stream.received == sorted(set(stream.received)) and stream.received
    join(a, B, INNER_A, INNER_B, "mode", mode)
    with carrying(two_hosts, a, b):
        assert ping(two_hosts.a, INNER_A, INNER_B) == []


def test_attach_over_a_running_attachment_loses_no_packet(two_hosts, mode):
    a, b = between_two_hosts(two_hosts, mode)
    assert ping(two_hosts.a, INNER_A, INNER_B) == [] and ping(two_hosts.b, INNER_B, INNER_A) == []
    sent = icmp_sent(two_hosts.a), icmp_sent(two_hosts.b)
    start = time.monotonic()
    with counting(a, b) as count, Stream(two_hosts.a, INNER_A, two_hosts.b, INNER_B, RATE) as there, \
            Stream(two_hosts.b, INNER_B, two_hosts.a, INNER_A, RATE) as back:
        for _ in range(TIMES):
            assert a.attach(program=plain_binary()) == []
        seconds = time.monotonic() - start
    assert (there.missing, back.missing, there.refused, back.refused) == ([], [], [], [])
    assert (icmp_sent(two_hosts.a), icmp_sent(two_hosts.b)) == sent
    assert count.verdicts(a) == {"encap_ok": there.sent, "decap_ok": back.sent}
    assert count.verdicts(b) == {"encap_ok": back.sent, "decap_ok": there.sent}
    print(f"{there.sent / seconds:.0f} and {back.sent / seconds:.0f} packets a second")


def test_attach_changes_the_mode_under_traffic_and_keeps_peers_and_counters(two_hosts):
    a, b = between_two_hosts(two_hosts, "tc")
    for mode in ("skb", "tc", "native", "tc", "native", "skb", "native"):
        with counting(a, b) as count, Stream(two_hosts.a, INNER_A, two_hosts.b, INNER_B, MODE_RATE) as stream:
            a.attach("mode", mode)
        assert a.show()["mode"] == mode and stream.missing == []
        assert count.verdicts(a) == {"encap_ok": stream.sent}
        with carrying(two_hosts, a, b):
            assert ping(two_hosts.a, INNER_A, INNER_B) == []


@both_hooks
def test_a_link_that_was_down_is_mended_by_attach(two_hosts, mode):
    a, b = between_two_hosts(two_hosts, mode)
    before = without_ids(state(two_hosts.a))
    underlay = "route add 172.16.0.0/20 via 172.16.16.1"
    two_hosts.a.ip("link set eth0 down", "link set eth0 up", underlay)
    two_hosts.a.await_link("eth0")
    two_hosts.router.await_link("to-a")
    missing = a.show()["missing"]
    assert any(INNER_B in thing for thing in missing) and any("169.254.4.4" in thing for thing in missing), missing
    a.attach()
    assert a.show()["missing"] == []
    assert differences(before, without_ids(state(two_hosts.a))) == []
    with carrying(two_hosts, a, b):
        assert ping(two_hosts.a, INNER_A, INNER_B) == []


@both_hooks
def test_a_device_deleted_while_attached_is_taken_over_when_it_is_made_anew(two_hosts, mode):
    a, b = between_two_hosts(two_hosts, mode)
    two_hosts.a.ip("link del eth0")
    cable(two_hosts.a, f"eth0 {A}/20", two_hosts.router, "to-a 172.16.16.1/20")
    two_hosts.a.ip("route add 172.16.0.0/20 via 172.16.16.1")
    a.attach("mode", mode, "src", INNER_A)
    if not a.show()["peers"]:
        a.peer(B, "prefix", INNER_B)
    assert a.show()["missing"] == []
    with carrying(two_hosts, a, b):
        assert ping(two_hosts.a, INNER_A, INNER_B) == []
    a.detach()
    assert two_hosts.a.sysctl(LO_FORWARDING) == "0"
    assert not os.path.exists(a.pins)


@both_hooks
def test_a_device_deleted_while_attached_is_named_and_detached(two_hosts, mode):
    before = state(two_hosts.a)
    a, _ = between_two_hosts(two_hosts, mode)
    two_hosts.a.ip("link del eth0")
    done = a.command("show")
    assert done.returncode == 0 and "eth0" in done.stdout + done.stderr
    a.detach()
    assert not os.path.exists(a.pins) and two_hosts.a.sysctl(LO_FORWARDING) == "0"
    after = state(two_hosts.a)
    assert after["A"]["routes"] == [route for route in before["A"]["routes"] if route.get("dev") == "lo"]


def make_anew(network, name):
    """A again, in a namespace of that name, whose predecessor is gone."""
    again = network.host("A again", name)
    # The kernel takes the old cable away a little after the namespace.
    deadline = time.monotonic() + seconds(10)
    while network.router.run("ip", "link", "show", "to-a", check=False) and time.monotonic() < deadline:
        time.sleep(0.05)
    cable(again, f"eth0 {A}/20", network.router, "to-a 172.16.16.1/20")
    again.ip(f"addr add {INNER_A}/32 dev lo", "route add 172.16.0.0/20 via 172.16.16.1")
    return again


def refused(done, *named):
    assert done.returncode == 1 and len(done.stderr.splitlines()) == 1, done.stderr
    assert all(thing in done.stderr for thing in named), done.stderr


@both_hooks
def test_a_namespace_deleted_while_attached_is_detached_and_made_anew(two_hosts, mode):
    a, b = between_two_hosts(two_hosts, mode)
    two_hosts.a.delete()
    refused(a.command("show"), two_hosts.a.name)
    refused(a.command("attach", "eth0"), two_hosts.a.name)
    a.detach()
    assert not os.path.exists(a.pins)
    refused(a.command("detach", "eth0"), two_hosts.a.name)
    a = End(make_anew(two_hosts, two_hosts.a.name))
    before = state(a.namespace)
    join(a, B, INNER_A, INNER_B, "mode", mode)
    with carrying(two_hosts, a, b):
        assert ping(a.namespace, INNER_A, INNER_B) == []
    a.detach()
    assert differences(before, state(a.namespace)) == []


@both_hooks
def test_pins_of_a_namespace_that_was_made_anew_are_named_and_left_alone(two_hosts, mode):
    between_two_hosts(two_hosts, mode)
    two_hosts.a.delete()
    a = End(make_anew(two_hosts, two_hosts.a.name))
    before = state(a.namespace)
    for words in (("attach", "eth0"), ("detach", "eth0"), ("peer", "add", "eth0", "remote", B)):
        refused(a.command(*words), a.pins)
        assert differences(before, state(a.namespace)) == []


@pytest.fixture
def triangle(network):
    """A with a cable to B and one to C, and inner addresses on each."""
    network.a, network.b, network.c = (network.host(label) for label in "ABC")
    for number, other in enumerate((network.b, network.c)):
        cable(network.a, f"eth{number} 10.1.{number}.1/24", other, f"eth0 10.1.{number}.2/24")
        other.ip(f"addr add 10.2.{number}.1/32 dev lo")
    network.a.ip("addr add 10.3.0.1/32 dev lo")
    return network


@both_hooks
def test_two_attachments_in_one_namespace_stand_and_fall_alone(triangle, mode):
    before = state(triangle.a)
    ends = []
    for number, other in enumerate((triangle.b, triangle.c)):
        here, there = End(triangle.a, f"eth{number}"), End(other)
        join(here, f"10.1.{number}.2", "10.3.0.1", f"10.2.{number}.1", "mode", mode)
        join(there, f"10.1.{number}.1", f"10.2.{number}.1", "10.3.0.1", "mode", mode)
        ends.append((here, there))
    for number, other in enumerate((triangle.b, triangle.c)):
        with counting(*ends[0], *ends[1]) as count:
            assert ping(triangle.a, "10.3.0.1", f"10.2.{number}.1", (0, 1452, 20000)) == []
        assert count.balanced(*ends[number]) and count.totals(ends[number][0])["tx_packets"] == 16
        assert count.verdicts(ends[1 - number][0]) == {} == count.verdicts(ends[1 - number][1])
    ends[0][0].detach()
    assert triangle.a.sysctl(LO_FORWARDING) == "1"
    with counting(*ends[1]) as count:
        assert ping(triangle.a, "10.3.0.1", "10.2.1.1") == []
    assert count.verdicts(ends[1][0]) == {"encap_ok": 1, "decap_ok": 1}
    ends[1][0].detach()
    ends[0][1].detach()
    ends[1][1].detach()
    assert differences(before, state(triangle.a)) == []


@both_hooks
def test_a_packet_leaves_by_the_device_that_the_fib_names(triangle, mode):
    # B's outer address is reached over C's cable, though its prefix is attached to the other.
    triangle.c.sysctl("net.ipv4.ip_forward", 1)
    cable(triangle.c, "to-b 10.1.9.1/24", triangle.b, "eth1 10.1.9.2/24")
    triangle.a.ip("route add 10.1.9.0/24 via 10.1.1.2")
    triangle.b.ip("route add 10.1.0.1/32 via 10.1.9.1")
    a, b = End(triangle.a), End(triangle.b, "eth1")
    join(a, "10.1.9.2", "10.3.0.1", "10.2.0.1", "mode", mode, "local", "10.1.0.1")
    b.attach("mode", mode)
    b.peer("10.1.0.1", "prefix", "10.3.0.1")
    with counting(a, b) as count:
        assert ping(triangle.a, "10.3.0.1", "10.2.0.1", (0, 1452, 3000), timeout=0.3) == [0, 1452, 3000]
    assert count.verdicts(a) == {"encap_ok": 5}
    assert count.peer(b, "10.1.0.1")["rx_packets"] == 5
