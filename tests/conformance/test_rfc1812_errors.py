# SPDX-License-Identifier: GPL-2.0-only
"""RFC 1812, section 4.3.2, and RFC 1122, section 3.2.2: the ICMP errors that the entry writes itself."""

import pytest
from scapy.compat import raw
from scapy.layers.inet import ICMP, IP

from networks.program import counting
from networks.topology import Gateways
from networks.traffic import Pinger
from networks.wire import checksum, icmp_echo, ipv4_packet
from programs.frames import leaving, options
from programs.underlay import BEHIND_GATEWAY, UNROUTED

from .errors import (FRAGMENTATION_NEEDED, HOST_UNREACHABLE, PARAMETER_PROBLEM, REDIRECT, ROUTER, SOURCE_QUENCH,
                     TIME_EXCEEDED, UNREACHABLE, icmp_error)
from .on_the_wire import from_a, into_a, to_a
from .one_packet import HERE, THERE, answer, discard, outgoing

GATEWAY_A = Gateways.GATEWAY_A
ERRORS = (UNREACHABLE, SOURCE_QUENCH, REDIRECT, TIME_EXCEEDED, PARAMETER_PROBLEM)
QUERIES = (0, 8, 13, 14)
# A sender behind OTHER, and the entry's address there.
BEHIND_OTHER, OTHER_ADDRESS = "192.168.3.9", "10.99.0.1"
SENDERS = pytest.mark.parametrize("source, context", [(HERE, {}), (BEHIND_OTHER, {"ingress_ifindex": 1})],
                                  ids=["own", "forwarded"])
TOO_BIG = bytes(1600)


@SENDERS
@pytest.mark.parametrize("size", [1481, 1500, 2500])
def test_1812_7_an_error_quotes_as_much_as_fits_into_576_bytes(encapsulator, source, context, size):
    """Behind IP and ICMP headers 548 bytes of the packet, from its first on."""
    packet = outgoing((bytes(range(256)) * 10)[:size - 28], src=source, flags="DF")
    error = answer(encapsulator, packet, "encap_too_big", **context)
    assert error.total_length == 576 and error.payload[8:] == raw(packet)[:548]
    assert checksum(error.header) == 0 and checksum(error.payload) == 0


@SENDERS
@pytest.mark.parametrize("size", [0, 1, 57, 519, 520, 521])
def test_1812_7_an_error_about_a_short_packet_quotes_all_of_it(encapsulator, source, context, size):
    """And no byte that was not the packet's."""
    encapsulator.peer(UNROUTED, "192.168.1.0/24")
    packet = outgoing(bytes([0xEE]) * size, src=source)
    error = answer(encapsulator, packet, "encap_no_route", **context)
    assert error.payload[:8] == b"\x03\x01" + error.payload[2:4] + bytes(4) and error.payload[8:] == raw(packet)[:548]
    assert checksum(error.header) == 0 and checksum(error.payload) == 0


def test_1812_8_an_error_for_another_host_comes_from_the_device_that_it_leaves_by(encapsulator):
    """The device that leads to the sender, and not the underlay's, names its own address; precedence 6; a full TTL."""
    error = answer(encapsulator, outgoing(TOO_BIG, src=BEHIND_OTHER, flags="DF"), "encap_too_big", ingress_ifindex=1)
    assert (error.src, error.dst, error.tos, error.ttl) == (OTHER_ADDRESS, BEHIND_OTHER, 0xC0, 64)


def test_1812_8_an_error_for_this_host_comes_from_the_far_end(encapsulator):
    """An own source, coming in, would be refused as forged: the peer stands in."""
    error = answer(encapsulator, outgoing(TOO_BIG, flags="DF"), "encap_too_big")
    assert (error.src, error.dst, error.tos, error.ttl) == (BEHIND_GATEWAY, HERE, 0xC0, 64)


def test_1812_8_on_the_wire(sender):
    """A relayed error bears the gateway's address in the sender's network; for the gateway itself, the router's."""
    error, = sender.told(icmp_error(UNREACHABLE, HOST_UNREACHABLE, sender.outer()))
    assert (error.ip.src, error.ip.tos) == (GATEWAY_A if sender.is_forwarded else ROUTER, 0xC0)


def icmp(kind, code=0):
    return IP(src=HERE, dst=THERE, flags="DF") / ICMP(type=kind, code=code) / TOO_BIG


