# SPDX-License-Identifier: GPL-2.0-only
"""The maps `paths` and `paths_until`: what ICMP errors told of the ways to peers, and until when any of it counts."""

import struct
import time
from dataclasses import replace

from .tables import KnownPath, peer_key

SECOND = 1_000_000_000
ERROR_OWED = 30 * SECOND


class PathMaps:
    """The two maps, and what they must hold after the packets so far; empty at first."""

    def __init__(self, maps):
        self._paths, self._until = maps["paths"], maps["paths_until"]
        self._paths.clear()
        self._write_until(0)

    def _write_until(self, until):
        self._expected_until = until
        self._until[bytes(4)] = struct.pack("=Q", until)

    def write(self, remote, path):
        self._paths[peer_key(remote)] = path.pack()
        self._write_until(max(self.until(), path.mtu_until, path.error_until))

    def put_back(self, paths):
        """Forgets all, and writes the entries of `paths`."""
        self._paths.clear()
        self._write_until(0)
        for remote, path in paths.items():
            self.write(remote, path)

    def read(self):
        """What is there, by remote."""
        return {".".join(map(str, key)): KnownPath.unpack(self._paths[key]) for key in self._paths.keys()}

    def until(self):
        return struct.unpack("=Q", self._until[bytes(4)])[0]

    def learn(self, tables, news, since):
        """Takes the news of a packet that ran after the time `since` into the tables. What is then wrong in the maps."""
        found, now = self.read(), time.monotonic_ns()
        if news:
            path, there = tables.paths.get(news.remote, KnownPath()), found.get(news.remote, KnownPath())
            if news.mtu is not None:
                lasts = tables.device.mtu_expires * SECOND
                path = replace(path, mtu=news.mtu, mtu_until=_within(there.mtu_until, since + lasts, now + lasts))
            if news.owed is not None:
                path = replace(path, error_until=0 if not news.owed else
                               _within(there.error_until, since + ERROR_OWED, now + ERROR_OWED))
            tables.paths[news.remote] = path
            self._expected_until = max(self._expected_until, path.mtu_until, path.error_until)
        if (found, self.until()) == (tables.paths, self._expected_until):
            return None
        return f"paths {found} until {self.until()}\n  not {tables.paths} until {self._expected_until}"


def _within(found, first, last):
    """A time that was found, if it is one of these; else one that it should be."""
    return found if first <= found <= last else first
