# SPDX-License-Identifier: GPL-2.0-only
"""The frequency of this machine's time stamp counter, which QEMU's emulation hands to its guests."""

import ctypes
import mmap
import time

# rdtsc; shl rdx, 32; or rax, rdx; ret
_CODE = bytes.fromhex("0f31 48c1e220 4809d0 c3")
_SECONDS = 0.1


def _reader(page):
    page.write(_CODE)
    return ctypes.CFUNCTYPE(ctypes.c_uint64)(ctypes.addressof(ctypes.c_char.from_buffer(page)))


def _moment(counter):
    """(nanoseconds, ticks) of the same moment, as nearly as one of several tries finds it."""
    tries = [(time.monotonic_ns(), counter(), time.monotonic_ns()) for _ in range(100)]
    before, ticks, after = min(tries, key=lambda one: one[2] - one[0])
    return (before + after) / 2, ticks


def frequency_khz():
    with mmap.mmap(-1, mmap.PAGESIZE, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC) as page:
        counter = _reader(page)
        start = _moment(counter)
        time.sleep(_SECONDS)
        end = _moment(counter)
        del counter
    return round((end[1] - start[1]) / (end[0] - start[0]) * 1e6)
