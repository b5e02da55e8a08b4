# SPDX-License-Identifier: GPL-2.0-only
"""What the fuzzers begin with: a few inputs of each shape, and the words that the parsers know."""

import struct

_OPTIONS = ["local", "src", "rpf", "ttl", "tos", "pmtudisc", "nopmtudisc", "strict", "loose", "off", "monitor",
            "ecn", "normal", "compat"]
_ATTACH = ["mode", "auto", "native", "skb", "tc", "plain", "drop", "pass", "fragments", "stack", "routes", "on",
           "mtu_expires", "icmp", "forward", "spread"]
_PEER = ["inherit", "remote", "any", "type", "ipip", "prefix", "bare"]
_ADDRESSES = ["172.16.1.62", "0.0.0.0", "255.255.255.255", "10.0.0.0/8", "0.0.0.0/0", "192.168.1.1/32", "10.0.0.1/8"]


def _line(command, words):
    """command: which parser, as the harness numbers them. words: as on the command line."""
    return bytes([command]) + words.replace(" ", "\n").encode()


_LINES = [
    _line(0, "eth0"),
    _line(0, "eth0 local 172.16.16.22 src 192.168.1.1 mode native rpf strict monitor plain pass ttl 64 tos 0xb8 "
             "nopmtudisc fragments stack routes off ecn compat mtu_expires 600 icmp 1000 forward on spread off"),
    _line(0, "eth0.100 rpf loose ttl inherit tos inherit pmtudisc"),
    _line(1, "eth0 remote 172.16.1.62 type ipip prefix 192.168.1.0/24 prefix 10.0.0.0/8 src 192.168.1.1"),
    _line(1, "eth0 remote any rpf off ecn normal"),
    _line(2, "eth0 remote 172.16.1.62"),
    _line(3, "eth0 10.0.0.0/8 remote 172.16.1.62 src 192.168.1.1"),
    _line(3, "eth0 10.0.0.0/8 bare"),
    *(_line(0, f"eth0 {words}") for words in ("ttl 0", "ttl 256", "tos 1", "tos 0x1fc", "local 0.0.0.0",
                                              "src 224.0.0.1", "pmtudisc nopmtudisc", "ttl 1 ttl 2", "icmp 65536",
                                              "icmp 0", "mtu_expires 0", "mtu_expires 0x15180", "ecn off",
                                              "rpf strict monitor rpf off")),
    _line(1, "eth0 remote any src 192.168.1.1"),
    _line(1, "eth0 remote 172.16.1.62 prefix 10.0.0.0/8 prefix 10.1.0.0/16 prefix 10.0.0.0/8"),
    _line(3, "eth0 10.0.0.0/8 bare remote any"),
]

_REMOTE = bytes([172, 16, 1, 62])
_META = struct.pack("=IIQ4s4s16BIIII", 1, 7, 1, bytes([172, 16, 16, 22]), bytes([192, 168, 1, 1]), 0, 0, 1, 1, 1, 1, 2, 1,
                    0, 1, 1, 0, 0, 3, 2, 0, 1500, 600, 1000, 0)


def _path(until, mtu):
    return struct.pack("=QQII", until, 0, mtu, 0)


_NO_PATH, _LONG_PATH, _PAST_PATH = _path(0, 0), _path(2**64 - 1, 1400), _path(1, 1400)


def _entries(peers, prefixes, state=0):
    """state: what the kernel lacks. peers: (remote, value, path). prefixes: (length, address, value, routes)."""
    return bytes([state, 9]) + b"eth0".ljust(15, b"\0") + _META + \
        bytes([len(peers)]) + b"".join(remote + value + path for remote, value, path in peers) + \
        bytes([len(prefixes)]) + b"".join(bytes([length, *address]) + value + bytes([routes])
                                          for length, address, value, routes in prefixes)


