# SPDX-License-Identifier: GPL-2.0-only
"""What must become of a packet, written from the contract's tables and from nothing of the dataplane.

Of include/ it knows the verdict list alone. The FIB's answers come from underlay.py, which made the FIB. A GSO packet
of a test run is of no kind (TCP, UDP) that the kernel knows, so it lets nobody add or strip a header: what would have
been carried ends as encap_error or decap_error, counted as its segments.
"""

from dataclasses import replace

from . import reference_icmp, underlay
from .bpf import FIB_TELLS_MTU
from .ipv4 import DONT_FRAGMENT, HEADER, IPIP, MORE_OR_OFFSET, TCP, Header, behind_link, with_checksum
from .judgement import Judgement, News, dropped
from .tables import (ANY, ECN_COMPATIBILITY, FIXED, FRAGMENTS_STACK, HOOK_TC, HOOK_XDP, LOOSE, MONITOR, NOPMTUDISC, OFF,
                     PLAIN_BY_RPF, PLAIN_DROP, STRICT, SWITCH_ON, Counters, number, text)

NOT_ECT, ECT_1, ECT_0, CE = 0, 1, 2, 3
GSO_BY_FRAGS = 0xFFFF
# RFC 6040, figure 4: inner and outer marks that it calls dangerous and lets pass.
ALARMING = ((NOT_ECT, ECT_0), (NOT_ECT, ECT_1), (CE, ECT_1))


