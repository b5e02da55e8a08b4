# SPDX-License-Identifier: GPL-2.0-only
"""A packet in fragments."""

from scapy.compat import raw
from scapy.layers.inet import IP

from networks.wire import IPv4


def fragments_of(packet, size, identification=0xBEEF):
    """The fragments of an IPv4 packet without options, with `size` bytes of data in each but the last; all as bytes."""
    whole = IPv4(packet)
    pieces = [whole.payload[at:at + size] for at in range(0, len(whole.payload), size)]
    return [raw(IP(src=whole.src, dst=whole.dst, id=identification, proto=whole.protocol, ttl=whole.ttl,
                   flags="MF" if number + 1 < len(pieces) else 0, frag=number * size // 8) / piece)
            for number, piece in enumerate(pieces)]