_ENTRIES = [
    _entries([], []),
    _entries([(_REMOTE, bytes(32), _LONG_PATH)], [(24, (192, 168, 1, 0), _REMOTE + bytes(4), 7)]),
    _entries([(bytes(4), bytes([1, 2, 3, 4, 64, 184, 2, 2, 2, 3, 1, 2, 0]) + bytes(19), _NO_PATH),
              (_REMOTE, bytes([9] * 32), _PAST_PATH)],
             [(0, (0, 0, 0, 0), bytes(8), 2), (8, (10, 0, 0, 0), _REMOTE + bytes([1, 0, 0, 0]), 0),
              (32, (10, 1, 1, 1), _REMOTE + bytes([2, 0, 0, 1]), 1)], 0x55),
    _entries([], [(16, (10, 1, 9, 9), _REMOTE + bytes(4), 3), (24, (10, 1, 1, 0), _REMOTE + bytes(4), 0)], 0xFF),
    _entries([], [(24, (10, 1, part, 0), _REMOTE + bytes([0, part % 2, 0, 0]), 0) for part in range(4)]),
]

_FILE_KEYS = ["[Attach]", "[Peer]", "[Bare]", "Device", "Local", "Src", "Mode", "Rpf", "Plain", "TTL", "TOS", "ECN",
              "PMTUDisc", "Fragments", "Routes", "MTUExpires", "ICMP", "Remote", "Type", "Prefixes", "yes", "no",
              "noroute", "=", ":", "#", ";", ","]
_FILES = [text.encode() for text in (
    "[Attach]\n",
    "[Attach]\nDevice = eth1\nSrc = 192.168.1.1\nMode = tc\nRpf = strict monitor\nPlain = pass\nTTL = 64\nTOS = 0xb8\n"
    "ECN = compat\nPMTUDisc = yes\nFragments = stack\nRoutes = off\nMTUExpires = 300\nICMP = 0\nForward = on\n"
    "Spread = off\n",
    "[Attach]\n[Peer]\nRemote = 172.16.1.62 # far\nPrefixes = 10.1.0.0/16 src 192.168.1.1, 10.2.0.0/16 noroute\n"
    "Local = 172.16.16.22\nSrc = 192.168.1.1\nTTL = 9\nPMTUDisc = no\n\n[Peer]\nremote=any\n[bare]\n"
    "prefixes=10.3.0.0/16\n",
    "[Peer]\nRemote = 172.16.1.62\n[Peer]\nRemote = 172.16.1.62\n[Attach]\n",
    "[Attach]\n[Peer]\nRemote = any\nPrefixes = 10.0.0.0/8, 10.0.0.0/8\n",
    "[Attach]\n[Bare]\nPrefixes = " + ", ".join(f"10.{part}.0.0/16" for part in range(40)) + "\n")]


def _packet(protocol, length, behind=b""):
    header = struct.pack("!BBHHHBB2x8s", 0x45, 0, length, 0, 0, 64, protocol, bytes(8))
    total = sum(struct.unpack("!10H", header)) % 0xFFFF
    return header[:10] + struct.pack("!H", 0xFFFF - total) + header[12:] + behind


def _cut(size, packet, tags=b""):
    """A frame that is to be shortened to `size` bytes."""
    return struct.pack("!H", size) + bytes(12) + tags + b"\x08\0" + packet


_IPIP, _ICMP, _UDP, _UNREACHABLE = 4, 1, 17, b"\3\4" + bytes(6)
_PACKETS = [
    _cut(0, b""),
    _cut(40, _packet(_UDP, 60, bytes(40))),
    _cut(60, _packet(_IPIP, 100, _packet(_UDP, 80, bytes(60)))),
    _cut(70, _packet(_IPIP, 101, _packet(_UDP, 80, bytes(60)))),
    _cut(50, _packet(_ICMP, 76, _UNREACHABLE + _packet(_IPIP, 200, _packet(_UDP, 180, bytes(8))))),
    _cut(45, _packet(_UDP, 28, bytes(60)), b"\x88\xa8\0\7\x81\0\0\5"),
]

SEEDS = {"address": [address.encode() for address in _ADDRESSES], "packet": _PACKETS, "words": _LINES, "config": _FILES,
         "entries": _ENTRIES}
KEYWORDS = {"packet": [], "address": [".", "/", "/32"], "words": [*_OPTIONS, *_ATTACH, *_PEER, *_ADDRESSES, "eth0", "0x"],
            "config": [*_FILE_KEYS, *_OPTIONS, *_ATTACH, *_PEER, *_ADDRESSES], "entries": []}
