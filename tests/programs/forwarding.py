# SPDX-License-Identifier: GPL-2.0-only
"""A host that forwards, and what its attachment then has to know."""

import contextlib
import socket
import struct

from scapy.compat import raw
from scapy.layers.inet import IP

from . import underlay
from .bpf import CPUS
from .tables import SWITCH_ON
from .underlay import BEHIND_GATEWAY, DEV, NEIGHBOURS, OTHER

NEVER = struct.pack("=Q", 1 << 63) * CPUS
NOW = bytes(8 * CPUS)


def index(device):
    return struct.pack("=I", socket.if_nametoindex(device))


def slot(next_hop):
    """The key of `next_hops` for a next hop."""
    return struct.pack("=I", int.from_bytes(bytes(map(int, next_hop.split("."))), "big") % 1024)


def may_leave_by(attachment, *devices):
    """The devices that XDP may send out of; each next hop was left to the stack but now."""
    attachment.maps["devices"].clear()
    for device in devices:
        attachment.maps["devices"][index(device)] = index(device)
    for next_hop in NEIGHBOURS:
        attachment.maps["next_hops"][slot(next_hop)] = NEVER


@contextlib.contextmanager
def forwarding(attachment):
    """The host forwards for DEV, which has `forward on` and a peer that owns 192.168.1.0/24."""
    underlay.set_forwarding(True, DEV)
    attachment.device(forward=SWITCH_ON)
    attachment.peer(BEHIND_GATEWAY, "192.168.1.0/24")
    may_leave_by(attachment, DEV, OTHER)
    try:
        yield attachment
    finally:
        underlay.set_forwarding(False, DEV)


def less_ttl(packet):
    """The packet with its TTL one less and a right checksum, both made anew by scapy."""
    packet = IP(raw(packet))
    packet.ttl -= 1
    del packet.chksum
    return raw(packet)
