# SPDX-License-Identifier: GPL-2.0-only
"""A device without a link header."""
import fcntl
import os
import select
import struct

from .wire import IPv4

TUNSETIFF, IFF_TUN, IFF_NO_PI = 0x400454CA, 1, 0x1000


class Tun:
    """A tun device in a namespace, whose far end is this test."""

    def __init__(self, namespace, name):
        with namespace.entered():
            self._file = os.open("/dev/net/tun", os.O_RDWR | os.O_CLOEXEC | os.O_NONBLOCK)
            fcntl.ioctl(self._file, TUNSETIFF, struct.pack("16sH22x", name.encode(), IFF_TUN | IFF_NO_PI))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        os.close(self._file)

    def write(self, packet):
        os.write(self._file, packet)

    def read(self, timeout=1.0):
        if not select.select([self._file], [], [], timeout)[0]:
            return None
        return IPv4(os.read(self._file, 1 << 16))
