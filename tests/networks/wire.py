# SPDX-License-Identifier: GPL-2.0-only
"""What is on the wire: frames captured on a device of a namespace, and IPv4 headers taken apart.

The headers are read here by hand, so that nothing is believed that ipipbpf wrote.
"""
import dataclasses
import errno
import ipaddress
import os
import select
import socket
import struct
import time

ETH_P_ALL = 3
ETH_P_IP = 0x0800
PROTO_ICMP, PROTO_IPIP, PROTO_TCP, PROTO_UDP = 1, 4, 6, 17
ETHERNET_HEADER, VLAN_TAG = 14, 4

SOL_PACKET = 263
PACKET_STATISTICS, PACKET_AUXDATA, PACKET_VNET_HDR = 6, 8, 15
PACKET_OUTGOING = 4
SO_RCVBUFFORCE = 33
VNET_HEADER = struct.Struct("<BBHHHH")
AUXDATA = struct.Struct("=IIIHHHH")
STATUS_VLAN_VALID, STATUS_VLAN_TPID_VALID = 1 << 4, 1 << 6
GSO_NONE = 0
VNET_NEEDS_CHECKSUM = 1
ROOM = 256 << 20
# Before Linux 6.2 a packet socket cannot describe a packet of UDP segments, and drops it when it is asked for it.
SEES_UDP_SEGMENTS = tuple(int(number) for number in os.uname().release.split(".")[:2]) >= (6, 2)


def checksum(data):
    """The Internet checksum of the bytes; 0 over a header that contains its own."""
    if len(data) % 2:
        data += b"\0"
    # 2**16 is 1 modulo 0xffff, so the remainder of the whole number is the sum with its carries folded in.
    number = int.from_bytes(data, "big")
    return 0xFFFF - (number % 0xFFFF or (0xFFFF if number else 0))


class IPv4:
    """An IPv4 packet's header fields; `payload` is what lies behind its header, up to its total length."""

    def __init__(self, data):
        first, self.tos, self.total_length, self.id, fragment, self.ttl, self.protocol, self.check, source, target = \
            struct.unpack_from("!BBHHHBBH4s4s", data)
        self.version, self.header_length = first >> 4, (first & 15) * 4
        self.df, self.mf, self.offset = bool(fragment & 0x4000), bool(fragment & 0x2000), (fragment & 0x1FFF) * 8
        self.src, self.dst = str(ipaddress.IPv4Address(source)), str(ipaddress.IPv4Address(target))
        self.header = data[:self.header_length]
        self.payload = data[self.header_length:self.total_length]
        self.behind = data[self.total_length:]

    @property
    def inner(self):
        return IPv4(self.payload)

    def __repr__(self):
        text = f"{self.src} > {self.dst} proto {self.protocol} ttl {self.ttl} length {self.total_length}"
        return f"{text} [{self.inner}]" if self.protocol == PROTO_IPIP and len(self.payload) >= 20 else text


def transport_header_length(packet):
    """Bytes of the TCP or UDP header of the innermost packet."""
    if packet.protocol == PROTO_TCP:
        return (packet.payload[12] >> 4) * 4
    return 8


@dataclasses.dataclass
class Frame:
    data: bytes
    outgoing: bool
    gso_size: int
    tags: tuple = ()
    # Where the checksum starts that is left to the device, and the offset of its field behind that, or None.
    checksum_left: tuple = None

    @property
    def ethertype(self):
        return struct.unpack_from("!H", self.data, 12)[0]

    @property
    def ip(self):
        return IPv4(self.data[ETHERNET_HEADER:])

    @property
    def largest_packet(self):
        """The longest IPv4 packet that this frame becomes on a wire: a GSO frame is not yet cut into segments."""
        length = len(self.data) - ETHERNET_HEADER
        if not self.gso_size:
            return length
        packet, headers = self.ip, self.ip.header_length
        while packet.protocol == PROTO_IPIP:
            packet = packet.inner
            headers += packet.header_length
        return min(length, headers + transport_header_length(packet) + self.gso_size)


