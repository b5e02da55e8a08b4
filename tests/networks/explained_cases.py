# SPDX-License-Identifier: GPL-2.0-only
"""A packet for each verdict: what must be there on A, and the frame that then comes into its eth0 or goes out of it."""
import contextlib
import struct
from typing import NamedTuple

from .topology import A, B, INNER_A, INNER_B
from .traffic import ping
from .wire import PROTO_ICMP, PROTO_IPIP, checksum, ethernet, icmp_echo, ipv4_packet, send_frame

ROUTER = "172.16.16.1"
UNLISTED, LISTED = "10.99.0.1", "10.98.0.1"
STRANGER, LOOPING, UNROUTED = "172.16.1.99", "10.77.0.1", "10.78.0.1"
BEHIND = "10.40.0.2"
ECT_0, CE = 2, 3
IN, OUT = "in", "out"
UNREACHABLE = 3
HOST, PORT, FRAGMENTATION_NEEDED = 1, 3, 4
REMOTE_B = bytes((172, 16, 1, 62))


def quiet(src, dst, size=20, **fields):
    """An echo reply, which nobody answers."""
    return ipv4_packet(src, dst, PROTO_ICMP, icmp_echo(1, 1, bytes(size), reply=True), **fields)


def outer(inner, src=B, dst=A, **fields):
    return ipv4_packet(src, dst, PROTO_IPIP, inner, **fields)


def incoming(src=INNER_B, dst=INNER_A, remote=B, **fields):
    """A packet from B's tunnel, or another's."""
    return outer(quiet(src, dst), src=remote, **fields)


def icmp_error(code, quoted, kind=UNREACHABLE, mtu=0, src=ROUTER):
    """From the router, about a packet of A's."""
    message = struct.pack("!BBHHH", kind, code, 0, 0, mtu) + quoted
    message = message[:2] + struct.pack("!H", checksum(message)) + message[4:]
    return ipv4_packet(src, A, PROTO_ICMP, message)


def about_ours(code, inner_size=28, **fields):
    sent = outer(quiet(INNER_A, INNER_B, 1000), src=A, dst=B)
    return icmp_error(code, sent[:20 + inner_size], **fields)


def broken(packet, at):
    """The packet with one byte changed."""
    return packet[:at] + bytes((packet[at] ^ 0xFF,)) + packet[at + 1:]


def fragment(packet):
    """The packet as if more fragments followed."""
    header = packet[:6] + bytes((packet[6] | 0x20,)) + packet[7:10] + bytes(2) + packet[12:20]
    return header[:10] + struct.pack("!H", checksum(header)) + header[12:] + packet[20:]


class Case(NamedTuple):
    direction: str
    packet: bytes
    attach: str = ""  # more words for `attach`
    peer: str = ""    # and for `peer add`
    prepare: object = None  # called with the network, when all is attached
    tags: tuple = ()


def addressed(network, case):
    """The frame of a case, with the link header that it has on A's eth0."""
    mac, other = network.a.address_of("eth0"), network.router.address_of("to-a")
    ends = (mac, other) if case.direction == IN else (bytes((2, 0, 0, 0, 4, 4)), mac)
    return ethernet(*ends, case.packet, case.tags)


def send(network, case):
    """Puts the frame on the wire: the router's, or A's own."""
    frame = addressed(network, case)
    if case.direction == IN:
        send_frame(network.router, "to-a", frame)
        return
    # Whose packet is dropped there may be told ENOBUFS.
    with contextlib.suppress(OSError):
        send_frame(network.a, "eth0", frame)


def forget_forwarding(network):
    """Switching ip_forward on and off takes the answers of the FIB away."""
    for value in (1, 0):
        network.a.sysctl("net.ipv4.ip_forward", value)


def route(line):
    return lambda network: network.a.ip(f"route add {line}")


def peer_of(remote, prefix):
    def prepare(network):
        network.end.peer(remote, "prefix", prefix)
    return prepare


def loop(network):
    network.end.peer(LOOPING, "prefix", UNLISTED)
    network.a.ip(f"route add {LOOPING} via 169.254.4.4 dev eth0 onlink")


