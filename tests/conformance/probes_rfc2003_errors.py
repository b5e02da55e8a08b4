# SPDX-License-Identifier: GPL-2.0-only
"""RFC 2003, sections 4 and 5: ICMP errors from inside the tunnel, and what the entry remembers of them."""

from .errors import (FRAGMENTATION_NEEDED, HOST_UNREACHABLE, PARAMETER_PROBLEM, REDIRECT, SOURCE_QUENCH,
                     TIME_EXCEEDED, UNREACHABLE, icmp_error)
from .probe_packets import errors_in, inner, of_size, quote
from .probing import at_best

HOST = (UNREACHABLE, HOST_UNREACHABLE, 0)


def told(end, kind, code):
    """What the sender of the packet hears that a router's error is about: at once, and when it sends again."""
    message = icmp_error(kind, code, quote(inner()))
    return errors_in(end.receive(message).lan), errors_in(end.forward(inner(b"the next one")).lan)


def is_told(end, kind, code):
    at_once, later = told(end, kind, code)
    if [error.what for error in at_once] == [HOST]:
        return at_once[0].quote.endswith(b"inside") or "told, but of another packet"
    return "told with the next packet that it sends" if [error.what for error in later] == [HOST] else "not told"


def is_not_told(end, kind, code):
    at_once, later = told(end, kind, code)
    if at_once:
        return "told"
    return not later or "told with the next packet that it sends"


def probe_2003_18_net_unreachable(tunnel):
    return is_told(tunnel(), UNREACHABLE, 0)


def probe_2003_19_host_unreachable(tunnel):
    return is_told(tunnel(), *HOST[:2])


def probe_2003_20_protocol_unreachable(tunnel):
    return is_told(tunnel(), UNREACHABLE, 2)


def probe_2003_21_port_unreachable(tunnel):
    return is_not_told(tunnel(), UNREACHABLE, 3)


def probe_2003_22_fragmentation_needed(tunnel):
    end, packet = tunnel.anew(), of_size(1480, df=True)
    at_once = errors_in(end.receive(icmp_error(UNREACHABLE, FRAGMENTATION_NEEDED, quote(packet)[:548], 1400)).lan)
    if [error.what for error in at_once] == [(UNREACHABLE, FRAGMENTATION_NEEDED, 1380)]:
        return True
    later = errors_in(end.forward(packet).lan)
    return "told with the next packet that is too big" if later else "not told"


def probe_2003_23_source_route_failed(tunnel):
    return is_not_told(tunnel(), UNREACHABLE, 5)


def probe_2003_24_source_quench(tunnel):
    return is_not_told(tunnel(), SOURCE_QUENCH, 0)


def probe_2003_25_redirect(tunnel):
    return is_not_told(tunnel(), REDIRECT, 1)


def probe_2003_26_time_exceeded(tunnel):
    return at_best(tunnel, lambda end: is_told(end, TIME_EXCEEDED, 0), "ttl 64")


def probe_2003_27_parameter_problem(tunnel):
    return is_not_told(tunnel(), PARAMETER_PROBLEM, 0)


def probe_2003_28_soft_state(tunnel):
    end = tunnel.anew()
    end.receive(icmp_error(*HOST[:2], quote(inner())[:28]))
    seen = [[error.what for error in errors_in(end.forward(inner()).lan)] for _ in range(2)]
    return seen == [[HOST], []] or f"errors for the next two packets: {seen}"


def probe_2003_29_path_mtu(tunnel):
    end = tunnel.anew()
    end.receive(icmp_error(UNREACHABLE, FRAGMENTATION_NEEDED, quote(of_size(1480, df=True))[:28], 1400))
    fits, too_big = end.forward(of_size(1380, df=True)), end.forward(of_size(1381, df=True))
    if not fits.wrapped or too_big.wrapped:
        return "not remembered"
    return [error.what for error in errors_in(too_big.lan)] == [(UNREACHABLE, FRAGMENTATION_NEEDED, 1380)] or "not told"