def segments(header, gso_size):
    """How many packets a GSO packet stands for, the sum of their total lengths, and the longest of them."""
    if not gso_size:
        return 1, header.total, header.total
    if gso_size == GSO_BY_FRAGS:
        return 1, header.total, header.length
    headers = header.length + _length_behind(header)
    payload = header.total - headers
    count = max(1, -(-payload // gso_size))
    return count, header.total + (count - 1) * headers, headers + min(payload, gso_size)


def _length_behind(header):
    """Bytes of the headers behind an IPv4 header, for as much of them as there is."""
    at = header.at + header.length
    if header.protocol == IPIP and at + 20 <= len(header.frame):
        nested = Header(header.frame, at)
        return nested.length + _transport_length(nested)
    return _transport_length(header)


def _transport_length(header):
    at = header.at + header.length
    if header.protocol != TCP:
        return 8
    return (header.frame[at + 12] >> 4) * 4 if at + 20 <= len(header.frame) else 20


def _unchecked_count(outer, gso_size):
    """What a packet counts as whose headers nobody checks."""
    at = outer.at + outer.length
    if not gso_size or at + 20 > len(outer.frame):
        return 1
    inner = Header(outer.frame, at)
    inner.total = len(outer.frame) - at
    return segments(inner, gso_size)[0]


# Ingress

def decap(tables, hook, frame, gso_size=0):
    """hook: HOOK_XDP or HOOK_TC, whose program it is."""
    untouched = Judgement(out=frame)
    link = behind_link(frame)
    if hook == HOOK_TC and (relayed := reference_icmp.relay(tables, frame)):
        return relayed
    if tables.device.hook != hook or not link:
        return untouched
    at, tags = link
    outer = Header(frame, at)
    if outer.protocol != IPIP:
        return _plain(tables, outer) or untouched

    remote = text(outer.source)
    if remote not in tables.peers:
        remote = ANY
    peer = tables.peers.get(remote)
    unchecked = _unchecked_count(outer, gso_size)
    if not peer or outer.destination != tables.local(peer):
        return Judgement("not_peer", out=frame, packets=unchecked)
    if not peer.valid():
        return dropped("peer_invalid", remote, unchecked)
    outer.fill_in(len(frame) - at, gso_size)
    if not outer.sound(len(frame) - at):
        return dropped("outer_bad", remote, unchecked)
    if outer.fragment & MORE_OR_OFFSET:
        if tables.device.fragments == FRAGMENTS_STACK:
            return Judgement("outer_fragment", out=frame, packets=unchecked)
        return dropped("outer_fragment", remote, unchecked)
    return _inner(tables, hook, peer, remote, outer, tags > 0, gso_size, unchecked)


def _plain(tables, header):
    """A packet without a tunnel: a Judgement if it must not come so."""
    device = tables.device
    prefix = tables.longest(header.source)
    drop = device.plain == PLAIN_DROP or device.plain == PLAIN_BY_RPF and device.rpf == STRICT
    if not drop or prefix is None or prefix.exempt() or _error_is_expected(tables, header):
        return None
    return dropped("plain_source")


def _error_is_expected(tables, header):
    """An ICMP error from a peer's remote, or one that quotes one of our outer packets."""
    if header.icmp_error() and header.source and text(header.source) in tables.peers:
        return True
    return _quotes_ours(tables, header)


def _quotes_ours(tables, header):
    """An ICMP error that quotes one of our outer packets."""
    quoted_at = header.at + header.length + 8
    if not header.icmp_error() or len(header.frame) < quoted_at + 20:
        return False
    quoted = Header(header.frame, quoted_at)
    peer = tables.peers.get(text(quoted.destination)) if quoted.destination else None
    return (quoted.version == 4 and quoted.protocol == IPIP and peer is not None
            and quoted.source == tables.local(peer))


def _inner(tables, hook, peer, remote, outer, tagged, gso_size, unchecked):
    device, frame, at = tables.device, outer.frame, outer.at + outer.length
    room = outer.total - outer.length
    if room < 20:
        return dropped("inner_bad", remote, unchecked)
    inner = Header(frame, at)
    inner.fill_in(room, gso_size)
    if not inner.sound(room) or inner.ttl == 0:
        return dropped("inner_bad", remote, unchecked)
    count, size, _ = segments(inner, gso_size)
    if inner.source >> 24 in (0, 127) or inner.source >> 28 in (14, 15):
        return dropped("martian_source", remote, count)
    if inner.destination >> 24 in (0, 127) or inner.destination >> 28 == 15 and inner.destination != 0xFFFFFFFF:
        return dropped("martian_destination", remote, count)

    rpf = peer.rpf or (LOOSE if remote == ANY else device.rpf)
    verdict = _reverse_path(tables, rpf, remote, outer.source, inner, tagged)
    if verdict and tables.chosen(peer, "monitor") != MONITOR:
        return dropped(verdict, remote, count)
    ecn = _decapsulated_ecn(inner.tos & 3, outer.tos & 3)
    if ecn is None:
        return dropped("ecn_drop", remote, count)
    if gso_size:
        return dropped("decap_error", remote, count)

    packet = frame[at:at + inner.total]
    if ecn != inner.tos & 3:
        packet = with_checksum(packet[:1] + bytes([inner.tos & 0xFC | ecn]) + packet[2:inner.length]) \
            + packet[inner.length:]
    carried = "ecn_alarm" if (inner.tos & 3, outer.tos & 3) in ALARMING else "decap_ok"
    judgement = Judgement(verdict + "_mon" if verdict else carried, "CARRY", frame[:outer.at] + packet, 1, remote,
                          Counters(rx_packets=count, rx_bytes=size))
    macs = None if verdict or tagged else _forwarding_macs(tables, hook, inner)
    return _forwarded(judgement, packet, frame[:12] if hook == HOOK_TC else macs) if macs else judgement


def _forwarding_macs(tables, hook, inner):
    """The link header's addresses with which a packet goes straight on, None if it is the stack's.

    To other devices alone: what leaves by DEV may go into a tunnel, and where the reference judges nothing does.
    """
    back, route = underlay.lookup(inner.source), underlay.lookup(inner.destination)
    asked = tables.device.forward == SWITCH_ON and tables.forwarding and (hook == HOOK_XDP or FIB_TELLS_MTU)
    if not asked or inner.length > 20 or inner.ttl < 2 or not back or back.kind != "unicast":
        return None
    if not route or route.kind != "unicast" or route.device == underlay.DEV or inner.total > underlay.mtu(route):
        return None
    return _macs(route, text(inner.destination))


def _forwarded(judgement, packet, macs):
    """TC leaves the addresses to the kernel's neighbour code."""
    out = macs + b"\x08\0" + with_checksum(packet[:8] + bytes([packet[8] - 1]) + packet[9:20]) + packet[20:]
    verdict = "decap_forwarded" if judgement.verdict == "decap_ok" else judgement.verdict
    return replace(judgement, verdict=verdict, out=out, redirected=True)


def _reverse_path(tables, rpf, remote, far_end, inner, tagged):
    """The first check that the inner source fails, or None. far_end: the remote, also where `any` stands for it."""
    if rpf == OFF:
        return None
    if rpf == STRICT:
        prefix = tables.longest(inner.source)
        owned = prefix is not None and prefix.belongs_to(remote)
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
    link = behind_link(frame)
    if not link:
        return untouched
    at, tags = link
    inner = Header(frame, at)
    inner.fill_in(len(frame) - at, gso_size)
    peers = tables.peers
    prefix = tables.longest(inner.destination)
    if _wrapped_by_us(tables, inner):
        return untouched
    sound = 20 <= inner.length <= inner.total <= len(frame) - at
    count, size, longest = segments(inner, gso_size) if sound else (1, 0, 0)
    if prefix is None or prefix.valid() and (prefix.bare or prefix.remote == ANY):
        nobody = not tags and frame[:6] == underlay.NEXT_HOP_MAC
        return Judgement("encap_no_prefix", out=frame, packets=count) if nobody else untouched
    if tags:
        return Judgement("tagged", out=frame, packets=count)

    remote = prefix.remote
    peer = peers.get(remote)
    if not peer:
        return dropped("no_peer", None, count)
    if not prefix.valid() or not peer.valid():
        return dropped("peer_invalid", remote, count)
    if not sound:
        return dropped("inner_bad", remote)
    if inner.ttl == 0:
        return dropped("encap_ttl", remote, count)
    if ingress_ifindex and (inner.source == number(remote) != tables.local(peer)
                            or inner.source == tables.local(peer) and not inner.icmp_error()):
        return dropped("encap_source", remote, count)

    route = underlay.lookup(number(remote)) if tables.forwarding else None
    verdict, mtu = _obstacle(tables, peer, remote, route, inner, longest)
    if verdict:
        judgement = dropped(verdict, remote, count)
        judgement.news = News(remote, owed=False) if verdict == "encap_unreachable" else None
        if verdict != "encap_loop":
            judgement.out = reference_icmp.answer(tables, peer, remote, inner, mtu)
            judgement.redirected = judgement.out is not None
        return judgement
    if gso_size:
        return dropped("encap_error", remote, count)
    return Judgement("encap_ok", "CARRY", frame[:14] + _outer(tables, peer, remote, inner) + frame[14:], 1, remote,
                     Counters(tx_packets=count, tx_bytes=size),
                     _macs(route, remote) if route and route.device == underlay.DEV else None)


def _obstacle(tables, peer, remote, route, inner, longest):
    """The verdict on a packet that cannot travel, and with encap_too_big the MTU that it exceeds; None and None if it can.

    route: the FIB's, None while it is silent. longest: the longest segment.
    """
    if tables.forwarding:
        if route is None or route.kind != "unicast":
            return "encap_no_route", None
        if route.gateway == underlay.NEXT_HOP:
            return "encap_loop", None
    if tables.owes_error(remote):
        return "encap_unreachable", None
    mtu = underlay.mtu(route) if route else tables.device.mtu
    told = _forbids_fragments(tables, peer, inner) and tables.path_mtu(remote) or mtu
    if longest + 20 > min(mtu, told):
        return "encap_too_big", min(mtu, told)
    return None, None


def _wrapped_by_us(tables, header):
    peer = tables.peers.get(text(header.destination))
    return header.protocol == IPIP and peer is not None and header.source == tables.local(peer)


def _outer(tables, peer, remote, inner):
    device = tables.device
    options = peer if peer.ttl_mode else device
    ttl = options.ttl if options.ttl_mode == FIXED else inner.ttl
    options = peer if peer.tos_mode else device
    dscp = (options.tos if options.tos_mode == FIXED else inner.tos) & 0xFC
    ecn = 0 if tables.chosen(peer, "ecn") == ECN_COMPATIBILITY else inner.tos & 3
    fragment = DONT_FRAGMENT if _forbids_fragments(tables, peer, inner) else 0
    return with_checksum(HEADER.pack(0x45, dscp | ecn, 20 + inner.total, 0, fragment, ttl, IPIP, 0,
                                      tables.local(peer), number(remote)))


def _forbids_fragments(tables, peer, inner):
    return tables.chosen(peer, "df") != NOPMTUDISC or bool(inner.fragment & DONT_FRAGMENT)


def with_identification(frame, identification):
    """The frame of an encap_ok Judgement with an identification in its outer header."""
    outer = frame[14:18] + identification + frame[20:34]
    return frame[:14] + with_checksum(outer) + frame[34:]


def _macs(route, remote):
    neighbour = underlay.NEIGHBOURS.get(route.gateway or remote)
    if neighbour is None:
        return None
    return b"".join(bytes.fromhex(mac.replace(":", "")) for mac in (neighbour[1], underlay.MAC[route.device]))
