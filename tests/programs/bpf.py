# SPDX-License-Identifier: GPL-2.0-only
"""BPF objects, maps and test runs, by libbpf. Errors are raised as OSError with the kernel's errno."""

import ctypes
import errno
import os
import struct
import time
from pathlib import Path

_lib = ctypes.CDLL("libbpf.so.1", use_errno=True)
_PRINT = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_int, ctypes.c_char_p, ctypes.c_void_p)
_u32, _u64, _ptr = ctypes.c_uint32, ctypes.c_uint64, ctypes.c_void_p

for _name, _result, _arguments in (
    ("bpf_object__open_file", _ptr, [ctypes.c_char_p, _ptr]),
    ("bpf_object__load", ctypes.c_int, [_ptr]),
    ("bpf_object__close", None, [_ptr]),
    ("bpf_object__next_map", _ptr, [_ptr, _ptr]),
    ("bpf_object__find_map_by_name", _ptr, [_ptr, ctypes.c_char_p]),
    ("bpf_object__find_program_by_name", _ptr, [_ptr, ctypes.c_char_p]),
    ("bpf_map__name", ctypes.c_char_p, [_ptr]),
    ("bpf_map__fd", ctypes.c_int, [_ptr]),
    ("bpf_map__reuse_fd", ctypes.c_int, [_ptr, ctypes.c_int]),
    ("bpf_map__key_size", _u32, [_ptr]),
    ("bpf_map__value_size", _u32, [_ptr]),
    ("bpf_map__type", ctypes.c_int, [_ptr]),
    ("bpf_map__set_max_entries", ctypes.c_int, [_ptr, _u32]),
    ("bpf_map__initial_value", _ptr, [_ptr, ctypes.POINTER(ctypes.c_size_t)]),
    ("bpf_program__fd", ctypes.c_int, [_ptr]),
    ("bpf_map_update_elem", ctypes.c_int, [ctypes.c_int, _ptr, _ptr, _u64]),
    ("bpf_map_lookup_elem", ctypes.c_int, [ctypes.c_int, _ptr, _ptr]),
    ("bpf_map_delete_elem", ctypes.c_int, [ctypes.c_int, _ptr]),
    ("bpf_map_get_next_key", ctypes.c_int, [ctypes.c_int, _ptr, _ptr]),
    ("bpf_map_lookup_batch", ctypes.c_int, [ctypes.c_int, _ptr, _ptr, _ptr, _ptr, _ptr, _ptr]),
    ("bpf_map_update_batch", ctypes.c_int, [ctypes.c_int, _ptr, _ptr, _ptr, _ptr]),
    ("bpf_map_create", ctypes.c_int, [ctypes.c_int, ctypes.c_char_p, _u32, _u32, _u32, _ptr]),
    ("bpf_prog_load", ctypes.c_int, [ctypes.c_int, ctypes.c_char_p, ctypes.c_char_p, _ptr, ctypes.c_size_t, _ptr]),
    ("bpf_prog_test_run_opts", ctypes.c_int, [ctypes.c_int, _ptr]),
    ("bpf_obj_pin", ctypes.c_int, [ctypes.c_int, ctypes.c_char_p]),
    ("bpf_prog_get_fd_by_id", ctypes.c_int, [_u32]),
    ("libbpf_num_possible_cpus", ctypes.c_int, []),
    ("libbpf_set_print", _ptr, [_ptr]),
):
    _function = getattr(_lib, _name)
    _function.restype, _function.argtypes = _result, _arguments