class Capture:
    """Every frame that passes a device while the block runs.

    The kernel keeps them until they are asked for; a capture that lost one says so.
    """

    def __init__(self, namespace, device, link_header=True):
        self._pad = b"" if link_header else b"\0" * 12 + struct.pack("!H", ETH_P_IP)
        self._socket = namespace.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
        self._socket.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, ROOM)
        self._socket.setsockopt(SOL_PACKET, PACKET_VNET_HDR, 1)
        self._socket.setsockopt(SOL_PACKET, PACKET_AUXDATA, 1)
        with namespace.entered():
            self._socket.bind((device, ETH_P_ALL))
        self._frames = []
        self.unseen = 0

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self._socket.fileno() >= 0:
            self.close()

    def close(self):
        self._read()
        _, dropped = struct.unpack("II", self._socket.getsockopt(SOL_PACKET, PACKET_STATISTICS, 8))
        self._socket.close()
        assert not dropped, f"the capture lost {dropped} frames"

    def _read(self):
        while True:
            try:
                data, ancillary, _, address = self._socket.recvmsg(1 << 17, 256, socket.MSG_DONTWAIT)
            except BlockingIOError:
                return
            except OSError as error:
                if error.errno != errno.EINVAL or SEES_UDP_SEGMENTS:
                    raise
                self.unseen += 1
                continue
            flags, gso_type, _, gso_size, start, offset = VNET_HEADER.unpack_from(data)
            self._frames.append(Frame(self._pad + data[VNET_HEADER.size:], address[2] == PACKET_OUTGOING,
                                      gso_size if gso_type != GSO_NONE else 0, _tags(ancillary),
                                      (len(self._pad) + start, offset) if flags & VNET_NEEDS_CHECKSUM else None))

    @property
    def frames(self):
        if self._socket.fileno() >= 0:
            self._read()
        return self._frames

    @property
    def packets(self):
        """The IPv4 packets among the frames."""
        return [frame.ip for frame in self.frames if frame.ethertype == ETH_P_IP]

    def wait_for(self, data, timeout, first=0):
        """Returns when a frame that holds these bytes has come in, behind the `first` ones."""
        deadline = time.monotonic() + timeout
        while not any(data in frame.data for frame in self.frames[first:] if not frame.outgoing):
            left = deadline - time.monotonic()
            assert left > 0, f"what was sent did not come in {timeout} s"
            select.select([self._socket], [], [], left)


def _tags(ancillary):
    """The VLAN tag that the kernel took out of the frame, as ((tpid, tci),)."""
    for level, kind, data in ancillary:
        if (level, kind) == (SOL_PACKET, PACKET_AUXDATA):
            status, _, _, _, _, tci, tpid = AUXDATA.unpack(data)
            if status & STATUS_VLAN_VALID:
                return ((tpid if status & STATUS_VLAN_TPID_VALID else 0x8100, tci),)
    return ()


def check_wire(frames, mtu, ends):
    """Every IPv4 frame between the hosts is a well-formed tunnel packet between `ends` that fits the MTU."""
    wrapped = [frame for frame in frames if frame.ethertype == ETH_P_IP]
    for frame in wrapped:
        outer = frame.ip
        assert frame.largest_packet <= mtu, f"{frame.largest_packet} bytes on a wire with MTU {mtu}: {outer}"
        assert outer.protocol == PROTO_IPIP and {outer.src, outer.dst} == set(ends), f"not in the tunnel: {outer}"
        assert not outer.mf and not outer.offset, f"an outer fragment: {outer}"
        assert checksum(outer.header) == 0, f"wrong outer checksum: {outer}"
        assert outer.inner.total_length == len(outer.payload), f"wrong outer length: {outer}"
    return wrapped


def ipv4_packet(src, dst, protocol, payload, ttl=64, tos=0, identification=0, df=False, options=b""):
    """An IPv4 packet as bytes, with its lengths and checksum right."""
    length = 20 + len(options)
    fields = [0x40 | length // 4, tos, length + len(payload), identification, 0x4000 if df else 0, ttl, protocol, 0,
              ipaddress.IPv4Address(src).packed, ipaddress.IPv4Address(dst).packed]
    header = struct.pack("!BBHHHBBH4s4s", *fields) + options
    return header[:10] + struct.pack("!H", checksum(header)) + header[12:] + payload


def icmp_echo(identifier, sequence, payload=b"", reply=False):
    """An ICMP echo request (or reply) as bytes."""
    message = struct.pack("!BBHHH", 0 if reply else 8, 0, 0, identifier, sequence) + payload
    return message[:2] + struct.pack("!H", checksum(message)) + message[4:]


def udp_datagram(source_port, target_port, payload=b""):
    """A UDP datagram without checksum, as bytes."""
    return struct.pack("!HHHH", source_port, target_port, 8 + len(payload), 0) + payload


def ethernet(target, source, data, tags=(), ethertype=ETH_P_IP):
    """An Ethernet frame as bytes; each tag is (tpid, tci)."""
    return target + source + b"".join(struct.pack("!HH", *tag) for tag in tags) + struct.pack("!H", ethertype) + data


def send_frame(namespace, device, frame):
    """Puts a frame on the wire through a device of the namespace."""
    with namespace.socket(socket.AF_PACKET, socket.SOCK_RAW, 0) as raw, namespace.entered():
        raw.sendto(frame, (device, 0))
