# SPDX-License-Identifier: GPL-2.0-only
"""Loads build/xdp.bpf.o and build/tc.bpf.o with the features that this kernel has; prints the verifier's complaint."""

import ctypes
import os
import sys

sys.path.insert(0, "/ipipbpf/tests/programs")
import bpf  # noqa: E402

LOG_SIZE = 8 << 20
HAS_FRAGS = 1 << 5
libc = ctypes.CDLL("libc.so.6")
lib = bpf._lib
lib.bpf_program__flags.restype, lib.bpf_program__flags.argtypes = ctypes.c_uint32, [ctypes.c_void_p]
lib.bpf_program__set_flags.argtypes = [ctypes.c_void_p, ctypes.c_uint32]
lib.bpf_object__next_program.restype = ctypes.c_void_p
lib.bpf_object__next_program.argtypes = [ctypes.c_void_p, ctypes.c_void_p]
lib.bpf_program__name.restype, lib.bpf_program__name.argtypes = ctypes.c_char_p, [ctypes.c_void_p]
lib.bpf_program__set_log_buf.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_size_t]
lib.bpf_program__set_log_level.argtypes = [ctypes.c_void_p, ctypes.c_uint32]
release = tuple(int(n) for n in os.uname().release.split("-")[0].split("+")[0].split(".")[:2])


def load(path, features, link_header):
    obj = lib.bpf_object__open_file(path.encode(), None)
    size = ctypes.c_size_t()
    rodata = lib.bpf_map__initial_value(lib.bpf_object__find_map_by_name(obj, b".rodata"), ctypes.byref(size))
    value = bytes([link_header, *features])
    ctypes.memmove(rodata + bpf._symbol_offset(path, "features"), value, len(value))
    logs, prog = {}, lib.bpf_object__next_program(obj, None)
    while prog:
        if release < (5, 18):
            lib.bpf_program__set_flags(prog, lib.bpf_program__flags(prog) & ~HAS_FRAGS)
        name = lib.bpf_program__name(prog).decode()
        logs[name] = ctypes.create_string_buffer(LOG_SIZE)
        lib.bpf_program__set_log_buf(prog, logs[name], LOG_SIZE)
        lib.bpf_program__set_log_level(prog, 4 if len(sys.argv) < 2 else int(sys.argv[1]))
        prog = lib.bpf_object__next_program(obj, prog)
    result = lib.bpf_object__load(obj)
    print(f"## {os.uname().release} {path} {list(value)}: {'LOADED' if result == 0 else f'REFUSED {result}'}", flush=True)
    for name, log in logs.items():
        lines = log.value.decode(errors="replace").splitlines()
        text = [line for line in lines if line.startswith(("verification time", "processed"))] \
            if result == 0 else lines[-60:]
        print(f"#  {name}:", *text, sep="\n     ", flush=True)
    lib.bpf_object__close(obj)
    return result


features = (int(release >= (5, 18)), int(release >= (6, 3)), int(release >= (6, 3)),
            int(release >= (5, 12)))
failed = [load(f"/ipipbpf/build/{name}.bpf.o", features, header) for name in ("xdp", "tc") for header in (14, 0)]
sys.exit(any(failed))
