# SPDX-License-Identifier: GPL-2.0-only
"""Which inner sources are let in: by prefix, by the route back, and together with the kernel's own rp_filter."""
import collections
import functools
import select
import socket
import time

import pytest

from pace import seconds

from .program import End, counting
from .topology import A, B, INNER_A, INNER_B, TwoHosts, cable
from .traffic import ping, raw_socket, send_raw, udp_echo
from .tunnels import between_two_hosts, carrying
from .wire import IPv4, PROTO_ICMP, PROTO_UDP, Capture, icmp_echo, ipv4_packet, udp_datagram

# How A routes back to an inner source, whose third byte tells the kind. {} is that source.
ROUTES = {
    "through eth0": "route add {} via 172.16.16.1 dev eth0",
    "through another device": "route add {} via 10.66.0.2 dev eth1",
    "local": "addr add {}/32 dev lo",
    "broadcast": "route add broadcast {} dev eth0",
    "blackhole": "route add blackhole {}",
    "unreachable": "route add unreachable {}",
    "prohibit": "route add prohibit {}",
    "absent": None,
}
LISTED, UNLISTED = "10.98", "10.99"
RPF = ("strict", "strict monitor", "loose", "loose monitor", "off")
ANSWER_SECONDS = seconds(0.03)


def source_of(kind, net):
    return f"{net}.{list(ROUTES).index(kind)}.1"


@functools.cache
def weight(kind):
    """How many packets a kind sends: powers of two, so that a sum tells which kinds it holds."""
    return 1 << list(ROUTES).index(kind)


def verdict(kind, net, rpf):
    """What the contract says of an inner source whose route back is of this kind."""
    check, _, monitor = rpf.partition(" ")
    if check == "off":
        return "decap_ok"
    if check == "strict" and net == UNLISTED:
        refused = "rpf_prefix"
    elif kind == "through eth0" or (kind == "through another device" and check == "loose"):
        return "decap_ok"
    elif kind == "through another device":
        refused = "rpf_route"
    else:
        refused = "no_route"
    return refused + ("_mon" if monitor else "")


@pytest.fixture(scope="module")
def hosts():
    """Two hosts with a second cable, on which A has a route of each kind to one source, twice."""
    with TwoHosts() as network:
        cable(network.a, "eth1 10.66.0.1/30", network.b, "eth1 10.66.0.2/30")
        network.router.ip(f"route add {LISTED}.0.0/16 via {B}", f"route add {UNLISTED}.0.0/16 via {B}",
                          f"route add {INNER_A} via {A}")
        for net in (LISTED, UNLISTED):
            network.a.ip(*(route.format(source_of(kind, net)) for kind, route in ROUTES.items() if route))
            # B keeps silent about answers that it has no use for.
            network.b.ip(f"route add blackhole {net}.0.0/16",
                         *(f"addr add {source_of(kind, net)}/32 dev lo" for kind in list(ROUTES)[:2]))
        yield network


def settings(network, forward, rp_filter):
    for namespace in (network.a, network.b):
        namespace.sysctl("net.ipv4.ip_forward", forward)
        namespace.sysctl("net.ipv4.conf.all.rp_filter", rp_filter)
    assert ping(network.a, A, B) == [] and ping(network.a, "10.66.0.1", "10.66.0.2") == []


def answers(network, net, weights):
    """Sends echo requests to A from each kind's source; returns the kinds that B got an answer for."""
    with network.b.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP) as raw, raw_socket(network.b) as sender:
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        for kind in ROUTES:
            for number in range(weights(kind)):
                packet = ipv4_packet(source_of(kind, net), INNER_A, PROTO_ICMP, icmp_echo(7, number))
                sender.sendto(packet, (INNER_A, 0))
        answered = set()
        while select.select([raw], [], [], ANSWER_SECONDS)[0]:
            packet = IPv4(raw.recv(1 << 16))
            if packet.payload[0] == 0 and packet.dst.startswith(net):
                answered.add(list(ROUTES)[int(packet.dst.split(".")[2])])
    return answered


