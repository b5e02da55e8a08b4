# SPDX-License-Identifier: GPL-2.0-only
"""`monitor` as a process, what it prints, and what it holds in the maps of an attachment."""
import contextlib
import json
import os
import struct
import subprocess
import time

from .program import binary, environment
from .topology import TwoHosts
from .tunnels import between_two_hosts

PLACES, PATIENCE = 4, 20
FORGED = "10.9.9.9"


@contextlib.contextmanager
def tunnel_with_a_forger(mode="tc"):
    """A with a tunnel to B, which can send from an address of nobody's; `a_end` and `b_end`."""
    with TwoHosts() as network:
        network.a_end, network.b_end = between_two_hosts(network, mode, mode_b="tc")
        network.b.ip(f"addr add {FORGED}/32 dev lo")
        yield network


def leases(end):
    """Until when each place is listened from, nanoseconds of CLOCK_MONOTONIC."""
    entry, = end.dump("listeners")
    return struct.unpack(f"={PLACES}Q", bytes(int(number, 16) for number in entry["value"]))


def listening(end):
    """The places whose lease has not run out."""
    return [place for place, until in enumerate(leases(end)) if until > time.monotonic_ns()]


def rings(end):
    """The places that have a ring buffer."""
    return [struct.unpack("=I", key)[0] for key in end.keys("event_rings")]


def wait_until(condition):
    """Waits, not for long, until something holds that another process brings about."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, "what was waited for did not come"
        time.sleep(0.02)


@contextlib.contextmanager
def monitoring(end, *words, options=(), ends=None, **popen):
    """The program once it listens, told to end behind the block if it still runs; `ends` are all that it listens to."""
    before = {each: len(listening(each)) for each in ends or [end]}
    popen = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "env": environment(), **popen}
    with subprocess.Popen([binary(), "-n", end.namespace.name, *options, "monitor", *words], **popen) as process:
        try:
            wait_until(lambda: process.poll() is not None or
                       all(len(listening(each)) > number for each, number in before.items()))
            assert process.poll() is None, process.stderr.read()
            yield process
        finally:
            process.terminate()
            try:
                process.wait(PATIENCE)
            finally:
                process.kill()


def lines_until(process, count):
    """The JSON objects that it prints until they tell of so many packets, left out or not."""
    objects = []
    while sum(map(packets_of, objects)) < count:
        objects.append(json.loads(process.stdout.readline()))
    assert sum(map(packets_of, objects)) == count
    return objects


def packets_of(line):
    return line.get("left_out", 0) + line.get("packets", 0)


def ended(process):
    """(exit status, what it said on standard error) of one that is to end."""
    status = process.wait(PATIENCE)
    return status, process.stderr.read().decode()


def remove(end, *names):
    """Takes pins away, as if an older version had attached."""
    for name in names:
        os.unlink(f"{end.pins}/{name}")
