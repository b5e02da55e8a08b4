# SPDX-License-Identifier: GPL-2.0-only
"""What others might have in the kernel: small BPF programs on a device's hooks, maps, entries; by bare system calls."""
import ctypes
import os
import resource
import struct
from contextlib import suppress

from .snapshot import SYS_BPF

MAP_CREATE, MAP_UPDATE_ELEM, PROG_LOAD, OBJ_PIN, OBJ_GET, PROG_GET_FD_BY_ID = 0, 2, 5, 6, 7, 13
MAP_UPDATE_BATCH, LINK_CREATE, LINK_UPDATE = 26, 28, 29
PROG_TYPE_SCHED_CLS, PROG_TYPE_XDP = 3, 6
ATTACH_XDP, ATTACH_TCX_INGRESS, ATTACH_TCX_EGRESS = 37, 46, 47
XDP_FLAGS_SKB_MODE, XDP_FLAGS_DRV_MODE = 2, 4
XDP_PASS, TCX_NEXT = 2, -1
MAP_TYPE_ARRAY = 2
ATTRIBUTE_SIZE = 120

_libc = ctypes.CDLL(None, use_errno=True)


def bpf_call(command, attributes):
    buffer = ctypes.create_string_buffer(attributes, ATTRIBUTE_SIZE)
    result = _libc.syscall(SYS_BPF, command, buffer, ATTRIBUTE_SIZE)
    if result < 0:
        raise OSError(ctypes.get_errno(), f"bpf command {command}")
    return result


def _program(kind, answer):
    """A program that returns one number. Before Linux 5.11 it counts as locked memory; where root may not raise that limit,
    as in a container, the kernel is newer or says so itself."""
    with suppress(ValueError):
        resource.setrlimit(resource.RLIMIT_MEMLOCK, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    code = struct.pack("<BBhi", 0xB7, 0, 0, answer) + struct.pack("<BBhi", 0x95, 0, 0, 0)
    instructions, licence = ctypes.create_string_buffer(code), ctypes.create_string_buffer(b"GPL")
    return bpf_call(PROG_LOAD, struct.pack("<IIQQ", kind, len(code) // 8, ctypes.addressof(instructions),
                                       ctypes.addressof(licence)))


class Stranger:
    """A program of somebody else on a hook of a device, until it is closed."""

    def __init__(self, namespace, device, hook, flags=0):
        xdp = hook == ATTACH_XDP
        self._program = _program(PROG_TYPE_XDP if xdp else PROG_TYPE_SCHED_CLS, XDP_PASS if xdp else TCX_NEXT)
        index = namespace.ip_json("link", "show", "dev", device)[0]["ifindex"]
        with namespace.entered():
            self._link = bpf_call(LINK_CREATE, struct.pack("<IIII", self._program, index, hook, flags))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        os.close(self._link)
        os.close(self._program)


def pin(descriptor, path):
    name = ctypes.create_string_buffer(path.encode())
    bpf_call(OBJ_PIN, struct.pack("<QI", ctypes.addressof(name), descriptor))


def pin_program(path):
    """Pins an XDP program that lets everything pass."""
    descriptor = _program(PROG_TYPE_XDP, XDP_PASS)
    pin(descriptor, path)
    os.close(descriptor)


def pin_array(path, value):
    """Pins an array map of one entry that holds these bytes."""
    descriptor = bpf_call(MAP_CREATE, struct.pack("<IIII", MAP_TYPE_ARRAY, 4, len(value), 1))
    key, data = ctypes.create_string_buffer(bytes(4)), ctypes.create_string_buffer(value, len(value))
    bpf_call(MAP_UPDATE_ELEM, struct.pack("<IIQQQ", descriptor, 0, ctypes.addressof(key), ctypes.addressof(data), 0))
    pin(descriptor, path)
    os.close(descriptor)


def exchange(path, program_id):
    """Puts the program of that id in the place of the one that a pinned link runs."""
    name = ctypes.create_string_buffer(path.encode())
    link = bpf_call(OBJ_GET, struct.pack("<QI", ctypes.addressof(name), 0))
    program = bpf_call(PROG_GET_FD_BY_ID, struct.pack("<I", program_id))
    bpf_call(LINK_UPDATE, struct.pack("<II", link, program))
    os.close(program)
    os.close(link)


def fill(path, keys, values, count):
    """Writes `count` entries, laid one behind the other in `keys` and `values`, into a pinned map at once."""
    name = ctypes.create_string_buffer(path.encode())
    descriptor = bpf_call(OBJ_GET, struct.pack("<QI", ctypes.addressof(name), 0))
    key_buffer, value_buffer = (ctypes.create_string_buffer(data, len(data)) for data in (keys, values))
    try:
        bpf_call(MAP_UPDATE_BATCH, struct.pack("<QQQQIIQQ", 0, 0, ctypes.addressof(key_buffer),
                                           ctypes.addressof(value_buffer), count, descriptor, 0, 0))
    finally:
        os.close(descriptor)
