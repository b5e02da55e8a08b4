# SPDX-License-Identifier: GPL-2.0-only
"""A tunnel between two network cards of a virtual machine, with two queues each: what their driver is given to send.

The card would cut TCP and sum up, but not for what is wrapped: that the kernel has done before. What the kernel cannot cut
by itself it loses, and what it leaves to the card arrives in pieces that nobody asked for.
"""
import json
import re
import subprocess

import pytest

from networks.program import End, check_carried, counting
from networks.segments import (SEGMENTS, check_frame, check_tcp_sizes, check_udp_segments_are_refused,
                               payload_size)
from networks.topology import A, B, INNER_A, INNER_B, Network
from networks.traffic import TCP_BYTES, ping, tcp_transfer, udp_segments
from networks.tunnels import between_two_hosts
from networks.wire import ETH_P_IP, PROTO_TCP, PROTO_UDP, Capture

CARDS = {A: "02:00:00:00:00:01", B: "02:00:00:00:00:02"}
MTU = 1500


def card_of(address):
    links = json.loads(subprocess.run(["ip", "-j", "link"], check=True, stdout=subprocess.PIPE).stdout)
    name, = (link["ifname"] for link in links if link["address"] == CARDS[address])
    return name


class Wired(Network):
    """A and B with a card each, on one cable. The driver starts anew each time, and takes the cards with it at the end."""

    device = "eth0"

    def __init__(self):
        super().__init__()
        subprocess.run(["modprobe", "virtio_net"], check=True)
        self.a, self.b = self.host("A"), self.host("B")
        for host, outer, inner in ((self.a, A, INNER_A), (self.b, B, INNER_B)):
            subprocess.run(["ip", "link", "set", "dev", card_of(outer), "netns", host.name, "name", "eth0"], check=True)
            host.ip("link set dev eth0 up", f"addr add {outer}/16 dev eth0", f"addr add {inner}/32 dev lo")
        for host in (self.a, self.b):
            host.await_link("eth0")

    def __exit__(self, *exception):
        # A driver whose card bears an XDP program when it is taken away waits for ever, on 6.1 for one.
        for host in (self.a, self.b):
            End(host).command("detach", "eth0")
        subprocess.run(["modprobe", "--remove", "virtio_net"], check=True)
        super().__exit__(*exception)


def test_auto_takes_what_is_faster_with_this_driver():
    with Wired() as network:
        end, _ = between_two_hosts(network, "auto")
        assert end.show()["mode"] == "tc"
        assert "mode tc, which auto takes on a virtio_net device" in end.command("check", "eth0").stdout


# What A's card is allowed, what B's driver does, and where B's programs run.
SETTINGS = (("on", "on", "native"), ("on", "off", "tc"), ("off", "on", "skb"), ("off", "off", "tc"))


@pytest.fixture(scope="module", params=SETTINGS, ids=(f"tx sums {tx}, GRO {gro}, {mode}" for tx, gro, mode in SETTINGS))
def wired(request):
    """Sums and segmentation by A's card or before it; B's kernel puts together again what arrives, or does not."""
    with Wired() as network:
        network.tx, gro, mode = request.param
        network.a.run("ethtool", "-K", "eth0", "tx", network.tx)
        network.b.run("ethtool", "-K", "eth0", "gro", gro)
        network.ends = between_two_hosts(network, mode)
        for host in (network.a, network.b):
            assert int(re.findall(r"Combined:\s+(\d+)", host.run("ethtool", "-l", "eth0"))[-1]) > 1
        yield network


def test_pings_of_every_size_class_are_answered(wired):
    with counting(*wired.ends) as count:
        assert ping(wired.a, INNER_A, INNER_B, (0, 56, 1452, 1453, 20000)) == []
        assert ping(wired.b, INNER_B, INNER_A, (0, 56, 1452, 1453, 20000)) == []
    check_carried(count, *wired.ends)


def given_to_the_card(capture, protocol):
    frames = [frame for frame in capture.frames if frame.outgoing and frame.ethertype == ETH_P_IP and
              frame.ip.src == A and frame.ip.inner.protocol == protocol]
    for frame in frames:
        check_frame(frame)
        assert frame.checksum_left is None and not frame.gso_size and frame.ip.total_length <= MTU
    return frames


def test_tcp_segments_are_cut_and_summed_up_before_the_card(wired):
    with counting(*wired.ends) as count, Capture(wired.a, "eth0") as capture:
        tcp_transfer(wired.a, INNER_A, wired.b, INNER_B, TCP_BYTES)
    check_tcp_sizes(given_to_the_card(capture, PROTO_TCP))
    check_carried(count, *wired.ends)


def test_udp_segments_are_cut_and_summed_up_before_the_card(wired):
    if wired.tx == "off":
        check_udp_segments_are_refused(wired)
        return
    for size, number in SEGMENTS:
        with counting(*wired.ends) as count, Capture(wired.a, "eth0") as capture:
            udp_segments(wired.a, INNER_A, wired.b, INNER_B, size, number)
        assert [payload_size(frame) for frame in given_to_the_card(capture, PROTO_UDP)] == [size] * number
        check_carried(count, *wired.ends)


def test_every_segment_without_df_has_an_identification_of_its_own(wired):
    wired.a.sysctl("net.ipv4.ip_no_pmtu_disc", 1)
    wired.ends[0].do("peer set", "remote", B, "nopmtudisc")
    with Capture(wired.a, "eth0") as capture:
        tcp_transfer(wired.a, INNER_A, wired.b, INNER_B, TCP_BYTES)
    frames = given_to_the_card(capture, PROTO_TCP)
    assert not any(frame.ip.df for frame in frames)
    assert len({frame.ip.id for frame in frames}) == len(frames) > TCP_BYTES / MTU
    wired.ends[0].do("peer set", "remote", B, "pmtudisc")
    wired.a.sysctl("net.ipv4.ip_no_pmtu_disc", 0)
