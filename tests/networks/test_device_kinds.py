# SPDX-License-Identifier: GPL-2.0-only
"""Devices other than an Ethernet of 1500 bytes named eth0."""
import os

import pytest

from .program import End, counting
from .snapshot import differences, state
from .topology import A, B, INNER_A, INNER_B, TwoHosts, cable
from .traffic import TCP_BYTES, ping, ping_packets, tcp_transfer, udp_echo, udp_segments
from .tun import Tun
from .tunnels import between_two_hosts, carrying
from .wire import PROTO_ICMP, PROTO_IPIP, icmp_echo, ipv4_packet


@pytest.mark.parametrize("device", ("eth0.5", "fifteen-letters"))
def test_a_device_of_any_name_carries_and_is_left_clean(mode, device):
    with TwoHosts(device=device) as hosts:
        before = state(hosts.a, hosts.b)
        a, b = between_two_hosts(hosts, mode)
        assert os.path.isdir(a.pins), "pinned under another name"
        with carrying(hosts, a, b):
            assert ping(hosts.a, INNER_A, INNER_B) == []
        assert a.show()["ifname"] == device
        a.detach()
        b.detach()
        assert differences(before, state(hosts.a, hosts.b)) == []


def test_a_namespace_whose_name_has_a_percent_sign_and_a_dot(network, mode):
    # No device has a % in its name: the kernel takes it for a pattern. A namespace may.
    host = network.host("odd", name=f"ipb{os.getpid()}%2F.x")
    peer = network.host("peer")
    cable(host, "eth0 10.1.1.1/24", peer, "eth0 10.1.1.2/24")
    end = End(host)
    before = state(host)
    end.attach("mode", mode)
    assert os.path.isdir(end.pins) and end.show()["netns"] == host.name
    end.detach()
    assert differences(before, state(host)) == []


def test_jumbo_frames(mode):
    with TwoHosts(mtu=9000) as hosts:
        a, b = between_two_hosts(hosts, mode)
        assert a.show()["mtu"] == 8980
        sizes = (0, 56, 1472, 3500, 4000, 8192, 8951, 8952, 8953, 20000, 65000)
        with carrying(hosts, a, b, mtu=9000) as count:
            assert ping(hosts.a, INNER_A, INNER_B, sizes) == []
            assert ping(hosts.b, INNER_B, INNER_A, sizes) == []
        assert count.verdicts(a)["encap_ok"] == 2 * sum(ping_packets(size, 8980)[0] for size in sizes)
        with carrying(hosts, a, b, mtu=9000):
            udp_echo(hosts.a, INNER_A, hosts.b, INNER_B, (8952, 8953, 30000))
            tcp_transfer(hosts.a, INNER_A, hosts.b, INNER_B, 4 * TCP_BYTES, window=256 << 10)
        with carrying(hosts, a, b, mtu=9000):
            udp_segments(hosts.a, INNER_A, hosts.b, INNER_B, 8000, 8)


@pytest.fixture
def tun(network):
    """A host whose underlay device is tun0."""
    network.a = network.host("A")
    with Tun(network.a, "tun0") as device:
        network.a.ip("link set tun0 up", "addr add 172.16.16.22/20 dev tun0", f"addr add {INNER_A}/32 dev lo",
                     "route add 172.16.0.0/20 dev tun0")
        network.tun = device
        yield network


@pytest.mark.parametrize("asked", ("auto", "tc"))
def test_a_tun_device_which_has_no_link_header(tun, asked):
    before, end = state(tun.a), End(tun.a, "tun0")
    end.attach("mode", asked, "src", INNER_A)
    assert end.show()["mode"] == "tc"
    end.peer(B, "prefix", INNER_B)
    with counting(end) as count:
        for number, size in enumerate((0, 1, 56, 1000, 1452)):
            inner = ipv4_packet(INNER_B, INNER_A, PROTO_ICMP, icmp_echo(9, number, bytes(size)))
            tun.tun.write(ipv4_packet(B, A, PROTO_IPIP, inner))
            answer = tun.tun.read()
            assert answer is not None, f"no answer to {size} bytes"
            assert (answer.src, answer.dst, answer.protocol) == (A, B, PROTO_IPIP)
            assert (answer.inner.src, answer.inner.dst) == (INNER_A, INNER_B)
            assert answer.inner.payload == icmp_echo(9, number, bytes(size), reply=True)
    assert count.verdicts(end) == {"encap_ok": 5, "decap_ok": 5}
    end.detach()
    assert differences(before, state(tun.a)) == []


@pytest.mark.parametrize("asked", ("native", "skb"))
def test_xdp_on_a_device_without_a_link_header_is_refused(tun, asked):
    # The kernel looks for a changed Ethernet header behind an XDP program, and finds one in what is the IPv4 header.
    before, end = state(tun.a), End(tun.a, "tun0")
    done = end.command("attach", "tun0", "mode", asked)
    assert done.returncode == 1 and len(done.stderr.splitlines()) == 1, done.stderr
    assert "tun0" in done.stderr and "tc" in done.stderr
    assert differences(before, state(tun.a)) == []


def test_an_underlay_smaller_than_usual(mode):
    with TwoHosts(mtu=1280) as hosts:
        a, b = between_two_hosts(hosts, mode)
        with carrying(hosts, a, b, mtu=1280):
            assert ping(hosts.a, INNER_A, INNER_B, (0, 1232, 1233, 20000)) == []
            tcp_transfer(hosts.a, INNER_A, hosts.b, INNER_B, TCP_BYTES)