def prefix_without_peer(network):
    network.end.update("prefixes", struct.pack("=I", 32) + bytes((10, 99, 0, 1)), bytes((172, 16, 1, 98)) + bytes(4))


def invalid_peer(network):
    network.end.update("peers", REMOTE_B, bytes(31) + b"\1")


def forward(network):
    """A forwards, and knows the host that the packet is for."""
    network.a.sysctl("net.ipv4.ip_forward", 1)
    assert ping(network.a, "10.40.0.1", BEHIND) == []


def error_owed(network):
    """An error that quotes too little, which the next packet to B draws."""
    send(network, Case(IN, about_ours(HOST, inner_size=8)))
    assert network.end.show()["verdicts"]["error_kept"] == 1


LISTED_WAY = f"prefix {LISTED}"

CASES = {
    "decap_ok": Case(IN, incoming()),
    "decap_forwarded": Case(IN, incoming(dst=BEHIND), attach="forward on", prepare=forward),
    "encap_ok": Case(OUT, quiet(INNER_A, INNER_B, ttl=17, tos=0x48)),
    "not_peer": Case(IN, incoming(remote=STRANGER)),
    "plain_source": Case(IN, quiet(INNER_B, INNER_A)),
    "outer_bad": Case(IN, broken(incoming(), 10)),
    "outer_fragment": Case(IN, fragment(incoming())),
    "inner_bad": Case(IN, outer(broken(quiet(INNER_B, INNER_A), 10))),
    "martian_source": Case(IN, incoming("127.0.0.1")),
    "martian_destination": Case(IN, incoming(INNER_B, "127.0.0.1")),
    "rpf_prefix": Case(IN, incoming(UNLISTED)),
    "no_route": Case(IN, incoming(LISTED), attach="routes off", peer=LISTED_WAY),
    "rpf_route": Case(IN, incoming(LISTED), attach="routes off", peer=LISTED_WAY,
                      prepare=route(f"{LISTED} via 10.66.0.2 dev eth1")),
    "fib_unavailable": Case(IN, incoming(), prepare=forget_forwarding),
    "rpf_prefix_mon": Case(IN, incoming(UNLISTED), attach="rpf strict monitor"),
    "no_route_mon": Case(IN, incoming(LISTED), attach="rpf strict monitor routes off", peer=LISTED_WAY),
    "rpf_route_mon": Case(IN, incoming(LISTED), attach="rpf strict monitor routes off", peer=LISTED_WAY,
                          prepare=route(f"{LISTED} via 10.66.0.2 dev eth1")),
    "fib_unavailable_mon": Case(IN, incoming(), attach="rpf strict monitor", prepare=forget_forwarding),
    "ecn_drop": Case(IN, incoming(tos=CE)),
    "ecn_alarm": Case(IN, incoming(tos=ECT_0)),
    "tagged": Case(OUT, quiet(INNER_A, INNER_B), tags=((0x8100, 5),)),
    "encap_no_prefix": Case(OUT, quiet(INNER_A, STRANGER)),
    "no_peer": Case(OUT, quiet(INNER_A, UNLISTED), prepare=prefix_without_peer),
    "peer_invalid": Case(OUT, quiet(INNER_A, INNER_B), prepare=invalid_peer),
    "encap_ttl": Case(OUT, quiet(INNER_A, INNER_B, ttl=0)),
    "encap_no_route": Case(OUT, quiet(INNER_A, UNLISTED), attach="routes off", prepare=peer_of(UNROUTED, UNLISTED)),
    "encap_loop": Case(OUT, quiet(INNER_A, UNLISTED), attach="routes off", prepare=loop),
    "encap_too_big": Case(OUT, quiet(INNER_A, INNER_B, 1453, df=True)),
    "encap_unreachable": Case(OUT, quiet(INNER_A, INNER_B), prepare=error_owed),
    "error_relayed": Case(IN, about_ours(FRAGMENTATION_NEEDED, mtu=1000)),
    "error_kept": Case(IN, about_ours(HOST, inner_size=8)),
    "error_limited": Case(IN, about_ours(HOST), attach="icmp 0"),
    "error_ignored": Case(IN, about_ours(PORT)),
}
