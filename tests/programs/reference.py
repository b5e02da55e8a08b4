# SPDX-License-Identifier: GPL-2.0-only
"""What must become of a packet, written from the contract's tables and from nothing of the dataplane.

Of include/ it knows the verdict list alone. The FIB's answers come from underlay.py, which made the FIB. A GSO packet
of a test run is of no kind (TCP, UDP) that the kernel knows, so it lets nobody add or strip a header: what would have
been carried ends as encap_error or decap_error, counted as its segments.
"""

import struct
from dataclasses import dataclass, field

from . import underlay
from .tables import (ANY, ECN_COMPATIBILITY, FIXED, FRAGMENTS_STACK, LOOSE, MONITOR, NOPMTUDISC, OFF, PLAIN_BY_RPF,
                     PLAIN_DROP, STRICT, Counters, number)

HEADER = struct.Struct("!BBHHHBBHII")
ICMP, IPIP, TCP, UDP = 1, 4, 6, 17
# Unreachable, time exceeded, parameter problem; not source quench and redirect: RFC 2003 lets neither out of a tunnel.
ICMP_ERRORS = (3, 11, 12)
DONT_FRAGMENT, MORE_OR_OFFSET, OFFSET = 0x4000, 0x3FFF, 0x1FFF
NOT_ECT, ECT_1, ECT_0, CE = 0, 1, 2, 3


@dataclass
class Judgement:
    """verdict: None if the packet is not taken up. out: the frame that goes on; None if it is dropped.

    packets: as how many it counts.
    After encap_ok, out has identification 0: the contract leaves it open. macs: what the link header must be where the
    packet stays on DEV, None where the kernel's neighbour code writes it.
    """
    verdict: str = None
    fate: str = "UNTOUCHED"
    out: bytes = None
    packets: int = 1
    peer: str = None
    counters: Counters = field(default_factory=Counters)
    macs: bytes = None


class Header:
    """An IPv4 header at an offset of a frame that holds at least 20 bytes of it."""

    def __init__(self, frame, at):
        (first, self.tos, self.total, self.identification, self.fragment, self.ttl, self.protocol, _, self.source,
         self.destination) = HEADER.unpack_from(frame, at)
        self.version, self.length = first >> 4, (first & 15) * 4
        self.frame, self.at = frame, at

    def fill_in(self, room, gso_size):
        """BIG TCP: a GSO packet too long for the field has a total length of 0, and is all that there is."""
        if gso_size and not self.total:
            self.total = room

    def sound(self, room):
        """Version, IHL, total length within `room` bytes, checksum."""
        if self.version != 4 or not 20 <= self.length <= self.total <= room:
            return False
        return int.from_bytes(self.frame[self.at:self.at + self.length], "big") % 0xFFFF == 0

    def icmp_error(self):
        """Whether it is an ICMP error: the first fragment of one at least."""
        at = self.at + self.length
        return (self.protocol == ICMP and not self.fragment & OFFSET and self.total >= self.length + 8
                and len(self.frame) >= at + 8 and self.frame[at] in ICMP_ERRORS)


def with_checksum(header):
    """An IPv4 header with its checksum: the complement of the words' sum, of which 0xFFFF is a residue class."""
    cleared = header[:10] + bytes(2) + header[12:]
    check = (0xFFFF - int.from_bytes(cleared, "big") % 0xFFFF) % 0xFFFF
    return cleared[:10] + struct.pack("!H", check) + cleared[12:]


def _link(frame):
    """Bytes of link header and number of tags before an IPv4 header; None if what follows is not IPv4, whole."""
    at, tags = 12, 0
    while tags < 2 and frame[at:at + 2] in (b"\x81\x00", b"\x88\xa8"):
        at, tags = at + 4, tags + 1
    if frame[at:at + 2] != b"\x08\x00" or len(frame) < at + 22 or frame[at + 2] >> 4 != 4:
        return None
    return at + 2, tags


def _chosen(peer, device, name):
    """What a peer does not set, it takes from its device."""
    return getattr(peer, name) or getattr(device, name)


def local_of(peer, device):
    return number(device.local if peer.local == ANY else peer.local)


def peer_valid(peer):
    return (peer.ttl_mode <= 2 and peer.tos_mode <= 2 and peer.df <= 2 and peer.rpf <= 3 and peer.monitor <= 2
            and peer.ecn <= 2 and peer.type == 0 and not any(peer.reserved)
            and not (peer.ttl_mode == FIXED and peer.ttl == 0) and not (peer.tos_mode == FIXED and peer.tos & 3))


