# SPDX-License-Identifier: GPL-2.0-only
"""Programs on devices, and packets on their wires: for what a test run cannot have, as GSO packets of a kind."""

import contextlib
import ctypes
import errno
import os
import socket
import struct
from dataclasses import dataclass

from . import bpf

SOL_PACKET, PACKET_VNET_HDR = 263, 15
ETH_P_ALL, ETH_P_IP = 3, 0x0800
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


class Wire:
    """One end of a cable: sends whole frames, and receives those of IPv4; GSO packets too."""

    def __init__(self, device):
        self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
        self._socket.setsockopt(SOL_PACKET, PACKET_VNET_HDR, 1)
        self._socket.bind((device, ETH_P_ALL))
        self._socket.settimeout(PATIENCE)

    def close(self):
        self._socket.close()

    def send(self, frame, offload=Offload()):
        try:
            self._socket.send(offload.pack() + frame)
        except OSError as error:
            if error.errno != errno.ENOBUFS:  # a program dropped it
                raise

    def receive(self):
        """(offload, frame) of the next packet."""
        while True:
            data, (_, protocol, kind, _, _) = self._socket.recvfrom(1 << 17)
            if kind != socket.PACKET_OUTGOING and protocol == ETH_P_IP:
                return Offload.unpack(data), data[Offload.LAYOUT.size:]
