# SPDX-License-Identifier: GPL-2.0-only
"""Programs on devices, and packets on their wires: for what a test run cannot have, as GSO packets of a kind."""

import contextlib
import ctypes
import errno
import fcntl
import mmap
import os
import select
import socket
import struct
import subprocess
from dataclasses import dataclass

from . import bpf

SOL_PACKET, PACKET_VERSION, PACKET_TX_RING, PACKET_VNET_HDR = 263, 10, 13, 15
TPACKET_V2, TPACKET2_HEADER, TP_STATUS_SEND_REQUEST, TP_STATUS_WRONG_FORMAT = 1, 32, 1, 4
RING = 1 << 12
ETH_P_ALL, ETH_P_IP, TAGS = 0x0003, 0x0800, (0x8100, 0x88A8)
TUNSETIFF, IFF_TUN, IFF_NO_PI = 0x400454CA, 0x0001, 0x1000
INGRESS, EGRESS = 1, 2
PATIENCE = 5  # seconds; a packet that goes through takes a few microseconds
MOVE_IMMEDIATE, CALL, EXIT, REDIRECT = 0xB7, 0x85, 0x95, 23

_lib = ctypes.CDLL("libbpf.so.1", use_errno=True)


class _Hook(ctypes.Structure):
    """struct bpf_tc_hook"""
    _fields_ = [("sz", ctypes.c_size_t), ("ifindex", ctypes.c_int), ("point", ctypes.c_int),
                ("parent", ctypes.c_uint32)]


class _Filter(ctypes.Structure):
    """struct bpf_tc_opts"""
    _fields_ = [("sz", ctypes.c_size_t), ("prog_fd", ctypes.c_int), ("flags", ctypes.c_uint32),
                ("prog_id", ctypes.c_uint32), ("handle", ctypes.c_uint32), ("priority", ctypes.c_uint32)]


@dataclass
class Offload:
    """struct virtio_net_hdr: what the kernel is told of a packet, or tells, besides its bytes."""
    flags: int = 0
    kind: int = 0
    headers: int = 0
    gso_size: int = 0
    checksum_start: int = 0
    checksum_offset: int = 0

    LAYOUT = struct.Struct("=BBHHHH")

    def pack(self):
        return self.LAYOUT.pack(self.flags, self.kind, self.headers, self.gso_size, self.checksum_start,
                                self.checksum_offset)

    @classmethod
    def unpack(cls, data):
        return cls(*cls.LAYOUT.unpack_from(data))


@contextlib.contextmanager
def attached(ifindex, point, *programs):
    """TC programs on a device, in this order, while the context lasts."""
    hook = _Hook(ctypes.sizeof(_Hook), ifindex, INGRESS | EGRESS)
    bpf._check(_lib.bpf_tc_hook_create(ctypes.byref(hook)), "make a clsact")
    try:
        hook.point = point
        for priority, program in enumerate(programs, 1):
            options = _Filter(ctypes.sizeof(_Filter), program.fd, handle=1, priority=priority)
            bpf._check(_lib.bpf_tc_attach(ctypes.byref(hook), ctypes.byref(options)), "attach to TC")
        yield
    finally:
        hook.point = INGRESS | EGRESS
        _lib.bpf_tc_hook_destroy(ctypes.byref(hook))


@contextlib.contextmanager
def redirecting(ifindex):
    """A TC program that sends every packet out of a device."""
    program = bpf.load_program(bpf.PROG_TYPE_SCHED_CLS, "redirect", [
        bpf.instruction(MOVE_IMMEDIATE, 1, immediate=ifindex), bpf.instruction(MOVE_IMMEDIATE, 2),
        bpf.instruction(CALL, immediate=REDIRECT), bpf.instruction(EXIT)])
    yield program
    os.close(program.fd)


@contextlib.contextmanager
def _dropped_or_not():
    """A sender is told of its packet's drop at TC."""
    try:
        yield
    except OSError as error:
        if error.errno != errno.ENOBUFS:
            raise


class Wire:
    """One end of a cable: sends frames, and receives those of IPv4 without their outermost tag. GSO packets too."""

    def __init__(self, device):
        self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
        self._socket.setsockopt(SOL_PACKET, PACKET_VNET_HDR, 1)
        self._socket.bind((device, ETH_P_ALL))
        self._socket.settimeout(PATIENCE)

    def close(self):
        self._socket.close()

    def send(self, frame, offload=Offload()):
        with _dropped_or_not():
            self._socket.send(offload.pack() + frame)

    def receive(self):
        """(offload, frame) of the next packet."""
        while True:
            data, (_, protocol, kind, _, _) = self._socket.recvfrom(1 << 17)
            if kind != socket.PACKET_OUTGOING and protocol in (ETH_P_IP, *TAGS):
                return Offload.unpack(data), data[Offload.LAYOUT.size:]


class Scattered:
    """A device's sender of frames of which the link header lies in one piece, and the rest in a page of its own."""

    def __init__(self, device):
        self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
        self._socket.setsockopt(SOL_PACKET, PACKET_VERSION, TPACKET_V2)
        # One frame in one block: tp_block_size, tp_block_nr, tp_frame_size, tp_frame_nr.
        self._socket.setsockopt(SOL_PACKET, PACKET_TX_RING, struct.pack("=4I", RING, 1, RING, 1))
        self._socket.bind((device, ETH_P_IP))
        self._ring = mmap.mmap(self._socket.fileno(), RING)

    def close(self):
        self._ring.close()
        self._socket.close()

    def send(self, frame):
        """The ring is of struct tpacket2_hdr, with the frame behind it; the first field is its state."""
        self._ring[TPACKET2_HEADER:TPACKET2_HEADER + len(frame)] = frame
        struct.pack_into("=II", self._ring, 0, TP_STATUS_SEND_REQUEST, len(frame))
        with _dropped_or_not():
            self._socket.send(b"")
        state, = struct.unpack_from("=I", self._ring)
        if state & TP_STATUS_WRONG_FORMAT:
            raise OSError(f"the kernel did not send the frame {frame.hex()}")


class Tun:
    """A tun device, which has no link header, and its far end."""

    def __init__(self, name, address):
        self._file = os.open("/dev/net/tun", os.O_RDWR | os.O_CLOEXEC | os.O_NONBLOCK)
        fcntl.ioctl(self._file, TUNSETIFF, struct.pack("16sH22x", name.encode(), IFF_TUN | IFF_NO_PI))
        lines = (f"link set {name} up", f"address add {address} dev {name}")
        subprocess.run(["ip", "-batch", "-"], input="\n".join(lines), text=True, check=True)
        self.ifindex = socket.if_nametoindex(name)

    def close(self):
        os.close(self._file)

    def send(self, packet):
        os.write(self._file, packet)

    def receive(self):
        """The next packet of IPv4."""
        packet = b""
        while not packet or packet[0] >> 4 != 4:
            readable, _, _ = select.select([self._file], [], [], PATIENCE)
            if not readable:
                raise TimeoutError("nothing came")
            packet = os.read(self._file, 1 << 16)
        return packet
