# SPDX-License-Identifier: GPL-2.0-only
"""`cache MS` under full load: the loader's changes count at once, those by bpftool when the time is over."""
import contextlib
import math
import os
import socket
import threading
import time

import pytest

from .program import End, plain_binary
from .test_edited_by_hand import prefix_key, prefix_value
from .topology import A, B, INNER_A, INNER_B
from .tunnels import between_two_hosts

C = "172.16.1.70"
MS = 400
CLOCK_MONOTONIC_COARSE = 6
TIMES = 3


@contextlib.contextmanager
def flood(network):
    """UDP from A to B's inner address, as fast as each CPU can."""
    stop = threading.Event()

    def send(cpu):
        os.sched_setaffinity(threading.get_native_id(), {cpu})
        with network.a.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            sender.bind((INNER_A, 0))
            while not stop.is_set():
                with contextlib.suppress(OSError):
                    sender.sendto(b"flood", (INNER_B, 9))

    threads = [threading.Thread(target=send, args=(cpu,)) for cpu in os.sched_getaffinity(0)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        for thread in threads:
            thread.join()


class Way:
    """What takes the packets of a prefix: on A the peer that they are sent to, on B the peer that they must come from."""

    def __init__(self, end, prefix, counter, ours):
        self.end, self.prefix, self._counter, self.ours = end, prefix, counter, ours

    def count(self):
        """The packets that went by way of our peer."""
        return next(peer[self._counter] for peer in self.end.show()["peers"] if peer["remote"] == self.ours)

    def stands_still(self):
        before = self.count()
        time.sleep(0.05)
        return self.count() == before

    def moves(self, seconds=5):
        before, deadline = self.count(), time.monotonic() + seconds
        while time.monotonic() < deadline:
            if self.count() > before:
                return True
        return False


@pytest.fixture(params=("native", "tc"))
def ends(two_hosts, request):
    a, b = between_two_hosts(two_hosts, request.param, "cache", str(MS), "routes", "off")
    two_hosts.a.ip(f"route add {INNER_B} via 172.16.16.1 mtu 1480")
    two_hosts.b.ip(f"route add {INNER_A} via 172.16.0.1 mtu 1480")
    for end in (a, b):
        end.peer(C)
    return a, b


@pytest.fixture(params=("wrapping", "checking"))
def way(ends, request):
    a, b = ends
    return Way(a, f"{INNER_B}/32", "tx_packets", B) if request.param == "wrapping" else \
        Way(b, f"{INNER_A}/32", "rx_packets", A)


def test_what_the_loader_changes_counts_when_its_command_ends(two_hosts, way):
    with flood(two_hosts):
        assert way.moves()
        for _ in range(TIMES):
            way.end.do("prefix replace", way.prefix, "remote", C, program=plain_binary())
            assert way.stands_still()
            way.end.do("prefix replace", way.prefix, "remote", way.ours, program=plain_binary())
            assert way.moves()
            way.end.do("prefix del", way.prefix, program=plain_binary())
            assert way.stands_still()
            way.end.do("prefix add", way.prefix, "remote", way.ours, program=plain_binary())
            assert way.moves()


def test_what_bpftool_changes_counts_when_the_time_is_over(two_hosts, way):
    key, longest = prefix_key(way.prefix), 0
    with flood(two_hosts):
        for _ in range(TIMES):
            assert way.moves()
            way.end.update("prefixes", key, prefix_value(C))
            written = time.monotonic()
            if way.moves(MS / 2000):
                longest += 1
            time.sleep(max(0, written + MS / 1000 - time.monotonic()))
            assert way.stands_still()
            way.end.update("prefixes", key, prefix_value(way.ours))
    assert longest, "nothing was remembered"


def test_without_a_cache_bpftool_counts_at_once(two_hosts, way):
    way.end.attach("cache", "0")
    key = prefix_key(way.prefix)
    with flood(two_hosts):
        for _ in range(TIMES):
            assert way.moves()
            way.end.update("prefixes", key, prefix_value(C))
            assert way.stands_still()
            way.end.update("prefixes", key, prefix_value(way.ours))


def entries(end):
    """How many entries `prefix_cache` has."""
    return len(end.keys("prefix_cache"))


def test_the_room_is_there_only_with_a_cache(two_hosts):
    a = End(two_hosts.a)
    a.attach()
    assert entries(a) == 1
    a.attach("cache", "5")
    assert entries(a) == 8192
    a.attach("ttl", "64")
    assert entries(a) == 8192
    a.attach("cache", "0")
    assert entries(a) == 1


def test_a_time_that_is_too_short_to_remember_anything_is_told(two_hosts):
    a, tick = End(two_hosts.a), math.ceil(time.clock_getres(CLOCK_MONOTONIC_COARSE) * 1000)
    assert a.attach("cache", str(tick)) == []
    if tick > 1:
        warning, = a.attach("cache", str(tick - 1))
        assert f"less than a tick of this kernel ({tick} ms)" in warning
    assert a.attach("cache", "0") == []
