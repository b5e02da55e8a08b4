# SPDX-License-Identifier: GPL-2.0-only
"""ICMP errors: made as a router between the ends would, and as they come to the sender inside."""

import dataclasses
import struct

from networks.namespace import Namespace
from networks.topology import A, Gateways, Network
from networks.traffic import Pinger
from networks.wire import PROTO_ICMP, PROTO_UDP, IPv4, checksum, ipv4_packet, udp_datagram

from .on_the_wire import from_a, to_a

ROUTER = "172.16.16.1"
UNREACHABLE, SOURCE_QUENCH, REDIRECT, TIME_EXCEEDED, PARAMETER_PROBLEM = 3, 4, 5, 11, 12
HOST_UNREACHABLE, FRAGMENTATION_NEEDED = 1, 4


def icmp_error(kind, code, quote, mtu=0, source=ROUTER, target=A, **header):
    """An ICMP error with a quote, for the entry; `mtu` is the last two bytes of the second word."""
    message = struct.pack("!BBHHH", kind, code, 0, 0, mtu) + quote
    message = message[:2] + struct.pack("!H", checksum(message)) + message[4:]
    return ipv4_packet(source, target, PROTO_ICMP, message, **header)


class IcmpError:
    """An ICMP error, taken apart by hand."""

    def __init__(self, packet):
        self.ip = packet
        self.kind, self.code, _, self.unused, self.mtu = struct.unpack_from("!BBHHH", packet.payload)
        self.quote = packet.payload[8:]

    @property
    def what(self):
        return self.kind, self.code, self.mtu


@dataclasses.dataclass
class Sender:
    """Who sends into the tunnel: from a namespace of the network, with an address there, to one behind the exit."""
    network: Network
    namespace: Namespace
    address: str
    target: str = Gateways.LAN_B

    @property
    def is_forwarded(self):
        return self.namespace is not self.network.a

    @property
    def entry(self):
        return self.network.ends[0]

    def packet(self, size=64, **header):
        """One of its packets as it enters the tunnel, `size` bytes long."""
        header = {"ttl": 63 if self.is_forwarded else 64, "df": True, **header}
        return ipv4_packet(self.address, self.target, PROTO_UDP, udp_datagram(7, 9, bytes(size - 28)), **header)

    def outer(self, size=64, **header):
        """The outer packet around it."""
        return from_a(self.packet(size), ttl=63 if self.is_forwarded else 64, df=True, **header)

    def told(self, *messages):
        """The errors that it hears of when a router between the ends sends the entry these messages."""
        with Pinger(self.namespace, self.address, self.target) as pinger:
            for message in messages:
                to_a(self.network, message)
            assert pinger.ping() is not None
        return [IcmpError(packet) for packet in pinger.errors]

    def path_mtu(self):
        """What the entry believes of the way to its peer."""
        return self.entry.show()["peers"][0]["path_mtu"]

    def check(self, error):
        """What holds for every error about one of its packets: from whom, to whom, checksums, precedence."""
        assert checksum(error.ip.header) == 0 and checksum(error.ip.payload) == 0
        assert (error.ip.dst, error.ip.tos & 0xE0) == (self.address, 0xC0) and not error.unused
        quoted = IPv4(error.quote)
        assert (quoted.src, quoted.dst, quoted.protocol) == (self.address, self.target, PROTO_UDP)