SILENT = {
    **{f"ICMP {kind}": icmp(kind) for kind in ERRORS}, "an ICMP type nobody knows": icmp(99),
    "a later fragment": outgoing(TOO_BIG, frag=3), "the last fragment": outgoing(TOO_BIG, frag=3, flags="MF"),
    **{f"to {target}": outgoing(TOO_BIG, dst=target, flags="DF")
       for target in ("224.0.0.5", "239.1.2.3", "240.0.0.1", "255.255.255.255")},
    **{f"from {source}": outgoing(TOO_BIG, src=source, flags="DF")
       for source in ("0.0.0.0", "0.1.2.3", "127.0.0.1", "224.0.0.1", "240.0.0.1", "255.255.255.255")},
}


@pytest.mark.parametrize("packet", SILENT.values(), ids=SILENT)
def test_1812_9_packets_about_which_there_is_no_error(encapsulator, packet):
    """Errors, later fragments, what goes to many, what comes from nobody: dropped and counted, and nobody is told."""
    encapsulator.prefix("0.0.0.0/0", BEHIND_GATEWAY)
    discard(encapsulator, leaving(packet), "encap_too_big")


@pytest.mark.parametrize("packet", [outgoing(TOO_BIG), outgoing(TOO_BIG, flags="MF"), *map(icmp, QUERIES)],
                         ids=["whole", "first fragment", *(f"ICMP {kind}" for kind in QUERIES)])
def test_1812_9_there_is_one_about_all_others(encapsulator, packet):
    """A first fragment and an ICMP query too."""
    assert answer(encapsulator, packet, "encap_too_big").payload[:2] == b"\x03\x04"


def error_about(sender, message):
    """A router's error about an ICMP message of the sender's."""
    return icmp_error(UNREACHABLE, HOST_UNREACHABLE, from_a(ipv4_packet(sender.address, sender.target, 1, message)))


@pytest.mark.parametrize("kind", ERRORS)
def test_1812_9_no_error_is_relayed_about_an_error(sender, kind):
    """Two ends that answer each other's errors would go on for ever."""
    with counting(sender.entry) as count:
        assert sender.told(error_about(sender, bytes([kind, 0]) + bytes(30))) == []
    assert count.verdicts(sender.entry) == {"error_ignored": 1, "encap_ok": 1, "decap_ok": 1}


def test_1812_9_an_error_is_relayed_about_a_query(sender):
    """So that ping says why."""
    error, = sender.told(error_about(sender, icmp_echo(1, 1)))
    assert error.what == (UNREACHABLE, HOST_UNREACHABLE, 0)


def errors_drawn(network, count):
    """How many errors the host behind A hears about that many packets that are too big for the path."""
    source, target = Gateways.LAN_A, Gateways.LAN_B
    packet = ipv4_packet(source, target, 17, bytes(1180), df=True)
    with Pinger(network.lan_a, source, target) as pinger:
        into_a(network, packet, count)
        assert pinger.ping() is not None
    return len(pinger.errors)


def test_1812_10_the_rate_of_errors_is_a_setting(one_cpu, lone_gateways):
    """None with `icmp 0`; with `icmp 1` as many as may come at once, and no more; with a high rate all of them."""
    network = lone_gateways
    entry, _ = network.ends
    to_a(network, icmp_error(UNREACHABLE, FRAGMENTATION_NEEDED,
                             from_a(ipv4_packet(Gateways.LAN_A, Gateways.LAN_B, 17, bytes(1460)))[:548], 1000))
    drawn = {}
    for rate in ("65535", "0", "1"):
        entry.attach("icmp", rate)
        drawn[rate] = errors_drawn(network, 70)
    assert drawn["65535"] == 70 and drawn["0"] == 0 and 50 <= drawn["1"] <= 55


@SENDERS
def test_1122_2_an_error_quotes_the_header_and_8_bytes_at_least(encapsulator, source, context):
    """The longest header too."""
    encapsulator.peer(UNROUTED, "192.168.1.0/24")
    packet = outgoing(b"", src=source, options=options(40))
    error = answer(encapsulator, packet, "encap_no_route", **context)
    assert len(raw(packet)) == 68 and error.payload[8:] == raw(packet)


def test_1122_2_an_error_that_quotes_8_bytes_is_understood(taught_sender):
    """Of the outer packet: what it says of the path counts."""
    sender = taught_sender
    sender.told(icmp_error(UNREACHABLE, FRAGMENTATION_NEEDED, sender.outer(1480)[:28], 1000))
    assert sender.path_mtu() == 1000
