# SPDX-License-Identifier: GPL-2.0-only
"""Random tables and random frames for them, mostly well-formed."""

import struct

from . import underlay
from .bpf import TAKES_INGRESS
from .ipv4 import ICMP, IPIP, UDP, with_checksum
from .random_errors import error
from .random_ipv4 import gso, header, inner, options
from .tables import ANY, FIXED, HOOK_TC, HOOK_XDP, SWITCH_ON, UNLIMITED, number

REMOTES = [underlay.BEHIND_GATEWAY, underlay.ON_LINK, underlay.ELSEWHERE, underlay.UNRESOLVED, underlay.NARROW,
           underlay.LOOPED, underlay.UNROUTED, underlay.BLACKHOLED, "192.168.3.9"]
STRANGERS = ["192.0.2.99", "192.0.2.100"]
LOCALS = [underlay.LOCAL, "172.16.16.99"]
PREFIXES = [f"192.168.{net}.{part}" for net in range(1, 9) for part in ("0/24", "0/25", "9/32")] + \
    ["10.0.0.0/8", "172.16.0.0/12", "0.0.0.0/0"]
OUT_OF_RANGE = {"ttl_mode": 3, "tos_mode": 4, "df": 3, "rpf": 4, "monitor": 3, "ecn": 200, "type": 1}
MARTIANS = ["0.1.2.3", "127.0.0.1", "224.0.0.5", "239.9.9.9", "240.0.0.1", "255.255.255.255"]
TAGS = (b"\x81\x00", b"\x88\xa8")
_HERE = number("192.168.8.8")
_NUMBERS = {text: number(text) for text in REMOTES + STRANGERS + LOCALS + MARTIANS + [underlay.GATEWAY, ANY]}


def _number(address):
    return _NUMBERS[address]


# Tables

def fill(attachment, random):
    """Tells an attachment a random device, peers and prefixes."""
    device = {"local": LOCALS[0], "hook": HOOK_XDP if attachment.hook == "xdp" else HOOK_TC, "monitor": 2,
              "rpf": random.choice((1, 1, 1, 1, 2, 3)), "plain": random.randrange(3),
              "fragments": random.choice((1, 1, 2)), "mtu": random.choice((1500, 1400)),
              "icmp_rate": 0 if random.random() < 0.15 else UNLIMITED, "mtu_expires": random.choice((600, 3600)),
              "cache": random.choice((0, 60_000))}
    if random.random() < 0.25:
        device["monitor"] = 1
    if attachment.hook == "tc" and random.random() < 0.05:
        device["hook"] = HOOK_XDP  # TC has ICMP errors to look after also then
    attachment.device(**device, **_header_options(random, random.choice((1, 2)), random.choice((1, 2)),
                                                  random.choice((1, 2)), random.choice((1, 1, 2))))
    for remote in [*REMOTES, ANY]:
        if random.random() < (0.5 if remote == ANY else 0.85):
            attachment.peer(remote, **_peer(random))
    for prefix in PREFIXES:
        if random.random() < (0.9 if prefix.endswith("/24") else 0.15):
            _prefix(attachment, random, prefix)
    for remote in REMOTES:
        if random.random() < 0.5:
            _path(attachment, random, remote)
    attachment.fib_answers(random.random() < 0.85)


def _path(attachment, random, remote):
    """What is known of a way: of now or of long ago, never for so short a time that an epoch would see it pass."""
    mtu_for, error_for = (random.choice((0, -5, 3600, 3600)) for _ in range(2))
    attachment.path(remote, random.choice((576, 600, 1000, 1280, 1450, 1499, 1600)), mtu_for, error_for)


def _header_options(random, ttl_mode, tos_mode, df, ecn):
    return {"ttl_mode": ttl_mode, "ttl": random.randrange(1, 256) if ttl_mode == FIXED else random.randrange(256),
            "tos_mode": tos_mode, "tos": random.randrange(64) << 2, "df": df, "ecn": ecn}


def _peer(random):
    options = _header_options(random, *(random.choice((0, 0, 1, 2)) for _ in range(4)))
    options.update(rpf=random.choice((0, 0, 0, 0, 1, 2, 3)), monitor=random.choice((0, 0, 0, 1, 2)))
    if random.random() < 0.2:
        options["local"] = LOCALS[1]
    if random.random() < 0.05:
        options.update([random.choice(list(OUT_OF_RANGE.items()))])
    elif random.random() < 0.03:
        at = random.randrange(19)
        options["reserved"] = bytes(at) + bytes([random.randrange(1, 256)]) + bytes(18 - at)
    return options


