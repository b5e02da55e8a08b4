# SPDX-License-Identifier: GPL-2.0-only
"""RFC 3704 and RFC 8704, ingress filtering. The interface that a packet came from is its peer."""

from .errors import ROUTER
from .probe_packets import from_b, reply
from .probed import LAN_C
from .probing import at_best

ROUTED, UNROUTED = "10.6.0.1", "10.7.0.1"


def comes_out(end, source):
    return bool(end.receive(from_b(reply(src=source))).lan)


def probe_3704_1_strict(tunnel):
    def check(end):
        if not comes_out(end, "192.168.2.10"):
            return "B's own source does not come out"
        if comes_out(end, LAN_C):
            return "a source behind C comes out of B's tunnel"
        return not comes_out(end, UNROUTED) or "a source without a route comes out"
    return at_best(tunnel, check, "rpf strict")


def probe_3704_2_loose(tunnel):
    end = tunnel.anew("rpf loose")
    end.gateway.ip(f"route add 10.6.0.0/16 via {ROUTER}")
    taken = {source: comes_out(end, source) for source in (ROUTED, LAN_C, UNROUTED)}
    end.gateway.ip("route del 10.6.0.0/16")
    if taken[UNROUTED]:
        return "a source without a route comes out"
    return all([taken[ROUTED], taken[LAN_C]]) or "a source with a route does not come out"


def leads_nowhere(tunnel, words, *routes):
    """Whether a source comes out to which one of these routes leads."""
    end, taken = tunnel.anew(words), []
    for route in routes:
        end.gateway.ip(f"route add {route}")
        taken.append(comes_out(end, UNROUTED))
        end.gateway.ip(f"route del {route}")
    return any(taken)


def probe_3704_3_routes_that_lead_nowhere(tunnel):
    kinds = [f"{kind} 10.7.0.0/16" for kind in ("blackhole", "unreachable", "prohibit")]
    return not leads_nowhere(tunnel, "rpf loose", *kinds) or "one counts"


def probe_3704_3_a_default_route(tunnel):
    return not leads_nowhere(tunnel, "rpf loose", f"default via {ROUTER}") or "a default route counts"


def probe_3704_5_unspecified_source(tunnel):
    for words in ("", "rpf loose", "rpf off"):
        if comes_out(tunnel(words), "0.0.0.0"):
            return "it does"
    return True


def probe_8704_4_monitor(tunnel):
    seen = tunnel("rpf strict monitor").see(("wire", from_b(reply(src=LAN_C))), counting=True)
    return len(seen.lan) == 1 and seen.counters == {"rpf_prefix_mon": 1} or "not counted"
