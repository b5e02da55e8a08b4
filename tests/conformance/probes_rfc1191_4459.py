# SPDX-License-Identifier: GPL-2.0-only
"""RFC 1191 and RFC 4459: path MTU discovery, and what becomes of packets that are too long for the tunnel."""

from networks.topology import A, B
from networks.traffic import pattern
from networks.wire import PROTO_IPIP, PROTO_TCP, IPv4, ipv4_packet

from .errors import FRAGMENTATION_NEEDED, ROUTER, UNREACHABLE, icmp_error
from .fragments import fragments_of
from .probe_packets import errors_in, from_b, inner, of_size, quote, reply, tcp_segment
from .probed import LAN_A, LAN_B
from .probing import With

TOO_BIG = (UNREACHABLE, FRAGMENTATION_NEEDED)
LARGEST = 1480


def router_says(mtu, about=None):
    """A router between the ends cannot pass on an outer packet: one of full size, or this one."""
    return icmp_error(*TOO_BIG, (about or quote(of_size(LARGEST, df=True)))[:548], mtu)


def errors_about(seen):
    """What the sender was told in errors about its packets being too big."""
    return [error.mtu for error in errors_in(seen.lan) if (error.kind, error.code) == TOO_BIG]


def believed(end):
    """The path MTU that the end tells of, or None where a packet of full size passes."""
    seen = end.forward(of_size(LARGEST, df=True))
    return None if seen.wrapped else (errors_about(seen) or [0])[0] + 20


def probe_1191_1_next_hops_mtu(tunnel):
    end = tunnel.anew()
    of_device = errors_about(end.forward(of_size(1500, df=True)))
    end.receive(router_says(1400))
    return (of_device, believed(end)) == ([1480], 1400) or "another MTU, or none"


def probe_1191_2_floor(tunnel):
    for mtu in (67, 40, 1):
        end = tunnel.anew()
        end.receive(router_says(mtu))
        if (believed(end) or 68) < 68:
            return f"{believed(end)} is believed"
    return True


def probe_1191_3_old_router(tunnel):
    end = tunnel.anew()
    end.receive(router_says(0))
    return believed(end) == 1492 or f"the sender is told {believed(end) - 20} for packets of 1480 bytes, and not 1472"


def probe_1191_4_not_raised(tunnel):
    end = tunnel.anew()
    end.receive(router_says(1000))
    end.receive(router_says(1400))
    return (believed(end) == 1000 and 300 <= end.path_mtu_seconds() <= 600) or "raised, or forgotten early"


def packet_to_nowhere():
    """The entry would not have sent it into this tunnel."""
    return quote(inner(bytes(1452), dst="10.5.0.1", df=True))


def probe_1191_5_packets_that_were_not_sent(tunnel):
    inside = of_size(LARGEST, df=True)
    quotes = {"another source": ipv4_packet("172.16.16.99", B, PROTO_IPIP, inside, df=True),
              "another destination": ipv4_packet(A, "172.16.1.99", PROTO_IPIP, inside, df=True),
              "another protocol": ipv4_packet(A, B, 47, inside, df=True),
              "an inner packet that is none of the tunnel's": packet_to_nowhere()}
    end = tunnel.anew()
    for name, forged in quotes.items():
        end.receive(router_says(1000, forged))
        if believed(end) is not None:
            return f"{name} is believed"
    return True


def probe_1191_6_larger_ones(tunnel):
    end = tunnel.anew()
    end.receive(router_says(1500), router_says(65535))
    if believed(end) is not None:
        return "an MTU that the packet fits into is believed"
    end.receive(router_says(1000), router_says(1001), router_says(1500))
    return believed(end) == 1000 or "raised"


def probe_4459_1_outer_fragments_at_the_exit(tunnel):
    packet = reply(pattern(1000))
    seen = tunnel().see(*(("wire", piece) for piece in fragments_of(from_b(packet), 504)), counting=True)
    if [out.payload for out in seen.lan] == [IPv4(packet).payload]:
        return True
    return not seen.lan and not seen.wire and seen.counters == {"outer_fragment": 3} or "lost"