def _prefix(attachment, random, prefix):
    choice = random.random()
    if choice < 0.08:
        attachment.bare(prefix)
    elif choice < 0.13:
        attachment.prefix(prefix, random.choice(STRANGERS))
    elif choice < 0.2:
        attachment.prefix(prefix, ANY)
    elif choice < 0.23:
        attachment.prefix(prefix, random.choice(REMOTES), bare=random.randrange(2), reserved=b"\0\x01\0")
    elif choice < 0.25:
        attachment.prefix(prefix, random.choice(REMOTES), bare=random.randrange(2, 256))
    else:
        attachment.prefix(prefix, random.choice(REMOTES))


# Packets

def inside(random, remote=None):
    """An address behind a tunnel, or one that should not be."""
    choice = random.random()
    if choice < 0.03:
        return _number(random.choice(MARTIANS))
    if choice < 0.08 and remote:
        return _number(remote)
    if choice < 0.12:
        return 0x0A000000 | random.randrange(1 << 24)
    if choice < 0.14:
        return random.randrange(1 << 32)
    net = random.choice((1, 1, 1, 1, 2, 2, 3, 3, 4, 5, 6, 7, 8))
    return 0xC0A80000 | net << 8 | random.choice((8, 9, 127, 128, 254))


def _link(random, packet, tagged=0.12):
    tags = b""
    if random.random() < tagged:
        for _ in range(random.choice((1, 1, 2))):
            tags += random.choice(TAGS) + struct.pack("!H", random.randrange(0x10000))
    return b"\x02\x00\x00\x00\xd0\x01\x02\x00\x00\x00\xaa\x01" + tags + b"\x08\x00" + packet


def _damage(random, frame):
    """A few bytes of the headers changed; in half of the cases, with the outer checksum right again."""
    data = bytearray(frame)
    for _ in range(random.choice((1, 1, 2, 3))):
        data[random.randrange(12, min(len(data), 80))] = random.randrange(256)
    at = 14
    if random.random() < 0.5 and len(data) > at:
        length = (data[at] & 15) * 4
        if 20 <= length <= len(data) - at:
            data[at:at + length] = with_checksum(bytes(data[at:at + length]))
    return bytes(data)


def _spoil(random, frame):
    """Damaged, cut short, or with something behind it."""
    choice = random.random()
    if choice < 0.07:
        return _damage(random, frame)
    if choice < 0.10:
        return frame[:random.randint(14, len(frame))]
    if choice < 0.20:
        return frame + bytes(random.randrange(1, 50))
    return frame


def arriving(random, tables):
    """A frame for ingress, and the context of its test run."""
    choice = random.random()
    if choice < (0.35 if tables.device.hook == HOOK_TC else 0.15):
        frame, context = _link(random, _told(random, tables), 0.05), {}
    elif choice < 0.76:
        frame, context = _tunnelled(random, tables)
    elif choice < 0.95:
        frame, context = _link(random, _plain(random, tables)), {}
    elif choice < 0.98:
        frame, context = _link(random, random.randbytes(random.randrange(0, 120))), {}
    else:
        frame, context = random.randbytes(random.randrange(14, 100)), {}
    return (frame, context) if context else (_spoil(random, frame), {})


def _local(tables, remote):
    peer = tables.peers.get(remote) or tables.peers.get(ANY)
    return _number(tables.device.local if not peer or peer.local == "0.0.0.0" else peer.local)


def far_end(random, tables):
    """Who sent a packet through a tunnel: a remote, the local address that it has for us, an inner source."""
    remote = random.choice(STRANGERS if random.random() < 0.15 else REMOTES)
    local = _local(tables, remote) if random.random() < 0.95 else _number(random.choice(LOCALS))
    owned = [prefix for prefix, value in tables.prefixes.items() if value.remote == remote and not value.bare]
    if owned and random.random() < 0.7:
        prefix = random.choice([prefix for prefix in owned if prefix.startswith("192.168.3.")] * 2 + owned)
        source = number(prefix.split("/")[0]) + (0 if prefix.endswith("/32") else random.choice((9, 9, 8, 127)))
    else:
        source = inside(random, remote)
    return _number(remote), local, source


