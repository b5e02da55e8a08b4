# SPDX-License-Identifier: GPL-2.0-only
"""Frames for the tables, built by scapy, which knows nothing of this project."""

from scapy.compat import raw
from scapy.layers.inet import ICMP, IP, TCP, UDP, IPOption_NOP
from scapy.layers.l2 import Dot1AD, Dot1Q, Ether

from .tables import Counters
from .underlay import BEHIND_GATEWAY, DEV, GATEWAY, LOCAL, MAC, NEIGHBOURS, ROUTE_BACK

TAGGINGS = {"untagged": (), "vlan": ((0x8100, 100),), "qinq": ((0x88A8, 7), (0x8100, 100)),
            "two-vlans": ((0x8100, 0xE007), (0x8100, 100)), "service-vlan": ((0x88A8, 7),)}


def options(length):
    """IP options of `length` bytes."""
    return [IPOption_NOP()] * length


def inner(payload=b"inner payload", src=ROUTE_BACK["unicast"], dst="192.168.8.8", **fields):
    """An inner packet: UDP."""
    return IP(src=src, dst=dst, id=0xBEEF, **fields) / UDP(sport=1111, dport=2222) / payload


def tcp(payload, src=ROUTE_BACK["unicast"], dst="192.168.8.8", **fields):
    return IP(src=src, dst=dst, id=0xBEEF, flags="DF", **fields) / TCP(sport=1111, dport=2222) / payload


def icmp_error(quoted, kind=3, code=1, src=ROUTE_BACK["unicast"], dst=LOCAL, quote=28, mtu=0, **fields):
    """An ICMP error that quotes the first bytes of a packet. mtu: the next hop's, of fragmentation needed."""
    return IP(src=src, dst=dst, **fields) / ICMP(type=kind, code=code, nexthopmtu=mtu) / raw(quoted)[:quote]


def told(source, sender, about, mtu=None):
    """The ICMP error that an inner sender is to get: fragmentation needed with an MTU, host unreachable without."""
    kind = ICMP(type=3, code=1) if mtu is None else ICMP(type=3, code=4, nexthopmtu=mtu)
    return IP(src=source, dst=sender, tos=0xC0, ttl=64, flags="DF", id=0) / kind / raw(about)[:548]


def outer(packet, remote=BEHIND_GATEWAY, local=LOCAL, **fields):
    """A packet from a far end's tunnel."""
    return IP(**{"src": remote, "dst": local, "id": 0x1234, "proto": 4, **fields}) / packet


def arriving(packet, tags=(), trailer=b""):
    """A frame as the underlay's gateway sends it to DEV."""
    return _frame(packet, MAC[DEV], NEIGHBOURS[GATEWAY][1], tags, trailer)


def leaving(packet, tags=()):
    """A frame as the stack sends it into a tunnel's route."""
    return _frame(packet, NEIGHBOURS["169.254.4.4"][1], MAC[DEV], tags, b"")


def passing_by(packet, tags=()):
    """A frame as the stack sends it where no tunnel is."""
    return _frame(packet, NEIGHBOURS[GATEWAY][1], MAC[DEV], tags, b"")


def _frame(packet, destination, source, tags, trailer):
    link = Ether(dst=destination, src=source, type=0x0800)
    for at, (kind, tag) in enumerate(tags):
        (link.lastlayer() if at else link).type = kind
        link = link / (Dot1AD if kind == 0x88A8 else Dot1Q)(vlan=tag & 0xFFF, prio=tag >> 13, type=0x0800)
    return raw(link) + raw(packet) + trailer


def wrapped(packet, remote=BEHIND_GATEWAY, local=LOCAL, ttl=64, flags="DF", **fields):
    """A frame that encap must make of leaving(packet), but for its MACs and identification."""
    return leaving(IP(src=local, dst=remote, proto=4, id=0, ttl=ttl, flags=flags, **fields) / packet)


def received(packet):
    """Counters of one packet that was stripped."""
    return Counters(rx_packets=1, rx_bytes=len(raw(packet)))


def sent(packet):
    return Counters(tx_packets=1, tx_bytes=len(raw(packet)))