@pytest.fixture(scope="module")
def kernel_answers(hosts):
    """What is answered when the same packets arrive bare, with nothing attached: the kernel's own judgement."""
    hosts.b.ip(f"route add {INNER_A} via 172.16.0.1")
    seen = {}
    for forward in (0, 1):
        for rp_filter in (0, 1, 2):
            settings(hosts, forward, rp_filter)
            seen[forward, rp_filter] = answers(hosts, UNLISTED, lambda kind: 1)
    hosts.b.ip(f"route del {INNER_A} via 172.16.0.1")
    return seen


@pytest.fixture(scope="module")
def ends(hosts, kernel_answers, mode):
    """A, whose peer B owns the listed sources, and B."""
    a, b = End(hosts.a), End(hosts.b)
    a.attach("mode", mode, "routes", "off")
    b.attach("mode", mode, "rpf", "off", "plain", "pass")
    a.peer(B, "prefix", f"{LISTED}.0.0/16")
    b.peer(A, "prefix", INNER_A)
    yield a, b
    a.detach()
    b.detach()


def test_the_kernel_alone_judges_as_this_test_expects(kernel_answers):
    both = {"through eth0", "through another device"}
    assert kernel_answers == {(forward, rp_filter): both if rp_filter != 1 else {"through eth0"}
                              for forward in (0, 1) for rp_filter in (0, 1, 2)}


@pytest.mark.parametrize("forward", (0, 1))
@pytest.mark.parametrize("rp_filter", (0, 1, 2))
def test_each_route_back_gets_its_verdict_and_the_kernel_its_say(hosts, kernel_answers, ends, forward, rp_filter):
    settings(hosts, forward, rp_filter)
    a, _ = ends
    # Switching ip_forward took the answers of the FIB away.
    hosts.a.sysctl("net.ipv4.conf.lo.forwarding", 1)
    for rpf in RPF:
        a.do("peer set", "remote", B, "rpf", *rpf.split())
        for net in (LISTED, UNLISTED):
            expected = collections.Counter()
            for kind in ROUTES:
                expected[verdict(kind, net, rpf)] += weight(kind)
            with counting(a) as count:
                answered = answers(hosts, net, weight)
            moved = {name: number for name, number in count.verdicts(a).items() if name != "encap_ok"}
            assert moved == dict(expected), f"rpf {rpf}, {net}"
            carried = {kind for kind in ROUTES if verdict(kind, net, rpf) == "decap_ok"
                       or verdict(kind, net, rpf).endswith("_mon")}
            assert answered == carried & kernel_answers[forward, rp_filter], f"rpf {rpf}, {net}"


@pytest.mark.parametrize("rpf", RPF)
def test_a_peer_that_speaks_from_its_outer_address(joined, rpf):
    a, b = joined.ends
    b.attach("plain", "pass")
    a.do("peer set", "remote", B, "rpf", *rpf.split())
    for namespace in (joined.a, joined.b):
        namespace.sysctl("net.ipv4.conf.all.rp_filter", 1)
    with counting(a, b) as count:
        lost = ping(joined.b, B, INNER_A, timeout=0.2)
    assert lost == ([56] if rpf == "strict" else [])
    refused = {"strict": "rpf_prefix", "strict monitor": "rpf_prefix_mon"}.get(rpf, "decap_ok")
    assert count.verdicts(a) == {refused: 1}
    # The answer goes by A's own route to 172.16.1.62, bare.
    assert count.verdicts(b) == {"encap_ok": 1}
    assert count.peer(a, B)["drops"] == (1 if rpf == "strict" else 0)


@pytest.mark.parametrize("rpf", RPF)
def test_ip_forward_switched_on_and_off_again(joined, rpf):
    a, b = joined.ends
    a.do("peer set", "remote", B, "rpf", *rpf.split())
    with carrying(joined, a, b):
        assert ping(joined.a, INNER_A, INNER_B) == []
    for value in (1, 0):
        joined.a.sysctl("net.ipv4.ip_forward", value)
    assert joined.a.sysctl("net.ipv4.conf.lo.forwarding") == "0"
    with counting(a, b) as count:
        lost = ping(joined.a, INNER_A, INNER_B, (56, 57, 3000), timeout=0.2)
    goes_on = rpf == "off" or rpf.endswith("monitor")
    assert lost == ([] if goes_on else [56, 57, 3000])
    ingress = "decap_ok" if rpf == "off" else "fib_unavailable_mon" if goes_on else "fib_unavailable"
    # 3000 bytes are three packets.
    assert count.verdicts(a) == {"encap_ok": 5, ingress: 5}
    assert count.verdicts(b) == {"encap_ok": 5, "decap_ok": 5}
    assert any("net.ipv4.conf.lo.forwarding" in thing for thing in a.show()["missing"])
    assert a.attach() == []
    assert a.show()["missing"] == []
    with carrying(joined, a, b):
        assert ping(joined.a, INNER_A, INNER_B, (56, 57, 3000)) == []


