# SPDX-License-Identifier: GPL-2.0-only
"""A listener: what the programs tell of single packets, as it lies in a ring buffer of the listener's own."""

import ctypes
import os
import socket
import struct
import time
from dataclasses import dataclass

from . import bpf, verdicts

PLACES, BYTES = 4, 192
BURST = 1000
IN, OUT = 1, 2
SECOND = 1_000_000_000
RINGBUF = 27
RING_BYTES = 1 << 20
_RECORD = struct.Struct(f"=QIIIII4sHHBB2s{BYTES}s")
_SAMPLE = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t)

_lib = ctypes.CDLL("libbpf.so.1", use_errno=True)
_lib.ring_buffer__new.restype = ctypes.c_void_p
_lib.ring_buffer__new.argtypes = [ctypes.c_int, _SAMPLE, ctypes.c_void_p, ctypes.c_void_p]
_lib.ring_buffer__consume.argtypes = [ctypes.c_void_p]
_lib.ring_buffer__free.argtypes = [ctypes.c_void_p]


@dataclass(frozen=True)
class Event:
    """One record. peer: None if it is not known. tag: (protocol, TCI) of the tag beside the frame, or None."""
    verdict: str
    direction: int
    packets: int
    peer: str
    length: int
    data: bytes
    tag: tuple
    ifindex: int
    time: int


def unpack(record):
    (when, ifindex, verdict, packets, length, captured, peer, kind, tci, direction, known, reserved,
     data) = _RECORD.unpack(record)
    assert reserved == bytes(2) and known in (0, 1) and (known or peer == bytes(4))
    return Event(verdicts.NAMES[verdict], direction, packets, socket.inet_ntoa(peer) if known else None, length,
                 data[:captured], (kind, tci) if kind else None, ifindex, when)


class Listener:
    """Listens in one of the places, from now on or when told to."""

    def __init__(self, maps, place=0, ring_bytes=RING_BYTES):
        self._maps, self._place, self._events = maps, place, []
        ring = bpf.create_map(RINGBUF, "events", 0, 0, ring_bytes)
        maps["event_rings"][struct.pack("=I", place)] = struct.pack("=I", ring.fd)
        self._take = _SAMPLE(self._taken)
        self._ring = _lib.ring_buffer__new(ring.fd, self._take, None, None)
        os.close(ring.fd)
        self.until(time.monotonic_ns() + 3600 * SECOND)

    def _taken(self, _, data, size):
        self._events.append(unpack(ctypes.string_at(data, size)))
        return 0

    def until(self, moment):
        """Sets the end of the lease, nanoseconds of CLOCK_MONOTONIC."""
        leases = list(struct.unpack(f"={PLACES}Q", self._maps["listeners"][bytes(4)]))
        leases[self._place] = moment
        self._maps["listeners"][bytes(4)] = struct.pack(f"={PLACES}Q", *leases)

    def take(self):
        """The events since the last time."""
        found = _lib.ring_buffer__consume(self._ring)
        assert found == len(self._events)
        events, self._events = self._events, []
        return events

    def close(self):
        self.until(0)
        del self._maps["event_rings"][struct.pack("=I", self._place)]
        _lib.ring_buffer__free(self._ring)


def allow_from(maps, full):
    """Sets when each CPU's allowance of events will be full, nanoseconds of CLOCK_MONOTONIC; 0: it is."""
    draft = struct.pack("=Q", full) + bytes(_RECORD.size)
    maps["event_drafts"][bytes(4)] = draft * bpf.CPUS