def with_route(end, mtu, packets):
    """What comes of packets while the route to the far end has that MTU."""
    end.gateway.ip(f"route replace 172.16.0.0/20 via {ROUTER} mtu {mtu}")
    seen = [end.see(("lan", packet), counting=True) for packet in packets]
    end.gateway.ip(f"route replace 172.16.0.0/20 via {ROUTER}")
    return seen


def probe_4459_1_outer_fragments_at_the_entry(tunnel):
    seen, = with_route(tunnel.anew("nopmtudisc"), "lock 1400", [of_size(LARGEST)])
    if [packet.mf for packet in seen.wire] == [True, False]:
        return True
    return bool(errors_in(seen.lan)) and seen.counters == {"encap_too_big": 1} or "lost"


def is_told_of_1380(end, mtu):
    fits, too_big = with_route(end, mtu, [of_size(1380, df=True), of_size(1381, df=True)])
    return (len(fits.wrapped), too_big.wrapped, errors_about(too_big)) == (1, [], [1380]) or "not told"


def probe_4459_2_the_source_is_told(tunnel):
    return is_told_of_1380(tunnel.anew(), "lock 1400")


def probe_4459_2_of_a_route_that_is_not_locked(tunnel):
    def check(end):
        return is_told_of_1380(end, "1400")

    result = check(tunnel.anew())
    if result is True:
        return True
    end = tunnel.anew()
    end.gateway.sysctl("net.ipv4.ip_forward_use_pmtu", 1)
    believed = check(end)
    end.gateway.sysctl("net.ipv4.ip_forward_use_pmtu", 0)
    return With("net.ipv4.ip_forward_use_pmtu=1") if believed is True else result


def with_room(tunnel, mtu, check):
    """What a check says while the device below the tunnel has that MTU."""
    end = tunnel()
    for namespace in (end.gateway, end.wire):
        namespace.ip(f"link set eth0 mtu {mtu}")
    result = check(tunnel.anew())
    for namespace in (end.gateway, end.wire):
        namespace.ip("link set eth0 mtu 1500")
    tunnel.anew()
    return result


def probe_4459_3_room_for_the_outer_header(tunnel):
    def check(end):
        return [packet.total_length for packet in end.forward(of_size(1500, df=True)).wire] == [1520] or "refused"
    return with_room(tunnel, 1520, check)


def inner_fragments(end):
    packet = inner(pattern(1452))
    seen = end.forward(packet)
    if any(outer.mf or outer.offset for outer in seen.wire):
        return "the outer packet is fragmented"
    if b"".join(outer.inner.payload for outer in seen.wrapped) == IPv4(packet).payload:
        return True
    return "refused, and its sender told" if errors_about(seen) else "lost, and nobody told"


def probe_4459_4_too_long_for_the_device(tunnel):
    end, packet = tunnel.anew(), inner(pattern(1472))
    pieces = [outer.inner.payload for outer in end.forward(packet).wrapped]
    return len(pieces) == 2 and b"".join(pieces) == IPv4(packet).payload or "not fragmented"


def probe_4459_4_too_long_for_the_path(tunnel):
    end = tunnel.anew()
    end.receive(router_says(1400))
    result = inner_fragments(end)
    return result is True or f"for a path MTU that a router told: {result}"


def probe_4459_5_gso(tunnel):
    for segment, passes in ((1440, True), (1441, False)):
        packet = ipv4_packet(LAN_A, LAN_B, PROTO_TCP, tcp_segment(bytes(2 * segment)), df=True)
        seen = tunnel().forward_gso(packet, segment)
        if passes != bool(seen.wrapped):
            return f"segments of {segment + 40} bytes {'pass' if seen.wrapped else 'do not pass'}"
    return True