KERNEL = tuple(int(number) for number in os.uname().release.split("-")[0].split("+")[0].split(".")[:2])
# bpf_fib_lookup() tells the preferred source since 6.7, and on older kernels that were given it later, as 6.1 was.
FIB_TELLS_SOURCE = b"\0BPF_FIB_LOOKUP_SRC\0" in Path("/sys/kernel/btf/vmlinux").read_bytes()
# bpf_fib_lookup() holds tot_len against the MTU on TC too, without which TC sends nothing straight on.
FIB_TELLS_MTU = KERNEL >= (5, 12)
CPUS = _lib.libbpf_num_possible_cpus()
CLOCK_MONOTONIC_COARSE = 6
# Of the kernel (jiffies), in 2^20 milliseconds.
TICKS = (1_000_000 << 20) // round(time.clock_getres(CLOCK_MONOTONIC_COARSE) * 1e9)
# Whether a test run takes the device by which a packet came in: 5.10's does not, 6.1's does.
TAKES_INGRESS = KERNEL >= (6, 1)
ENOTSUPP = 524  # the kernel's own, which errno.h lacks: a kind of map that has no such operation
MAP_TYPE_ARRAY, MAP_TYPE_PROG_ARRAY = 2, 3
PER_CPU = (5, 6)  # a hash, an array
PROG_TYPE_SCHED_CLS = 3

# The context of a test run, as far as the kernel takes it: struct __sk_buff and struct xdp_md of the kernel's UAPI.
SKB_SIZE = 192
SKB_FIELDS = {"mark": 8, "priority": 32, "ingress_ifindex": 36, "ifindex": 40, "cb0": 48, "cb1": 52, "cb2": 56,
              "gso_segs": 164, "gso_size": 176}

FRAME_MAX = 65536

# BPF_F_TEST_XDP_LIVE_FRAMES, and how many frames the kernel handles at a time.
LIVE_FRAMES, LIVE_BATCH = 1 << 1, 64


def _check(result, what):
    if result < 0:
        error = ctypes.get_errno() or -result
        raise OSError(error, f"{what}: {os.strerror(error)}")
    return result


