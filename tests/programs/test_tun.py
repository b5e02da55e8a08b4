# SPDX-License-Identifier: GPL-2.0-only
"""The TC programs on tun devices, which have no link header: a test run always puts one before the packet."""

import contextlib
import socket
import subprocess

import pytest
from scapy.compat import raw
from scapy.layers.inet import IP

from . import verdicts
from .attachment import Attachment, Dataplane
from .frames import inner, options, outer, received, sent
from .tables import OFF
from .underlay import ELSEWHERE
from .wire import EGRESS, INGRESS, Tun, Wire, attached, redirecting

REMOTE, LOCAL = "10.97.0.2", "10.97.0.1"
HERE, THERE = "192.168.8.8", "192.168.1.9"


@pytest.fixture(scope="module")
def without_link_header(underlay_ifindex):
    with contextlib.closing(Dataplane(link_header=0)) as loaded:
        yield loaded


@pytest.fixture
def tun():
    """DEV of these tests."""
    with contextlib.closing(Tun("tun0", f"{LOCAL}/24")) as device:
        yield device


def attachment_of(dataplane, hook, tun):
    attachment = Attachment(dataplane, hook, tun.ifindex)
    attachment.device(local=LOCAL)
    attachment.peer(REMOTE, "192.168.1.0/24")
    return attachment


def counted(attachment):
    return {verdicts.NAMES[index]: count for index, count in enumerate(attachment.verdicts()) if count}


# Egress

@pytest.fixture
def egress(without_link_header, tun):
    return attachment_of(without_link_header, "egress", tun)


@pytest.fixture
def leave(egress, tun, without_link_header):
    """A function that sends a packet out of the tun device."""
    with attached(tun.ifindex, EGRESS, without_link_header.programs["egress"]), \
            contextlib.closing(Wire("tun0")) as near:
        yield lambda packet: near.send(raw(packet))


@pytest.mark.parametrize("answers", [True, False], ids=["by the FIB", "while the FIB does not answer"])
def test_encap_wraps_a_packet_without_link_header(egress, tun, leave, answers):
    egress.fib_answers(answers)
    packet = inner(src=HERE, dst=THERE)
    for _ in range(2):
        leave(packet)
        assert tun.receive()[20:] == raw(packet)
    assert counted(egress) == {"encap_ok": 2}
    assert egress.counters() == {REMOTE: sent(packet) + sent(packet)}


def test_encap_writes_the_same_outer_header_without_link_header(tun, leave):
    packet = inner(src=HERE, dst=THERE, tos=0x48)
    leave(packet)
    expected = outer(packet, remote=LOCAL, local=REMOTE, ttl=packet.ttl, tos=0x48, flags="DF")
    expected.id = 0
    assert tun.receive() == raw(expected)


def test_encap_writes_no_link_header_though_the_kernel_knows_a_neighbour(egress, tun, leave):
    """Which it makes with the first packet of its own: one for all next hops of such a device."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.sendto(b"", (REMOTE, 9))
    assert tun.receive()[9] == 17
    packet = inner(src=HERE, dst=THERE)
    for _ in range(3):
        leave(packet)
        assert tun.receive()[20:] == raw(packet)
    assert counted(egress) == {"encap_ok": 3}


@pytest.mark.parametrize("length", [3 * 4095, 3 * 4095 + 1, 3 * 4095 + 3])
def test_a_long_packet_without_link_header_is_quoted_as_any_other(egress, leave, length):
    """The kernel takes away 4,095 bytes of it at once."""
    subprocess.run(["ip", "link", "set", "tun0", "mtu", "16000"], check=True)
    egress.path(REMOTE, mtu=1400, mtu_for=60)
    packet = inner(bytes(length - 28), src=HERE, dst=THERE, flags="DF")
    with contextlib.closing(Wire("tun0")) as here:
        leave(packet)
        _, error = here.receive()
    assert counted(egress) == {"encap_too_big": 1}
    assert IP(error).src == REMOTE and error[28:] == raw(packet)[:576 - 28]


def test_encap_leaves_other_packets_without_link_header_alone(egress, tun, leave):
    packet = inner(src=HERE, dst="192.168.2.9")
    leave(packet)
    assert tun.receive() == raw(packet)
    assert counted(egress) == {}


def test_encap_has_no_room_for_another_devices_link_header(egress, leave):
    egress.peer(ELSEWHERE, "192.168.2.0/24")
    leave(inner(src=HERE, dst="192.168.2.9"))
    assert counted(egress) == {"encap_error": 1}


# Ingress

@pytest.fixture
def ingress(without_link_header, tun):
    attachment = attachment_of(without_link_header, "tc", tun)
    attachment.device(rpf=OFF)
    return attachment


@pytest.fixture
def arrive(ingress, tun, without_link_header):
    """A function that has a packet arrive at the tun device, and tells what goes on from there."""
    with contextlib.closing(Tun("tun1", "10.96.0.1/24")) as other, redirecting(other.ifindex) as on, \
            attached(tun.ifindex, INGRESS, without_link_header.programs["tc"], on):
        def arrive(packet):
            tun.send(packet)
            return other.receive()
        yield arrive


@pytest.mark.parametrize("length", [0, 40])
@pytest.mark.parametrize("trailer", [0, 9])
def test_decap_strips_a_packet_without_link_header(ingress, arrive, length, trailer):
    packet = inner(src=THERE, dst=HERE, tos=2)
    result = inner(src=THERE, dst=HERE, tos=3)
    assert arrive(raw(outer(packet, remote=REMOTE, local=LOCAL, options=options(length), tos=3)) + bytes(trailer)) == \
        raw(result)
    assert counted(ingress) == {"decap_ok": 1}
    assert ingress.counters() == {REMOTE: received(packet)}


def test_decap_leaves_other_packets_without_link_header_alone(ingress, arrive):
    strangers = outer(inner(), remote="10.97.0.9", local=LOCAL)
    for packet, count in ((inner(src="8.8.8.8"), {}), (strangers, {"not_peer": 1})):
        assert arrive(raw(packet)) == raw(packet)
        assert counted(ingress) == count


def test_a_refused_packet_of_a_header_alone_is_told_whole(ingress, tun, without_link_header):
    """As short as what a listener is told can be."""
    listener = without_link_header.listener()
    listener.take()
    alone = raw(outer(b"", remote=REMOTE, local=LOCAL))
    with attached(tun.ifindex, INGRESS, without_link_header.programs["tc"]):
        tun.send(alone)
    event, = listener.take()
    assert (event.verdict, event.length, event.data) == ("inner_bad", len(alone), alone)
