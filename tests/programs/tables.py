# SPDX-License-Identifier: GPL-2.0-only
"""What an attachment is told: the device's options, peers and prefixes, and the bytes of their pinned maps.

The formats are written out here by hand, and not taken from the headers: they are a contract with people who use
bpftool, which a changed header must not change unnoticed.
"""

import functools
import ipaddress
import struct
import time
from dataclasses import astuple, dataclass, field

INHERIT, FIXED = 1, 2
PMTUDISC, NOPMTUDISC = 1, 2
STRICT, LOOSE, OFF = 1, 2, 3
MONITOR, NO_MONITOR = 1, 2
SWITCH_ON, SWITCH_OFF = 1, 2
ECN_NORMAL, ECN_COMPATIBILITY = 1, 2
PLAIN_BY_RPF, PLAIN_DROP, PLAIN_PASS = 0, 1, 2
FRAGMENTS_DROP, FRAGMENTS_STACK = 1, 2
HOOK_XDP, HOOK_TC = 1, 2
MODE_NATIVE, MODE_SKB, MODE_TC = 1, 2, 3

# An `icmp_rate` that no test reaches.
UNLIMITED = 0xFFFFFFFF

ANY = "0.0.0.0"


def packed(address):
    """An address as a person writes it, as bytes in that order."""
    return ipaddress.IPv4Address(address).packed


def number(address):
    return int(ipaddress.IPv4Address(address))


def text(address):
    return ".".join(map(str, address.to_bytes(4, "big")))


@dataclass
class Peer:
    """Value of `peers`. 0: as the device has it."""
    local: str = "0.0.0.0"
    ttl: int = 0
    tos: int = 0
    ttl_mode: int = 0
    tos_mode: int = 0
    df: int = 0
    rpf: int = 0
    monitor: int = 0
    ecn: int = 0
    type: int = 0
    reserved: bytes = bytes(19)

    def pack(self):
        return packed(self.local) + struct.pack("9B", *astuple(self)[1:10]) + self.reserved

    def valid(self):
        return (self.ttl_mode <= 2 and self.tos_mode <= 2 and self.df <= 2 and self.rpf <= 3 and self.monitor <= 2
                and self.ecn <= 2 and self.type == 0 and not any(self.reserved)
                and not (self.ttl_mode == FIXED and self.ttl == 0) and not (self.tos_mode == FIXED and self.tos & 3))


@dataclass
class Prefix:
    """Value of `prefixes`."""
    remote: str
    bare: int = 0
    reserved: bytes = bytes(3)

    def pack(self):
        return packed(self.remote) + bytes([self.bare]) + self.reserved

    def valid(self):
        return self.bare <= 1 and not any(self.reserved)

    def exempt(self):
        """Bare, and no entry out of range: such a one is no exception."""
        return bool(self.bare) and self.valid()

    def belongs_to(self, remote):
        return self.valid() and not self.bare and self.remote == remote


@dataclass
class Device:
    """Value of `meta`: the device's options, with the defaults of `attach` but for `icmp_rate`."""
    ifindex: int
    local: str
    hook: int
    mtu: int = 1500
    ttl: int = 0
    tos: int = 0
    ttl_mode: int = INHERIT
    tos_mode: int = INHERIT
    df: int = PMTUDISC
    rpf: int = STRICT
    monitor: int = NO_MONITOR
    ecn: int = ECN_NORMAL
    plain: int = PLAIN_BY_RPF
    fragments: int = FRAGMENTS_DROP
    mode_used: int = MODE_TC
    mtu_expires: int = 600
    icmp_rate: int = UNLIMITED
    cache: int = 0
    forward: int = 0
    spread: int = 0

    def pack(self):
        layout, cookie, src, routes, local_auto, mode, made = 2, 1, bytes(4), 2, 0, 0, 0
        return struct.pack("=IIQ4s4s16B4I2B6x", layout, self.ifindex, cookie, packed(self.local), src,
                           self.ttl, self.tos, self.ttl_mode, self.tos_mode, self.df, self.rpf, self.monitor, self.ecn,
                           self.plain, self.fragments, routes, local_auto, mode, self.mode_used, self.hook, made,
                           self.mtu, self.mtu_expires, self.icmp_rate, self.cache, self.forward, self.spread)


@dataclass(frozen=True)
class KnownPath:
    """Value of `paths`. Times are nanoseconds of CLOCK_MONOTONIC."""
    mtu_until: int = 0
    error_until: int = 0
    mtu: int = 0

    def pack(self):
        return struct.pack("=QQII", *astuple(self), 0)

    @classmethod
    def unpack(cls, value):
        return cls(*struct.unpack("=QQI4x", value))


def peer_key(remote):
    return packed(remote)


def prefix_key(prefix):
    """Key of `prefixes` for a prefix like 10.0.0.0/8."""
    network = ipaddress.IPv4Network(prefix)
    return struct.pack("=I", network.prefixlen) + network.network_address.packed


@dataclass
class Counters:
    """Value of `peer_counters`, summed over the CPUs; the sixth field of a CPU's value is the dataplane's own."""
    tx_packets: int = 0
    tx_bytes: int = 0
    rx_packets: int = 0
    rx_bytes: int = 0
    drops: int = 0

    @classmethod
    def unpack(cls, value):
        cpus = struct.iter_unpack("=6Q", value)
        return cls(*(sum(column) for column in list(zip(*cpus))[:5]))

    def __add__(self, other):
        return Counters(*(a + b for a, b in zip(astuple(self), astuple(other))))

    def __sub__(self, other):
        return Counters(*(a - b for a, b in zip(astuple(self), astuple(other))))


@dataclass
class Tables:
    """All that an attachment was told. Peers by remote, prefixes by their text, what is known of paths by remote."""
    device: Device
    peers: dict = field(default_factory=dict)
    prefixes: dict = field(default_factory=dict)
    forwarding: bool = True
    paths: dict = field(default_factory=dict)

    def local(self, peer):
        """The outer source of a peer's packets: a number."""
        return number(self.device.local if peer.local == ANY else peer.local)

    def chosen(self, peer, name):
        """What a peer does not set, it takes from its device."""
        return getattr(peer, name) or getattr(self.device, name)

    def path_mtu(self, remote):
        """The path MTU that an ICMP error told and that has not aged; None without."""
        path = self.paths.get(remote, KnownPath())
        return path.mtu if time.monotonic_ns() < path.mtu_until else None

    def owes_error(self, remote):
        return time.monotonic_ns() < self.paths.get(remote, KnownPath()).error_until

    def longest(self, address):
        """The longest prefix that holds an address (a number): its Prefix, or None."""
        best, best_shift = None, 33
        for text, prefix in self.prefixes.items():
            shift, start = _parsed(text)
            if shift < best_shift and address >> shift == start:
                best, best_shift = prefix, shift
        return best


@functools.cache
def _parsed(prefix):
    network = ipaddress.IPv4Network(prefix)
    shift = 32 - network.prefixlen
    return shift, int(network.network_address) >> shift
