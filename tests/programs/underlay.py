# SPDX-License-Identifier: GPL-2.0-only
"""The network that the program tests run in, a namespace of their own, and what its FIB must answer.

ROUTES is written down once: it makes the kernel's routes, and the reference looks up its answers in it.
"""

import contextlib
import ctypes
import ipaddress
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

from .bpf import FIB_TELLS_SOURCE

DEV, OTHER = "dev0", "oth0"
MAC = {DEV: "02:00:00:00:d0:01", OTHER: "02:00:00:00:d0:02"}
MTU = {DEV: 1500, OTHER: 1400}
LOCAL = "172.16.16.22"
# The first address of each device.
ADDRESS = {DEV: LOCAL, OTHER: "10.99.0.1"}
OTHER_ADDRESS = "10.99.0.7"
NEXT_HOP, NEXT_HOP_MAC = "169.254.4.4", bytes.fromhex("020000000404")

GATEWAY, OTHER_GATEWAY = "172.16.16.1", "10.99.0.2"
NEIGHBOURS = {GATEWAY: (DEV, "02:00:00:00:aa:01"), "172.16.16.40": (DEV, "02:00:00:00:aa:40"),
              OTHER_GATEWAY: (OTHER, "02:00:00:00:bb:02"), NEXT_HOP: (DEV, NEXT_HOP_MAC.hex(":"))}

# Far ends, by where the FIB says that they are.
BEHIND_GATEWAY = "172.16.1.62"
ON_LINK = "172.16.16.40"
ELSEWHERE = "10.98.1.1"
UNRESOLVED = "172.16.16.77"
LOOPED = "203.0.113.5"
NARROW = "198.51.100.7"
UNROUTED = "198.18.0.1"
BLACKHOLED, UNREACHABLE, PROHIBITED = "192.168.5.1", "192.168.6.1", "192.168.7.1"
NARROW_MTU = 1300


@dataclass(frozen=True)
class Route:
    """One line of the FIB. kind: unicast, or why it is no way out.

    mtu: the route's own, locked; 0: the device's. source: the preferred one; none: the device's address.
    """
    prefix: str
    kind: str = "unicast"
    device: str = ""
    gateway: str = ""
    mtu: int = 0
    source: str = ""


ROUTES = [
    Route("172.16.16.0/20", device=DEV),
    Route("172.16.16.22/32", "local"),
    Route("172.16.31.255/32", "broadcast"),
    Route("10.99.0.0/24", device=OTHER),
    Route("10.99.0.1/32", "local"),
    Route("10.99.0.7/32", "local"),
    Route("10.99.0.255/32", "broadcast"),
    Route("172.16.0.0/20", device=DEV, gateway=GATEWAY),
    Route("10.98.0.0/16", device=OTHER, gateway=OTHER_GATEWAY),
    Route("198.51.100.0/24", device=DEV, gateway=GATEWAY, mtu=NARROW_MTU),
    Route("203.0.113.0/24", device=DEV, gateway=NEXT_HOP),
    Route("192.168.1.0/24", device=DEV, gateway=NEXT_HOP),
    Route("192.168.2.0/24", device=DEV, gateway=NEXT_HOP),
    Route("192.168.3.0/24", device=OTHER, gateway=OTHER_GATEWAY),
    Route("192.168.5.0/24", "blackhole"),
    Route("192.168.6.0/24", "unreachable"),
    Route("192.168.7.0/24", "prohibit"),
    Route("192.168.8.8/32", "local"),
    Route("192.168.9.0/24", device=OTHER, gateway=OTHER_GATEWAY, source=OTHER_ADDRESS),
    Route("192.168.10.0/24", device=OTHER, gateway=OTHER_GATEWAY, mtu=500),
]
# Sources by the route that leads back to them; 192.168.4.0/24 has none.
ROUTE_BACK = {"unicast": "192.168.1.9", "elsewhere": "192.168.3.9", "none": "192.168.4.9", "blackhole": "192.168.5.9",
              "unreachable": "192.168.6.9", "prohibit": "192.168.7.9", "local": "192.168.8.8",
              "broadcast": "172.16.31.255"}

_NETWORKS = sorted(((ipaddress.IPv4Network(route.prefix), route) for route in ROUTES),
                   key=lambda pair: -pair[0].prefixlen)
_MASKS = [(32 - network.prefixlen, int(network.network_address) >> (32 - network.prefixlen), route)
          for network, route in _NETWORKS]


def lookup(address):
    """The Route to an address (a number), or None: what the kernel must find."""
    for shift, start, route in _MASKS:
        if address >> shift == start:
            return route
    return None


def mtu(route):
    return route.mtu or MTU[route.device]


def preferred_source(route):
    """The source address that the FIB prefers on a route: text; None where it does not tell."""
    return (route.source or ADDRESS[route.device]) if FIB_TELLS_SOURCE else None


def ip(*lines):
    """Commands of iproute2, in this namespace."""
    subprocess.run(["ip", "-batch", "-"], input="\n".join(lines), text=True, check=True)


@contextlib.contextmanager
def routes(*lines):
    """More routes, as iproute2 takes them, while the context lasts. Nothing else knows of them."""
    ip(*(f"route add {line}" for line in lines))
    try:
        yield
    finally:
        ip(*(f"route del {line}" for line in lines))


def _setup():
    ip("link set lo up",
       *(f"link add {device} address {MAC[device]} mtu {MTU[device]} type veth peer name far-{device}"
         for device in (DEV, OTHER)),
       *(f"link set {name} up" for device in (DEV, OTHER) for name in (f"far-{device}", device)),
       f"address add {LOCAL}/20 brd + dev {DEV}", f"address add 10.99.0.1/24 brd + dev {OTHER}",
       f"address add {OTHER_ADDRESS}/24 brd + dev {OTHER}",
       "address add 192.168.8.8/32 dev lo",
       *(f"neighbour replace {address} lladdr {mac} nud permanent dev {device}"
         for address, (device, mac) in NEIGHBOURS.items()))
    for route in ROUTES:
        if route.kind in ("blackhole", "unreachable", "prohibit"):
            ip(f"route add {route.kind} {route.prefix}")
        elif route.gateway:
            options = (f"mtu lock {route.mtu} " if route.mtu else "") + (f"src {route.source}" if route.source else "")
            ip(f"route add {route.prefix} via {route.gateway} dev {route.device} onlink {options}")


def set_forwarding(on, device="lo"):
    """Whether the FIB answers questions asked for a device, in this process's namespace."""
    Path(f"/proc/sys/net/ipv4/conf/{device}/forwarding").write_text(str(int(on)))


@contextlib.contextmanager
def namespace():
    """Takes this process into a new network namespace with the network above, and back again at the end."""
    libc = ctypes.CDLL(None, use_errno=True)
    home = os.open("/proc/self/ns/net", os.O_RDONLY)
    clone_newnet = 0x40000000
    if libc.unshare(clone_newnet) < 0:
        raise OSError(ctypes.get_errno(), "unshare")
    try:
        _setup()
        set_forwarding(True)
        yield
    finally:
        if libc.setns(home, clone_newnet) < 0:
            raise OSError(ctypes.get_errno(), "setns")
        os.close(home)