def prefix_valid(prefix):
    return prefix.bare <= 1 and not any(prefix.reserved)


def exempt(prefix):
    """Bare, and no entry out of range: such a one is no exception."""
    return prefix.bare and prefix_valid(prefix)


def _text(address):
    return ".".join(map(str, address.to_bytes(4, "big")))


def segments(header, gso_size):
    """How many packets a GSO packet stands for, the sum of their total lengths, and the longest of them."""
    if not gso_size:
        return 1, header.total, header.total
    at = header.at + header.length
    transport = 8 if header.protocol == UDP else (header.frame[at + 12] >> 4) * 4
    headers = header.length + transport
    payload = header.total - headers
    count = max(1, -(-payload // gso_size))
    return count, header.total + (count - 1) * headers, headers + min(payload, gso_size)


def _dropped(verdict, peer=None, packets=1):
    return Judgement(verdict, "DROP", None, packets, peer, Counters(drops=packets) if peer is not None else Counters())


# Ingress

def decap(tables, hook, frame, gso_size=0):
    """hook: HOOK_XDP or HOOK_TC, whose program it is."""
    untouched = Judgement(out=frame)
    link = _link(frame)
    if tables.device.hook != hook or not link:
        return untouched
    at, tags = link
    outer = Header(frame, at)
    if outer.protocol != IPIP:
        return _plain(tables, outer) or untouched

    remote = _text(outer.source)
    if remote not in tables.peers:
        remote = ANY
    peer = tables.peers.get(remote)
    if not peer or outer.destination != local_of(peer, tables.device):
        return Judgement("not_peer", out=frame)
    if not peer_valid(peer):
        return _dropped("peer_invalid", remote)
    outer.fill_in(len(frame) - at, gso_size)
    if not outer.sound(len(frame) - at):
        return _dropped("outer_bad", remote)
    if outer.fragment & MORE_OR_OFFSET:
        if tables.device.fragments == FRAGMENTS_STACK:
            return Judgement("outer_fragment", out=frame)
        return _dropped("outer_fragment", remote)
    return _inner(tables, peer, remote, outer, tags > 0, gso_size)


def _plain(tables, header):
    """A packet without a tunnel: a Judgement if it must not come so."""
    device = tables.device
    prefix = tables.longest(header.source)
    drop = device.plain == PLAIN_DROP or device.plain == PLAIN_BY_RPF and device.rpf == STRICT
    if not drop or prefix is None or exempt(prefix) or _quotes_ours(tables, header):
        return None
    return _dropped("plain_source")


def _quotes_ours(tables, header):
    """An ICMP error that quotes one of our outer packets."""
    quoted_at = header.at + header.length + 8
    if not header.icmp_error() or len(header.frame) < quoted_at + 20:
        return False
    quoted = Header(header.frame, quoted_at)
    peer = tables.peers.get(_text(quoted.destination))
    return (quoted.version == 4 and quoted.protocol == IPIP and peer is not None
            and quoted.source == local_of(peer, tables.device))


def _inner(tables, peer, remote, outer, tagged, gso_size):
    device, frame, at = tables.device, outer.frame, outer.at + outer.length
    room = outer.total - outer.length
    if room < 20:
        return _dropped("inner_bad", remote)
    inner = Header(frame, at)
    inner.fill_in(room, gso_size)
    if not inner.sound(room) or inner.ttl == 0:
        return _dropped("inner_bad", remote)
    count, size, _ = segments(inner, gso_size)
    if inner.source >> 24 in (0, 127) or inner.source >> 28 in (14, 15):
        return _dropped("martian_source", remote, count)

    rpf = peer.rpf or (LOOSE if remote == ANY else device.rpf)
    verdict = _reverse_path(tables, rpf, remote, outer.source, inner, tagged)
    if verdict and _chosen(peer, device, "monitor") != MONITOR:
        return _dropped(verdict, remote, count)
    ecn = _decapsulated_ecn(inner.tos & 3, outer.tos & 3)
    if ecn is None:
        return _dropped("ecn_drop", remote, count)
    if gso_size:
        return _dropped("decap_error", remote, count)

    packet = frame[at:at + inner.total]
    if ecn != inner.tos & 3:
        packet = with_checksum(packet[:1] + bytes([inner.tos & 0xFC | ecn]) + packet[2:inner.length]) \
            + packet[inner.length:]
    return Judgement(verdict + "_mon" if verdict else "decap_ok", "CARRY", frame[:outer.at] + packet, 1, remote,
                     Counters(rx_packets=count, rx_bytes=size))


def _reverse_path(tables, rpf, remote, far_end, inner, tagged):
    """The first check that the inner source fails, or None. far_end: the remote, also where `any` stands for it."""
    if rpf == OFF:
        return None
    if rpf == STRICT:
        prefix = tables.longest(inner.source)
        owned = prefix is not None and prefix_valid(prefix) and not prefix.bare and prefix.remote == remote
        if not owned and not (inner.source == far_end and inner.icmp_error()):
            return "rpf_prefix"
    if not tables.forwarding:
        return "fib_unavailable"
    route = underlay.lookup(inner.source)
    if route is None or route.kind != "unicast":
        return "no_route"
    if rpf == STRICT and not tagged and route.device != underlay.DEV:
        return "rpf_route"
    return None


def _decapsulated_ecn(inner, outer):
    """RFC 6040, figure 4; None: drop."""
    if inner == NOT_ECT:
        return None if outer == CE else NOT_ECT
    if outer == CE:
        return CE
    if inner == ECT_0 and outer == ECT_1:
        return ECT_1
    return inner


# Egress

def encap(tables, frame, ingress_ifindex=0, gso_size=0):
    """ingress_ifindex: where a forwarded packet came in; 0 for this host's own."""
    untouched = Judgement(out=frame)
    link = _link(frame)
    if not link:
        return untouched
    at, tags = link
    inner = Header(frame, at)
    inner.fill_in(len(frame) - at, gso_size)
    device, peers = tables.device, tables.peers
    prefix = tables.longest(inner.destination)
    if prefix is None or _wrapped_by_us(tables, inner):
        return untouched
    if prefix_valid(prefix) and (prefix.bare or prefix.remote == ANY):
        return untouched
    sound = 20 <= inner.length <= inner.total <= len(frame) - at
    count, size, longest = segments(inner, gso_size) if sound else (1, 0, 0)
    if tags:
        return Judgement("tagged", out=frame, packets=count)

    remote = prefix.remote
    peer = peers.get(remote)
    if not peer:
        return _dropped("no_peer", None, count)
    if not prefix_valid(prefix) or not peer_valid(peer):
        return _dropped("peer_invalid", remote, count)
    if not sound:
        return _dropped("inner_bad", remote)
    if inner.ttl == 0:
        return _dropped("encap_ttl", remote, count)
    if ingress_ifindex and inner.source in (local_of(peer, device), number(remote)):
        return _dropped("encap_source", remote, count)

    route = underlay.lookup(number(remote)) if tables.forwarding else None
    if tables.forwarding:
        if route is None or route.kind != "unicast":
            return _dropped("encap_no_route", remote, count)
        if route.gateway == underlay.NEXT_HOP:
            return _dropped("encap_loop", remote, count)
    if longest + 20 > (route.mtu or underlay.MTU[route.device] if route else device.mtu):
        return _dropped("encap_too_big", remote, count)
    if gso_size:
        return _dropped("encap_error", remote, count)
    return Judgement("encap_ok", "CARRY", frame[:14] + _outer(peer, device, remote, inner) + frame[14:], 1, remote,
                     Counters(tx_packets=count, tx_bytes=size), _macs(route, remote))


def _wrapped_by_us(tables, header):
    peer = tables.peers.get(_text(header.destination))
    return header.protocol == IPIP and peer is not None and header.source == local_of(peer, tables.device)


def _outer(peer, device, remote, inner):
    options = peer if peer.ttl_mode else device
    ttl = options.ttl if options.ttl_mode == FIXED else inner.ttl
    options = peer if peer.tos_mode else device
    dscp = (options.tos if options.tos_mode == FIXED else inner.tos) & 0xFC
    ecn = 0 if _chosen(peer, device, "ecn") == ECN_COMPATIBILITY else inner.tos & 3
    fragment = inner.fragment & DONT_FRAGMENT if _chosen(peer, device, "df") == NOPMTUDISC else DONT_FRAGMENT
    return with_checksum(HEADER.pack(0x45, dscp | ecn, 20 + inner.total, 0, fragment, ttl, IPIP, 0,
                                      local_of(peer, device), number(remote)))


def with_identification(frame, identification):
    """The frame of an encap_ok Judgement with an identification in its outer header."""
    outer = frame[14:18] + identification + frame[20:34]
    return frame[:14] + with_checksum(outer) + frame[34:]


def _macs(route, remote):
    if route is None or route.device != underlay.DEV:
        return None
    neighbour = underlay.NEIGHBOURS.get(route.gateway or remote)
    if neighbour is None:
        return None
    return b"".join(bytes.fromhex(mac.replace(":", "")) for mac in (neighbour[1], underlay.MAC[underlay.DEV]))
