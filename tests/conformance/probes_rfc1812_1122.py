# SPDX-License-Identifier: GPL-2.0-only
"""RFC 1812 and RFC 1122: what is discarded in silence, martian addresses, forwarding, and ICMP errors."""

from networks.wire import PROTO_ICMP, PROTO_UDP, checksum, icmp_echo, ipv4_packet, udp_datagram

from .errors import FRAGMENTATION_NEEDED, HOST_UNREACHABLE, TIME_EXCEEDED, UNREACHABLE, icmp_error
from .probe_packets import ERRORS, errors_in, from_b, inner, of_size, quote, reply, rewritten
from .probed import GATEWAY_A, LAN_A, LAN_B
from .probing import With

BAD_HEADERS = {
    "shorter than a header": lambda packet: packet[:19],
    "wrong checksum": lambda packet: packet[:10] + b"\0\0" + packet[12:],
    "version 0": lambda packet: rewritten(packet, 0, b"\x05"),
    "version 5": lambda packet: rewritten(packet, 0, b"\x55"),
    "version 6": lambda packet: rewritten(packet, 0, b"\x65"),
    "IHL 4": lambda packet: rewritten(packet, 0, b"\x44"),
    "IHL 0": lambda packet: rewritten(packet, 0, b"\x40"),
    "total length below the header's": lambda packet: rewritten(packet, 2, b"\x00\x13"),
    "total length beyond the packet": lambda packet: rewritten(packet, 2, b"\x00\xff"),
}
SOURCES = ("0.0.0.0", "0.1.2.3", "127.0.0.1", "127.255.255.255", "224.0.0.1", "239.255.255.255", "240.0.0.1",
           "255.255.255.254", "255.255.255.255")
TARGETS = ("0.0.0.0", "0.1.2.3", "127.0.0.1", "127.1.2.3", "240.0.0.1", "255.255.255.254")
TOLD_TOO_BIG = icmp_error(UNREACHABLE, FRAGMENTATION_NEEDED, quote(of_size(1480, df=True))[:548], 1000)


def probe_1812_1_bad_headers(tunnel):
    for name, bad in BAD_HEADERS.items():
        for packet in (from_b(bad(reply())), bad(from_b(reply()))):
            seen = tunnel().receive(packet)
            if seen.lan or seen.wire:
                return f"{name}: {'it comes out' if seen.lan else 'it is answered'}"
    return True


def probe_1812_2_sources(tunnel):
    taken = [source for source in SOURCES
             if tunnel("rpf off").receive(from_b(reply(src=source))).lan]
    return not taken or f"from {', '.join(taken)} it comes out"


def with_default_route(tunnel, check, words=""):
    """What a check says where a route leads everywhere, into the network behind the gateway."""
    end = tunnel(words)
    end.gateway.ip(f"route add default via {LAN_A}")
    try:
        return check(end)
    finally:
        end.gateway.ip("route del default")


def probe_1812_3_destinations(tunnel):
    def check(end):
        taken = [target for target in TARGETS if end.receive(from_b(reply(dst=target))).lan]
        return not taken or f"forwarded to {', '.join(taken)}"
    return with_default_route(tunnel, check)


def probe_1812_4_log(tunnel):
    end = tunnel("rpf off")
    return With(end.LOG) if end.logs_martian(from_b(reply(src="127.0.0.1"))) else "not logged"


def probe_1812_5_validation(tunnel):
    forged = from_b(reply(src="10.7.0.1"))
    off, strict = tunnel("rpf off").receive(forged), tunnel("rpf strict").receive(forged)
    if strict.lan or strict.wire:
        return "not refused in silence"
    return bool(off.lan) or "not to be switched off"


def probe_1812_6_end_of_ttl(tunnel):
    seen = tunnel().receive(from_b(reply(ttl=1)))
    errors = errors_in(packet.inner for packet in seen.wrapped)
    return not seen.lan and [(error.kind, error.code) for error in errors] == [(TIME_EXCEEDED, 0)] or "not told"


