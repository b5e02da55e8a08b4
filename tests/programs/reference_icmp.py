# SPDX-License-Identifier: GPL-2.0-only
"""ICMP errors, as the contract, RFC 792, 1191, 1812 4.3.2 and 2003 4 and 5 have them.

From inside the tunnel: an ICMP error about an outer packet of ours becomes one about the inner packet. To inner senders:
what cannot be sent becomes the ICMP error about itself.
"""

import struct

from . import underlay
from .ipv4 import (DONT_FRAGMENT, HEADER, ICMP, ICMP_ERRORS, IPIP, MORE_OR_OFFSET, OFFSET, Header, behind_link, sums_up,
                   with_checksum, with_icmp_checksum)
from .judgement import Judgement, News
from .tables import number, text

UNREACHABLE, TIME_EXCEEDED = 3, 11
HOST, PORT, TOO_BIG, SOURCE_ROUTE = 1, 3, 4, 5
QUERIES = (0, 8, 9, 10, 13, 14, 15, 16, 17, 18)
PLATEAUS = (32000, 17914, 8166, 4352, 2002, 1492, 1006, 576)
MTU_MIN = 576
QUOTE_MAX = 576 - 20 - 8
# 375 words and 3 bytes: more than an Ethernet frame of usual size brings, and than RFC 1812 4.3.2.3 lets a router send.
MESSAGE_MAX = 1503


def error(source, destination, mtu, about):
    """An ICMP error between two addresses (numbers): fragmentation needed with `mtu`; host unreachable without one."""
    about = about[:QUOTE_MAX]
    message = struct.pack("!BBHHH", UNREACHABLE, HOST if mtu is None else TOO_BIG, 0, 0, mtu or 0) + about
    message = with_icmp_checksum(message)
    return with_checksum(HEADER.pack(0x45, 0xC0, 20 + len(message), 0, DONT_FRAGMENT, 64, ICMP, 0, source,
                                     destination)) + message


def _may_tell(header, payload):
    """RFC 1812 4.3.2.7: whether an error may be sent about a packet of this header with this behind it."""
    if header.fragment & OFFSET or header.destination >> 28 in (14, 15):
        return False
    if header.source >> 24 in (0, 127) or header.source >> 28 in (14, 15):
        return False
    return header.protocol != ICMP or payload[:1] != b"" and payload[0] in QUERIES


def _source(tables, sender, local):
    """The source of an error that leaves for an inner sender; None if this host's own stack gets it."""
    route = underlay.lookup(sender) if tables.forwarding else None
    if route is None or route.kind != "unicast":
        return None
    preferred = underlay.preferred_source(route)
    return number(preferred) if preferred else local


# Egress

def answer(tables, peer, remote, inner, mtu):
    """The frame that a packet which cannot be sent becomes; None if nobody is told. mtu: what it exceeds, or None."""
    packet = inner.frame[inner.at:inner.at + inner.total]
    if not _may_tell(inner, packet[inner.length:]) or not tables.device.icmp_rate:
        return None
    link, source = inner.frame[:14], _source(tables, inner.source, tables.local(peer))
    if source is None:
        source = number(remote)
        link = link[6:12] + bytes.fromhex("020000000404") + link[12:]
    return link + error(source, inner.source, None if mtu is None else mtu - 20, packet)


# Ingress

def relay(tables, frame):
    """A Judgement, if a frame is an ICMP error about an outer packet of ours; else None."""
    link = behind_link(frame)
    if not link or link[1]:
        return None
    carrier = Header(frame, link[0])
    if not carrier.sound(len(frame) - 14) or carrier.protocol != ICMP or carrier.fragment & MORE_OR_OFFSET:
        return None
    message = frame[14 + carrier.length:14 + carrier.total]
    if not 8 + 20 <= len(message) <= MESSAGE_MAX or message[0] not in ICMP_ERRORS or not sums_up(message):
        return None
    outer = Header(message, 8)
    peer = tables.peers.get(text(outer.destination)) if outer.destination else None
    if peer is None or (outer.version, outer.length, outer.protocol) != (4, 20, IPIP):
        return None
    if not outer.source == carrier.destination == tables.local(peer):
        return None
    return _judge(tables, frame, carrier, message, outer)


def _judge(tables, frame, carrier, message, outer):
    kind, code, _, _, mtu = struct.unpack_from("!BBHHH", message)
    ignored = Judgement("error_ignored", out=frame)
    if kind not in (UNREACHABLE, TIME_EXCEEDED) or kind == TIME_EXCEEDED and code:
        return ignored
    if kind == UNREACHABLE and (code in (PORT, SOURCE_ROUTE) or code > 15):
        return ignored
    remote = text(outer.destination)
    inner = _quoted_inner(outer, message)
    if inner:
        prefix = tables.longest(inner.destination)
        if prefix is None or not prefix.belongs_to(remote):
            return ignored
    news = told = None
    if kind == UNREACHABLE and code == TOO_BIG:
        told = _told_mtu(mtu, outer.total)
        if told >= outer.total or told > (tables.path_mtu(remote) or told):
            return ignored
        news = News(remote, mtu=told)
    if not inner:
        return Judgement("error_kept", out=frame, news=news or News(remote, owed=True))
    if not _may_tell(inner, message[28 + inner.length:]):
        return Judgement("error_ignored", out=frame, news=news)
    if not tables.device.icmp_rate:
        return Judgement("error_limited", "DROP", news=news)
    source = _source(tables, inner.source, outer.source)
    packet = error(carrier.source if source is None else source, inner.source, told and told - 20, message[28:])
    return Judgement("error_relayed", "CARRY", frame[:14] + packet, redirected=source is not None, news=news)


def _told_mtu(mtu, quoted_total):
    if mtu:
        return max(mtu, MTU_MIN)
    return next((plateau for plateau in PLATEAUS if plateau < quoted_total), MTU_MIN)


def _quoted_inner(outer, message):
    """The inner header, if it is quoted with its options and 8 bytes behind it; else None."""
    if outer.fragment & OFFSET or len(message) < 28 + 20:
        return None
    inner = Header(message, 28)
    if inner.version != 4 or inner.length < 20 or len(message) < 28 + inner.length + 8:
        return None
    return inner