class Map:
    """A map: keys and values are bytes. Values of a per-CPU map are the CPUs' values one after the other."""

    def __init__(self, fd, key_size, value_size, per_cpu=False):
        self.fd = fd
        self.value_size = value_size * CPUS if per_cpu else value_size
        self._next = ctypes.create_string_buffer(key_size)
        self._value = ctypes.create_string_buffer(self.value_size)

    def __setitem__(self, key, value):
        if len(value) != self.value_size:
            raise ValueError(f"a value has {self.value_size} bytes, not {len(value)}")
        _check(_lib.bpf_map_update_elem(self.fd, key, value, 0), "map update")

    def __getitem__(self, key):
        if _lib.bpf_map_lookup_elem(self.fd, key, self._value) < 0:
            raise KeyError(key)
        return self._value.raw

    def __delitem__(self, key):
        _check(_lib.bpf_map_delete_elem(self.fd, key), "map delete")

    def keys(self):
        found, key = [], None
        while _lib.bpf_map_get_next_key(self.fd, key, self._next) == 0:
            key = self._next.raw
            found.append(key)
        return found

    def first(self, count):
        """The values of the first `count` elements of an array, one after the other; by one call where the kernel has it."""
        keys, values = ctypes.create_string_buffer(4 * count), ctypes.create_string_buffer(self.value_size * count)
        after, number = _u32(), _u32(count)
        result = _lib.bpf_map_lookup_batch(self.fd, None, ctypes.byref(after), keys, values, ctypes.byref(number), None)
        if result < 0 and ctypes.get_errno() == ENOTSUPP:
            return b"".join(self[struct.pack("=I", index)] for index in range(count))
        if result < 0 and ctypes.get_errno() != errno.ENOENT:  # ENOENT: the array ends there
            _check(result, "map lookup batch")
        return values.raw

    def update_many(self, keys, values):
        """Writes as many entries as there are in `keys`, which like `values` lie one after the other."""
        count = _u32(len(keys) // len(self._next))
        _check(_lib.bpf_map_update_batch(self.fd, keys, values, ctypes.byref(count), None), "map update batch")

    def clear(self):
        for key in self.keys():
            del self[key]


class _TestRun(ctypes.Structure):
    _fields_ = [("sz", ctypes.c_size_t), ("data_in", _ptr), ("data_out", _ptr), ("data_size_in", _u32),
                ("data_size_out", _u32), ("ctx_in", _ptr), ("ctx_out", _ptr), ("ctx_size_in", _u32),
                ("ctx_size_out", _u32), ("retval", _u32), ("repeat", ctypes.c_int), ("duration", _u32),
                ("flags", _u32), ("cpu", _u32), ("batch_size", _u32)]


class Program:
    """A loaded program; run() gives it one frame by BPF_PROG_TEST_RUN, in this process's network namespace."""

    def __init__(self, fd):
        self.fd = fd
        self._out = ctypes.create_string_buffer(FRAME_MAX)
        self._context = ctypes.create_string_buffer(SKB_SIZE)
        self._opts = _TestRun(sz=ctypes.sizeof(_TestRun), data_out=ctypes.addressof(self._out))
        self._opts_address = ctypes.addressof(self._opts)
        self._out_view = memoryview(self._out)

    def run(self, frame, context=None, repeat=1, flags=0):
        """Returns the program's return value and the frame as it left it; context is skb_context() or xdp_context()."""
        opts = self._opts
        opts.data_in = ctypes.cast(frame, _ptr)
        opts.data_size_in, opts.data_size_out = len(frame), FRAME_MAX
        opts.repeat, opts.flags = repeat, flags
        if context is None:
            opts.ctx_in, opts.ctx_size_in = None, 0
            opts.ctx_out, opts.ctx_size_out = None, 0
        else:
            opts.ctx_in, opts.ctx_size_in = ctypes.cast(context, _ptr), len(context)
            opts.ctx_out, opts.ctx_size_out = ctypes.addressof(self._context), len(context)
        _check(_lib.bpf_prog_test_run_opts(self.fd, self._opts_address), "test run")
        return opts.retval, bytes(self._out_view[:opts.data_size_out])

    def run_live(self, frame, ifindex, count):
        """Gives an XDP program `count` times a frame that came from a device, and does what it says. Others may call
        this at the same time. A frame is as the last packet left it."""
        context = struct.pack("=6I", 0, len(frame), 0, ifindex, 0, 0)
        opts = _TestRun(sz=ctypes.sizeof(_TestRun), data_in=ctypes.cast(frame, _ptr), data_size_in=len(frame),
                        ctx_in=ctypes.cast(context, _ptr), ctx_size_in=len(context), repeat=count, flags=LIVE_FRAMES,
                        batch_size=LIVE_BATCH)
        _check(_lib.bpf_prog_test_run_opts(self.fd, ctypes.addressof(opts)), "test run with live frames")

    def pin(self, path):
        _check(_lib.bpf_obj_pin(self.fd, os.fsencode(path)), f"pin {path}")

    def context_out(self):
        """The context as the last run with a context left it: a number for each name."""
        return {name: struct.unpack_from("=I", self._context, at)[0] for name, at in SKB_FIELDS.items()}


def skb_context(**fields):
    """struct __sk_buff for a run of a TC program: ifindex, ingress_ifindex, gso_size, gso_segs, mark, priority."""
    context = bytearray(SKB_SIZE)
    for name, value in fields.items():
        struct.pack_into("=I", context, SKB_FIELDS[name], value)
    return bytes(context)


def xdp_context(linear, metadata=0):
    """struct xdp_md for a run of an XDP program: the first `linear` bytes in one piece, the rest in fragments. As many as
    `metadata` of those are none of the frame, but lie before it."""
    return struct.pack("=6I", metadata, linear, 0, 0, 0, 0)


class Object:
    """A BPF object file: opened, given its read-only data and shared maps, and loaded."""

    def __init__(self, path, rodata, share=None, entries=None):
        """rodata: {symbol: bytes}. share: {name: Map} of those that are used instead of new ones. entries: {map: how many
        it holds}, where not as many as the object says."""
        self.messages = []
        self._print = _PRINT(lambda level, text, arguments: 0)
        _lib.libbpf_set_print(ctypes.cast(self._print, _ptr) if not os.environ.get("LIBBPF_VERBOSE") else None)
        self._object = _lib.bpf_object__open_file(os.fsencode(path), None)
        if not self._object:
            _check(-1, f"open {path}")
        for symbol, value in rodata.items():
            self._set_rodata(path, symbol, value)
        for handle in self._map_handles():
            name = _lib.bpf_map__name(handle).decode()
            if entries and name in entries:
                _check(_lib.bpf_map__set_max_entries(handle, entries[name]), f"size of map {name}")
            if share and name in share:
                _check(_lib.bpf_map__reuse_fd(handle, share[name].fd), f"share map {name}")
        _check(_lib.bpf_object__load(self._object), f"load {path}")
        self.maps = {}
        for handle in self._map_handles():
            name = _lib.bpf_map__name(handle).decode()
            self.maps[name] = Map(_lib.bpf_map__fd(handle), _lib.bpf_map__key_size(handle),
                                  _lib.bpf_map__value_size(handle), _lib.bpf_map__type(handle) in PER_CPU)

    def _map_handles(self):
        handle = _lib.bpf_object__next_map(self._object, None)
        while handle:
            yield handle
            handle = _lib.bpf_object__next_map(self._object, handle)

    def _set_rodata(self, path, symbol, value):
        size = ctypes.c_size_t()
        handle = _lib.bpf_object__find_map_by_name(self._object, b".rodata")
        start = _lib.bpf_map__initial_value(handle, ctypes.byref(size)) if handle else None
        if not start:
            raise ValueError(f"{path} has no .rodata")
        offset = _symbol_offset(path, symbol)
        if offset + len(value) > size.value:
            raise ValueError(f"{path}: {symbol} does not fit into .rodata")
        ctypes.memmove(start + offset, value, len(value))

    def program(self, name):
        handle = _lib.bpf_object__find_program_by_name(self._object, name.encode())
        if not handle:
            raise KeyError(name)
        return Program(_lib.bpf_program__fd(handle))

    def close(self):
        _lib.bpf_object__close(self._object)


def _symbol_offset(path, symbol):
    """Where a symbol lies in its section, from the ELF symbol table."""
    with open(path, "rb") as file:
        elf = file.read()
    section_table, = struct.unpack_from("<Q", elf, 40)
    entry_size, count = struct.unpack_from("<HH", elf, 58)
    sections = [struct.unpack_from("<IIQQQQIIQQ", elf, section_table + i * entry_size) for i in range(count)]
    for section in sections:
        _, kind, _, _, offset, size, link = section[:7]
        if kind != 2:
            continue
        names = sections[link][4]
        for at in range(offset, offset + size, 24):
            name, _, _, _, value, _ = struct.unpack_from("<IBBHQQ", elf, at)
            if elf[names + name:elf.index(b"\0", names + name)] == symbol.encode():
                return value
    raise KeyError(f"{path}: no symbol {symbol}")


def load_program(kind, name, instructions):
    """Loads a program of `instructions`, each as instruction() makes it."""
    code = b"".join(instructions)
    return Program(_check(_lib.bpf_prog_load(kind, name.encode(), b"GPL", code, len(code) // 8, None), f"load {name}"))


def program_by_id(number):
    return Program(_check(_lib.bpf_prog_get_fd_by_id(number), f"program {number}"))


def instruction(opcode, destination=0, source=0, offset=0, immediate=0):
    return struct.pack("<BBhi", opcode, destination | source << 4, offset, immediate)


def create_map(kind, name, key_size, value_size, entries):
    fd = _check(_lib.bpf_map_create(kind, name.encode(), key_size, value_size, entries, None), f"create map {name}")
    return Map(fd, key_size, value_size)