def test_egress_goes_on_after_ip_forward_was_toggled_and_every_neighbour_forgotten(two_hosts):
    a, b = between_two_hosts(two_hosts, "tc", "rpf", "off")
    for value in (1, 0):
        two_hosts.a.sysctl("net.ipv4.ip_forward", value)
    for namespace in (two_hosts.a, two_hosts.router):
        namespace.ip("neigh flush all")
    with carrying(two_hosts, a, b):
        assert ping(two_hosts.a, INNER_A, INNER_B) == []


def spoof(network):
    """The router sends A a bare datagram with B's inner source; True if A answers it (port unreachable)."""
    network.router.ip(f"route replace {INNER_A} via {A}", f"route replace {INNER_B} via {B}")
    with Capture(network.router, "to-a") as capture:
        send_raw(network.router, ipv4_packet(INNER_B, INNER_A, PROTO_UDP, udp_datagram(1, 9)))
        time.sleep(seconds(0.05))
        return any(packet.src in (A, INNER_A) for packet in capture.packets)


@pytest.mark.parametrize("rp_filter", (0, 1, 2))
def test_a_bare_packet_from_a_peers_inner_source_is_refused_under_strict(joined, rp_filter):
    joined.a.sysctl("net.ipv4.conf.all.rp_filter", rp_filter)
    a, _ = joined.ends
    with counting(a) as count:
        assert not spoof(joined)
    assert count.verdicts(a) == {"plain_source": 1}


@pytest.mark.parametrize("words, passes", (("rpf loose", True), ("plain pass", True), ("rpf loose plain drop", False),
                                           ("rpf off", True)))
def test_a_bare_packet_from_a_peers_inner_source_as_plain_says(two_hosts, mode, words, passes):
    assert ping(two_hosts.a, A, B) == []
    a, _ = between_two_hosts(two_hosts, mode, *words.split())
    with counting(a) as count:
        assert spoof(two_hosts) == passes
    # A's answer goes into the tunnel.
    assert count.verdicts(a) == ({"encap_ok": 1} if passes else {"plain_source": 1})


@pytest.mark.parametrize("source", ("0.1.2.3", "127.0.0.1", "224.0.0.1", "255.255.255.255", "240.0.0.1"))
def test_a_martian_source_is_dropped_even_where_nothing_else_is_checked(joined, source):
    a, b = joined.ends
    a.do("peer set", "remote", B, "rpf", "off")
    with counting(a, b) as count:
        send_raw(joined.b, ipv4_packet(source, INNER_A, PROTO_UDP, udp_datagram(1, 9)))
    assert count.verdicts(a) == {"martian_source": 1} and count.verdicts(b) == {"encap_ok": 1}


def test_a_source_that_belongs_to_another_peer_is_refused(joined):
    a, b = joined.ends
    a.do("peer set", "remote", B, "rpf", "strict")
    a.peer("172.16.1.63", "prefix", "10.5.0.0/16")
    with counting(a, b) as count:
        send_raw(joined.b, ipv4_packet("10.5.0.1", INNER_A, PROTO_UDP, udp_datagram(1, 9)))
    assert count.verdicts(a) == {"rpf_prefix": 1} and count.peer(a, B)["drops"] == 1
    assert count.peer(a, "172.16.1.63")["drops"] == 0
    with carrying(joined, a, b):
        udp_echo(joined.a, INNER_A, joined.b, INNER_B, (100,))
    a.do("peer del", "remote", "172.16.1.63")
