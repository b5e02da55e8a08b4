# SPDX-License-Identifier: GPL-2.0-only
"""Probes: what a line of the standards asks for, asked of any end of a tunnel. A probe for 2003-1 is called
probe_2003_1_...; it is given a Tunnel, and returns True, or With(words), or what happens instead, in a few words.
"""

import struct

from networks.topology import A, B
from networks.wire import PROTO_ICMP, PROTO_IPIP, PROTO_UDP, checksum, ipv4_packet, udp_datagram

from .errors import IcmpError
from .probed import LAN_A, LAN_B, Refused

ERRORS = (3, 4, 5, 11, 12)


class With(str):
    """It is as the line asks, with these words."""


class Tunnel:
    """An implementation's end, called with the words that the tunnel is to be laid with."""

    def __init__(self, implementation):
        self._end, self._taught = implementation(), False

    def __call__(self, words=""):
        """A tunnel that may have carried packets, but has learnt nothing of its path."""
        if self._taught or words != self._end.words:
            self._lay(words)
        return self._end

    def anew(self, words=""):
        """A new one, for a probe that teaches it something."""
        self._lay(words)
        self._taught = True
        return self._end

    def _lay(self, words):
        self._end.lay(words)
        self._taught = False

    def delete(self):
        self._end.__exit__()


def at_best(tunnel, check, *settings):
    """True if the defaults pass the check; else the first of the settings that does; else what the defaults do."""
    result = check(tunnel())
    if result is True:
        return True
    for words in settings:
        if check(tunnel(words)) is True:
            return With(words)
    return result


def result_of(probe, tunnel):
    """"yes", or what happens instead."""
    try:
        result = probe(tunnel)
    except Refused:
        return "no such setting"
    if isinstance(result, With):
        return f"yes, with `{result}`"
    return "yes" if result is True else f"no: {result}"


def inner(payload=b"inside", src=LAN_A, dst=LAN_B, **fields):
    """A packet for the tunnel: of the host behind the gateway, unless told otherwise, for one behind B."""
    return ipv4_packet(src, dst, PROTO_UDP, udp_datagram(7, 9, payload), **fields)


def reply(payload=b"inside", src=LAN_B, dst=LAN_A, **fields):
    """A packet that comes through the tunnel."""
    return inner(payload, src, dst, **fields)


def from_b(packet, src=B, dst=A, **fields):
    """An outer packet of B's."""
    return ipv4_packet(src, dst, PROTO_IPIP, packet, **fields)


def tcp_segment(payload):
    """TCP's header and payload, with the sum of what the checksum is about and the header does not hold: the device adds
    the rest."""
    header = struct.pack("!HHIIBBHHH", 7, 9, 1, 1, 5 << 4, 0x10, 0xFFFF, 0, 0)
    return header + payload


def of_size(size, **fields):
    """A packet for the tunnel, `size` bytes long."""
    return inner(bytes(size - 28), **fields)


def quote(packet):
    """The outer packet that the end made of a packet which it forwarded: what a router's error is about."""
    ttl = packet[8] - 1
    return ipv4_packet(A, B, PROTO_IPIP, rewritten(packet, 8, bytes([ttl])), ttl=ttl, df=True)


def rewritten(packet, at, value):
    """A packet with bytes of its header replaced, and the checksum right for them."""
    packet = packet[:at] + value + packet[at + len(value):]
    return packet[:10] + struct.pack("!H", checksum(packet[:10] + packet[12:20])) + packet[12:]


def errors_in(packets):
    """The ICMP errors among packets."""
    return [IcmpError(packet) for packet in packets if packet.protocol == PROTO_ICMP and packet.payload[0] in ERRORS]