def told_about(random, tables):
    """Of an ICMP error about an outer packet: the router, that packet's local and remote, the inner destination."""
    remote = random.choice(REMOTES)
    destination = inside(random, remote)
    owned = [(prefix, value.remote) for prefix, value in tables.prefixes.items() if value.remote in tables.peers]
    if owned and random.random() < 0.9:
        prefix, remote = random.choice(owned)
        destination = number(prefix.split("/")[0]) + random.choice((0, 9))
    router = _number(random.choice((underlay.GATEWAY, *REMOTES))) if random.random() < 0.7 else inside(random, remote)
    return router, _local(tables, remote), number(remote), destination


def _told(random, tables):
    """An ICMP error about an outer packet that went to a peer."""
    router, local, remote, destination = told_about(random, tables)
    return error(random, inner(random, sender(random), destination), local, remote, router)


def sender(random):
    """An inner source: of this host, behind another device or a tunnel, or where no route leads."""
    choice = random.random()
    if choice < 0.4:
        return _HERE
    if choice < 0.8:
        return 0xC0A80000 | random.choice((3, 9, 9, 10, 1, 2)) << 8 | random.randrange(1, 255)
    return inside(random)


def _destination(random, tables):
    """Where what came out of the tunnel goes: here, or through a host that forwards to another device or nowhere."""
    if tables.device.forward == SWITCH_ON and random.random() < 0.8:
        return 0xC0A80000 | random.choice((3, 3, 3, 9, 10, 4, 5)) << 8 | random.randrange(256)
    return _HERE if random.random() < 0.98 else _number(random.choice(MARTIANS))


def _tunnelled(random, tables):
    remote, local, source = far_end(random, tables)
    if tables.device.hook == HOOK_TC and random.random() < 0.03:
        frame, gso_size = gso(random, source, _HERE)
        return _link(random, header(random, IPIP, remote, local, len(frame), tos=0) + frame, 0), \
            {"gso_size": gso_size}
    packet = inner(random, source, _destination(random, tables), ttl=0 if random.random() < 0.02 else None)
    if random.random() < 0.05:
        packet += bytes(random.randrange(1, 40))
    fragment = random.choice((0x2000, 1, 0x3FFF)) if random.random() < 0.03 else random.choice((0, 0x4000, 0x4000))
    return _link(random, header(random, IPIP, remote, local, len(packet), options(random, 0.15), fragment) + packet), {}


def _plain(random, tables):
    source = inside(random, random.choice(REMOTES))
    if random.random() < 0.3:
        remote = random.choice(REMOTES + STRANGERS)
        quoted = header(random, random.choice((IPIP, IPIP, IPIP, UDP)), _local(tables, remote), _number(remote), 100)
        quoted = (quoted + bytes(20))[:random.choice((8, 20, 28, 28, 28, 40))]
        message = bytes([random.choice((3, 3, 11, 12, 4, 5, 8)), 0]) + bytes(6) + quoted
        return header(random, ICMP, source, _number(underlay.LOCAL), len(message), options(random, 0.1)) + message
    return inner(random, source, _number(underlay.LOCAL))


def into_a_tunnel(random, frame):
    """The frame, in half of the cases by a route into a tunnel."""
    return underlay.NEXT_HOP_MAC + frame[6:] if random.random() < 0.5 else frame


def leaving(random, tables):
    """A frame for egress, and the context of its test run."""
    frame, context = _leaving(random, tables)
    return into_a_tunnel(random, frame), context


def _leaving(random, tables):
    context = {"ingress_ifindex": random.choice((0, 0, 1)) if TAKES_INGRESS else 0}
    choice = random.random()
    if choice < 0.02:
        return random.randbytes(random.randrange(14, 100)), context
    remote = random.choice(REMOTES)
    source = sender(random)
    if random.random() < 0.1:
        source = random.choice((_number(remote), _local(tables, remote)))
    if choice < 0.07:
        packet = inner(random, _HERE, inside(random))
        ours = header(random, IPIP, _local(tables, remote), _number(remote), len(packet)) + packet
        return _link(random, ours), context
    destination = inside(random, remote)
    if choice < 0.12:
        packet, gso_size = gso(random, source, destination)
        return _link(random, packet), {**context, "gso_size": gso_size}
    packet = inner(random, source, destination, ttl=0 if random.random() < 0.02 else None)
    return _spoil(random, _link(random, packet, 0.05)), context
