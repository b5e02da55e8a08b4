# SPDX-License-Identifier: GPL-2.0-only
"""Traffic of each kind from one end of a path to the other, and the figures that come out of it.

Sender and receiver have a CPU each, if there are two, and go before other programs. All but `sleeping` poll: their CPUs
never go idle, since to wake one takes longer than a packet's way, and it is chance how often it must be done.
"""
import contextlib
import os
import subprocess
from dataclasses import dataclass

from networks.ip_counters import received

from . import compiled
from .priority import prefer

PORT = "5201"
WARM_UP_SECONDS, SLACK_SECONDS = 0.15, 0.3
PATIENCE_SECONDS = 20


def _cpus():
    """The sender's CPU and the receiver's."""
    allowed = sorted(os.sched_getaffinity(0))
    return allowed[0], allowed[-1]


@contextlib.contextmanager
def _running(namespace, cpu, name, *words):
    with namespace.entered():
        process = subprocess.Popen([compiled.program(name), *words], stdout=subprocess.PIPE, text=True,
                                   start_new_session=True)
    try:
        os.sched_setaffinity(process.pid, {cpu})
        prefer(process.pid)
        yield process
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def _said(process):
    """The numbers that a program printed before it ended."""
    said, _ = process.communicate(timeout=PATIENCE_SECONDS)
    if process.returncode:
        raise ChildProcessError(f"{' '.join(process.args)}: exit status {process.returncode}")
    return [int(word) for word in said.split()]


def _ms(seconds):
    return str(round(seconds * 1000))


@contextlib.contextmanager
def _far_end(path, program, verb, *words):
    """The end that must be there first."""
    _, cpu = _cpus()
    with _running(path.receiver, cpu, program, verb, path.target, PORT, *words) as process:
        if process.stdout.readline() != "ready\n":
            raise ChildProcessError(f"{path.name}: {program} cannot {verb}")
        yield process


def _near_end(path, program, verb, *words):
    cpu, _ = _cpus()
    return _running(path.sender, cpu, program, verb, path.source, path.target, PORT, *words)


def _rate(path, program, seconds, receive_words, send_words):
    """What arrived, per second."""
    enough = _ms(WARM_UP_SECONDS + seconds + SLACK_SECONDS)
    with _far_end(path, program, "receive", *receive_words, _ms(WARM_UP_SECONDS), _ms(seconds)) as receiver, \
            _near_end(path, program, "send", *send_words, enough):
        count, nanoseconds = _said(receiver)
    return count / nanoseconds * 1e9


def _tcp(flows):
    def run(path, seconds):
        before = received(path.receiver)
        rate = 8 * _rate(path, "tcp_stream", seconds, (str(flows),), (str(flows),))
        packets, octets = (now - then for now, then in zip(received(path.receiver), before))
        return {f"tcp{flows}": rate, f"tcp{flows}_packet": octets / packets}
    return run


def _udp(size):
    def run(path, seconds):
        return {f"udp{size}": _rate(path, "udp_blast", seconds, (), (str(size),))}
    return run


def _round_trips(name, wait):
    def run(path, seconds):
        with _far_end(path, "round_trips", "answer", wait, _ms(WARM_UP_SECONDS + seconds + PATIENCE_SECONDS)), \
                _near_end(path, "round_trips", "ask", wait, _ms(WARM_UP_SECONDS), _ms(seconds)) as asking:
            half, most, _ = _said(asking)
        return {f"{name}_p50": half, f"{name}_p99": most}
    return run


@dataclass(frozen=True)
class Figure:
    """What is measured: its titles, and how the number is written. less: the smaller, the better."""
    short: str
    title: str
    scale: float
    number: str
    less: bool = False


RUNS = {"tcp1": _tcp(1), "tcp8": _tcp(8), "udp64": _udp(64), "udp1400": _udp(1400),
        "sleeping": _round_trips("sleeping", "sleep"), "polling": _round_trips("polling", "poll")}

FIGURES = {
    "tcp1": Figure("TCP, 1 flow", "One TCP connection, Gbit/s of data", 1e9, "{:.2f}"),
    "tcp1_packet": Figure("bytes a packet", "The same, bytes of a packet that the receiver's IP was handed", 1, "{:.0f}"),
    "tcp8": Figure("TCP, 8 flows", "Eight TCP connections, Gbit/s of data", 1e9, "{:.2f}"),
    "tcp8_packet": Figure("bytes a packet", "The same, bytes of a packet that the receiver's IP was handed", 1, "{:.0f}"),
    "udp64": Figure("UDP, 64 bytes", "UDP, 64 bytes of data, 1,000 packets a second", 1e3, "{:.1f}"),
    "udp1400": Figure("UDP, 1,400 bytes", "UDP, 1,400 bytes of data, 1,000 packets a second", 1e3, "{:.1f}"),
    "forwarded": Figure("forwarded", "Forwarded out of the tunnel, 1,000 packets a second", 1e3, "{:.1f}"),
    "sleeping_p50": Figure("latency p50", "Round trip, both ends sleep until a packet comes, microseconds, p50",
                           1e3, "{:.1f}", True),
    "sleeping_p99": Figure("latency p99", "The same, p99", 1e3, "{:.1f}", True),
    "polling_p50": Figure("polling, p50", "Round trip, both ends poll, microseconds, p50", 1e3, "{:.1f}", True),
    "polling_p99": Figure("polling, p99", "The same, p99", 1e3, "{:.1f}", True)}