def probe_1812_6_multicast(tunnel):
    seen = tunnel().receive(from_b(reply(dst="239.1.1.1", ttl=1)))
    return not seen.wire and not seen.lan or "answered"


def error_of(end, packet):
    """The error that a packet draws from the entry once a router has told a path MTU of 1000."""
    errors = errors_in(end.forward(packet).lan)
    return errors[0] if len(errors) == 1 else None


def taught(tunnel):
    end = tunnel.anew()
    end.receive(TOLD_TOO_BIG)
    return end


def probe_1812_7_quote(tunnel):
    packet = of_size(1400, df=True)
    error = error_of(taught(tunnel), packet)
    if error is None:
        return "no error"
    if checksum(error.ip.payload):
        return "wrong checksum"
    # The TTL and checksum may be those from before or after it was forwarded.
    return error.quote[12:] == packet[12:548] and error.quote[:8] == packet[:8] or f"{len(error.quote)} bytes"


def probe_1812_8_source(tunnel):
    error = error_of(taught(tunnel), of_size(1400, df=True))
    if error is None:
        return "no error"
    return (error.ip.src, error.ip.tos & 0xE0) == (GATEWAY_A, 0xC0) or f"from {error.ip.src}, TOS {error.ip.tos:#x}"


def probe_1812_9_silence(tunnel):
    end = taught(tunnel)
    fields = {"src": LAN_A, "dst": LAN_B, "df": True}
    silent = {**{f"ICMP {kind}": ipv4_packet(protocol=PROTO_ICMP, payload=bytes([kind, 0]) + bytes(1400), **fields)
                 for kind in ERRORS},
              "a later fragment": rewritten(of_size(1400), 6, b"\x40\x05"),
              "an invalid source": of_size(1400, df=True, src="127.0.0.1")}
    return next((f"about {name}" for name, packet in silent.items() if errors_in(end.forward(packet).lan)), True)


def probe_1812_9_all_others(tunnel):
    end = taught(tunnel)
    echo = ipv4_packet(LAN_A, LAN_B, PROTO_ICMP, icmp_echo(1, 1, bytes(1400)), df=True)
    return None not in (error_of(end, echo), error_of(end, of_size(1400, df=True))) or "none about a query"


def errors_drawn(end, count):
    """How many errors reach a sender about whose packets a router has said as often that their host is unreachable."""
    at_once = end.receive(*[icmp_error(UNREACHABLE, HOST_UNREACHABLE, quote(inner()))] * count)
    later = end.forward(*[inner()] * count)
    return len(errors_in([*at_once.lan, *later.lan]))


def probe_1812_10_rate(tunnel):
    end, drawn = tunnel.anew(), {}
    for limited in (False, True):
        end.limit_errors(limited)
        drawn[limited] = errors_drawn(end, 70)
    end.limit_errors(False)
    return drawn[True] < drawn[False] == 70 or f"{drawn[False]} of 70 errors are sent, and {drawn[True]} with a limit"


def probe_1122_1_loopback(tunnel):
    for source in ("127.0.0.1", "127.1.2.3"):
        packets = (from_b(reply(src=source)), from_b(inner(src=source, dst=GATEWAY_A)), from_b(reply(), src=source),
                   ipv4_packet(source, GATEWAY_A, PROTO_UDP, udp_datagram(7, 9)))
        seen = tunnel("rpf off").receive(*packets)
        if seen.lan or seen.wire:
            return "it comes in, or is answered"
    return True


def probe_1122_2_shortest_quote_is_understood(tunnel):
    end = tunnel.anew()
    end.receive(icmp_error(UNREACHABLE, FRAGMENTATION_NEEDED, quote(of_size(1480, df=True))[:28], 1000))
    return error_of(end, of_size(1400, df=True)) is not None or "not understood"


def probe_1122_2_longest_header_is_quoted(tunnel):
    packet = inner(bytes(1300), df=True, options=b"\x01" * 40)
    error = error_of(taught(tunnel), packet)
    return error is not None and error.quote[20:68] == packet[20:68] or "less is quoted"
