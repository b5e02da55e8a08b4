# SPDX-License-Identifier: GPL-2.0-only
"""Throughput of the paths: one TCP connection, and small UDP datagrams."""
import collections
import contextlib
import itertools
import os
import subprocess
import sys

from . import compiled, paths, table
from .goals import Goal
from .samples import Samples, rounds

PORT = "5201"
DATAGRAM_BYTES = 64
WARM_UP_SECONDS = 0.3
SLACK_SECONDS = 0.2
PATIENCE_SECONDS = 20

# What mode auto has to reach with TCP.
GOAL_OF_PLAIN, GOAL_OF_VXLAN = 0.90, 1.00


def _cpus():
    """A CPU for the sender and one for the receiver: two, if there are two. Left alone they now and then share one."""
    allowed = sorted(os.sched_getaffinity(0))
    return allowed[0], allowed[-1]


def _start(namespace, cpu, name, *words):
    with namespace.entered():
        process = subprocess.Popen([compiled.program(name), *words], stdout=subprocess.PIPE, text=True)
    os.sched_setaffinity(process.pid, {cpu})
    return process


@contextlib.contextmanager
def _running(*arguments):
    process = _start(*arguments)
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def _rate(process):
    """What a program counted, per second."""
    said, _ = process.communicate(timeout=PATIENCE_SECONDS)
    if process.returncode:
        raise ChildProcessError(f"{' '.join(process.args)}: exit status {process.returncode}")
    count, nanoseconds = map(int, said.split())
    return count / nanoseconds * 1e9


def _milliseconds(seconds):
    return str(round(seconds * 1000))


@contextlib.contextmanager
def _receiver(path, program, seconds):
    _, cpu = _cpus()
    with _running(path.receiver, cpu, program, "receive", path.target, PORT, _milliseconds(WARM_UP_SECONDS),
                  _milliseconds(seconds)) as receiver:
        if receiver.stdout.readline() != "ready\n":
            raise ChildProcessError(f"{path.name}: {program} cannot receive")
        yield receiver


def _sender(path, program, seconds, *words):
    cpu, _ = _cpus()
    return _running(path.sender, cpu, program, "send", path.source, path.target, PORT, *words,
                    _milliseconds(WARM_UP_SECONDS + seconds + SLACK_SECONDS))


def tcp(path, seconds):
    """Bits a second of one connection's data."""
    with _receiver(path, "tcp_stream", seconds) as receiver, _sender(path, "tcp_stream", seconds):
        return {"received": _rate(receiver) * 8}


def udp(path, seconds):
    """Datagrams a second that arrived, and that were sent."""
    with _receiver(path, "udp_blast", seconds) as receiver, \
            _sender(path, "udp_blast", seconds, str(DATAGRAM_BYTES)) as sender:
        return {"received": _rate(receiver), "sent": _rate(sender)}


def measure(count, seconds):
    """({"tcp" or "udp": {path's name: {"received": Samples, ...}}}, the mode that auto took)."""
    with paths.all_paths() as ways:
        found = {traffic: {path.name: collections.defaultdict(Samples) for path in ways} for traffic in (tcp, udp)}
        for number, turns in rounds(count, ways):
            print(f"throughput, round {number + 1} of {count}", file=sys.stderr, flush=True)
            for path, traffic in itertools.product(turns, found):
                for what, value in traffic(path, seconds).items():
                    found[traffic][path.name][what].append(value)
        mode = next(path.mode for path in ways if path.name == paths.AUTO)
    return {traffic.__name__: of for traffic, of in found.items()}, mode


def _label(name, mode):
    return f"{name} ({mode})" if name == paths.AUTO else name


def _rows(of, mode, scale, number):
    against = (paths.PLAIN, paths.PLAIN_1480, paths.VXLAN)
    for name, figures in of.items():
        yield [_label(name, mode), table.spread(Samples(value / scale for value in figures["received"]), number),
               *(f"{figures['received'].ratio(of[other]['received']):.2f}" for other in against)]


def show(found, mode):
    head = ["against plain", "against plain 1480", "against vxlan"]
    table.show("One TCP connection, Gbit/s of data: median (min..max), and ratios of the medians",
               ["path", "Gbit/s", *head], list(_rows(found["tcp"], mode, 1e9, "{:.2f}")))
    lost = (max(0, 1 - figures["received"].median / figures["sent"].median) for figures in found["udp"].values())
    table.show(f"UDP, {DATAGRAM_BYTES} bytes in a datagram, 1,000 a second that arrive: median (min..max), and ratios",
               ["path", "1,000/s", *head, "lost"],
               [[*row, f"{share:.0%}"] for row, share in zip(_rows(found["udp"], mode, 1e3, "{:.0f}"), lost)])


def goals(found, mode):
    """What TCP has to reach in the mode that auto takes."""
    auto = found["tcp"][paths.AUTO]["received"]
    return [Goal(f"TCP, {_label(paths.AUTO, mode)} against {other}", auto.ratio(found["tcp"][other]["received"]), limit)
            for other, limit in ((paths.PLAIN, GOAL_OF_PLAIN), (paths.VXLAN, GOAL_OF_VXLAN))]


def json(found, mode):
    return {"auto": mode, **{traffic: {name: {what: samples.json() for what, samples in figures.items()}
                                       for name, figures in of.items()} for traffic, of in found.items()}}
