# SPDX-License-Identifier: GPL-2.0-only
"""The frames that the programs are given, and the peers and prefixes that they belong to."""
import ipaddress
import socket
import struct

from networks.wire import checksum

LOCAL, INSIDE, STRANGER = "172.16.16.22", "10.255.0.1", "192.0.2.1"
MACS = bytes.fromhex("02000000a001") + bytes.fromhex("02000000a002")
ETH_P_IP, ETH_P_ARP = 0x0800, 0x0806
IPPROTO_IPIP = 4
DATA = bytes(64)


def tunnels(peers, each):
    """{remote: its prefixes}."""
    return {f"172.20.{number // 100}.{number % 100 + 1}": [f"10.{number}.{part}.0/24" for part in range(each)]
            for number in range(peers)}


def _members(peers, each):
    """An address of each prefix, with the remote that it is reached through."""
    for remote, prefixes in tunnels(peers, each).items():
        for prefix in prefixes:
            yield remote, str(ipaddress.IPv4Network(prefix)[7])


def _ethernet(kind, payload):
    return MACS + struct.pack("!H", kind) + payload


def _ipv4(source, target, protocol, payload):
    header = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(payload), 0, 0x4000, 64, protocol, 0,
                         socket.inet_aton(source), socket.inet_aton(target))
    return header[:10] + struct.pack("!H", checksum(header)) + header[12:] + payload


def _udp(source, target):
    return _ipv4(source, target, socket.IPPROTO_UDP, struct.pack("!HHHH", 1111, 2222, 8 + len(DATA), 0) + DATA)


def arriving_of(members):
    """From each (remote, address), wrapped."""
    return [_ethernet(ETH_P_IP, _ipv4(remote, LOCAL, IPPROTO_IPIP, _udp(member, INSIDE))) for remote, member in members]


def leaving_of(members):
    """To each (remote, address), not yet wrapped."""
    return [_ethernet(ETH_P_IP, _udp(INSIDE, member)) for _, member in members]


def arriving(peers, each):
    return arriving_of(_members(peers, each))


def leaving(peers, each):
    return leaving_of(_members(peers, each))


def plain(*_):
    return [_ethernet(ETH_P_IP, _udp(STRANGER, STRANGER))]


def arp(*_):
    addresses = MACS[:6] + socket.inet_aton(LOCAL) + bytes(6) + socket.inet_aton(STRANGER)
    return [_ethernet(ETH_P_ARP, struct.pack("!HHBBH", 1, ETH_P_IP, 6, 4, 1) + addresses + bytes(18))]
