# SPDX-License-Identifier: GPL-2.0-only
"""Test runs that the kernel's run-time statistics measure, by test_runs.c."""
import ctypes
import os

from . import compiled


class Costs:
    """While the block runs, the kernel measures what programs take."""

    def __init__(self):
        self._library = ctypes.CDLL(compiled.library("test_runs"))
        self._test_runs = self._library.test_runs
        self._test_runs.restype = ctypes.c_double
        self._test_runs.argtypes = [ctypes.c_int, ctypes.c_char_p, ctypes.c_uint32, ctypes.c_uint32, ctypes.c_char_p,
                                    ctypes.c_uint32, ctypes.c_uint32, ctypes.c_uint32]
        self._fd = -1

    def __enter__(self):
        self._fd = self._library.statistics_on()
        if self._fd < 0:
            raise OSError(-self._fd, f"the kernel's run-time statistics: {os.strerror(-self._fd)}")
        return self

    def __exit__(self, *_):
        os.close(self._fd)

    def nanoseconds(self, program, frames, context, runs, repeat=1):
        """What a bpf.Program takes for a frame, as the mean of `runs` test runs, each with the next of the frames, which
        are of one length. repeat: how often it has each in a row, as it left it itself."""
        found = self._test_runs(program.fd, b"".join(frames), len(frames[0]), len(frames), context, len(context or b""),
                                runs, repeat)
        if found < 0:
            raise OSError(int(-found), f"test run: {os.strerror(int(-found))}")
        return found
