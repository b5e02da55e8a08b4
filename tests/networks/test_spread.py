# SPDX-License-Identifier: GPL-2.0-only
"""`spread on`: the flows inside one tunnel are shared by the CPUs, and each keeps its order."""
import ctypes
import itertools
import os
import socket
import struct
import subprocess
import time

import pytest

from .program import End, counting
from .topology import A, B, INNER_A, INNER_B, TwoHosts
from .traffic import ping, tcp_transfer
from .tunnels import between_two_hosts
from .wire import (ETH_P_ALL, ETHERNET_HEADER, PROTO_ICMP, PROTO_IPIP, IPv4, ethernet, icmp_echo, ipv4_packet)

CPUS = sorted(os.sched_getaffinity(0))
FLOWS, EACH = 40, 50
# More frames than this, not yet taken, and a veth queue of 256 might lose one.
BURST = 64
# One frame of 65,536 has a checksum that looks only begun, and may overtake: three of 4,000 do in one run of 28,000.
OVERTAKING = 2
SO_ATTACH_FILTER, SO_RCVBUFFORCE = 26, 33
LOAD_ABSOLUTE, JUMP_IF_EQUAL, RETURN = 0x20, 0x15, 0x06
ANCILLARY_CPU = 0xFFFFF000 + 36

pytestmark = pytest.mark.skipif(len(CPUS) < 2, reason="one CPU")


def source(flow):
    return f"10.77.0.{flow}"


@pytest.fixture(scope="module")
def tunnel():
    with TwoHosts() as network:
        network.ends = between_two_hosts(network, "native")
        network.end = network.ends[0]
        network.end.attach("spread", "on")
        network.end.do("prefix add", "10.77.0.0/16", "remote", B)
        network.here, network.there = network.a.address_of("eth0"), network.router.address_of("to-a")
        yield network


class OnCpu:
    """The frames that come in by a device and are taken through the stack by one CPU."""

    def __init__(self, namespace, device, cpu):
        code = ((LOAD_ABSOLUTE, 0, 0, ANCILLARY_CPU), (JUMP_IF_EQUAL, 0, 1, cpu), (RETURN, 0, 0, 1 << 16),
                (RETURN, 0, 0, 0))
        program = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *each) for each in code))
        self._socket = namespace.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
        self._socket.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 64 << 20)
        self._socket.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER,
                                struct.pack("HL", len(code), ctypes.addressof(program)))
        with namespace.entered():
            self._socket.bind((device, ETH_P_ALL))

    def take(self):
        """What came so far: the number in each packet of a flow, by flow."""
        found = {}
        while True:
            try:
                data, address = self._socket.recvfrom(1 << 16, socket.MSG_DONTWAIT)
            except BlockingIOError:
                return found
            packet = IPv4(data[ETHERNET_HEADER:])
            if address[2] == socket.PACKET_HOST and packet.protocol == PROTO_ICMP:
                found.setdefault(packet.src, []).append(struct.unpack_from("!H", packet.payload, 6)[0])

    def close(self):
        self._socket.close()


@pytest.fixture
def one_sender():
    """This process, whose frames the first CPU therefore takes from the cable, on that CPU."""
    os.sched_setaffinity(0, CPUS[:1])
    yield
    os.sched_setaffinity(0, CPUS)


def send(network, flows, numbers):
    """One numbered packet of each flow after the other: echo replies, which nobody answers."""
    with network.router.socket(socket.AF_PACKET, socket.SOCK_RAW, 0) as raw:
        with network.router.entered():
            raw.bind(("to-a", 0))
        for sent, (number, flow) in enumerate(itertools.product(numbers, flows), 1):
            echo = icmp_echo(flow, number, b"numbered", reply=True)
            packet = ipv4_packet(B, A, PROTO_IPIP, ipv4_packet(source(flow), INNER_A, PROTO_ICMP, echo))
            raw.send(ethernet(network.here, network.there, packet))
            if sent % BURST == 0:
                time.sleep(0.001)


def test_both_cpus_take_part_and_each_flow_keeps_its_order(tunnel, one_sender):
    sockets = [OnCpu(tunnel.a, "eth0", cpu) for cpu in CPUS]
    with counting(tunnel.end) as count:
        send(tunnel, range(1, FLOWS + 1), range(EACH))
        seen = {}
        deadline = time.monotonic() + 5
        while sum(map(len, seen.values())) < FLOWS * EACH and time.monotonic() < deadline:
            for cpu, each in zip(CPUS, sockets):
                for flow, numbers in each.take().items():
                    seen.setdefault((cpu, flow), []).extend(numbers)
    for each in sockets:
        each.close()
    assert count.verdicts(tunnel.end) == {"decap_ok": FLOWS * EACH}
    assert sorted(flow for _, flow in seen) == sorted(map(source, range(1, FLOWS + 1))), "a flow was on two CPUs"
    assert all(numbers == list(range(EACH)) for numbers in seen.values())
    shares = [sum(cpu == each for each, _ in seen) for cpu in CPUS]
    assert min(shares) >= 4, shares


def one_queue(namespace, device):
    """Lets the first CPU take all that comes in by a device: else each sending CPU has a queue of its own there."""
    path = f"/sys/class/net/{device}/queues/rx-0/rps_cpus"
    subprocess.run(["ip", "netns", "exec", namespace.name, "sh", "-c", f"echo {1 << CPUS[0]:x} > {path}"], check=True)


def test_connections_stay_in_order(tunnel):
    # The sender and the acknowledgements that reach it send on different CPUs: the cable must not reorder that.
    one_queue(tunnel.router, "to-b")
    tunnel.b.run("ethtool", "-K", "eth0", "tx", "off")
    try:
        for _ in range(16):
            tcp_transfer(tunnel.b, INNER_B, tunnel.a, INNER_A, 1 << 18)
        statistics = tunnel.a.run("nstat", "-asz", "TcpExtTCPOFOQueue", "TcpInCsumErrors")
        found = {name: int(value) for name, value, _ in map(str.split, statistics.splitlines()[1:])}
        assert found["TcpInCsumErrors"] == 0 and found["TcpExtTCPOFOQueue"] <= OVERTAKING, statistics
    finally:
        tunnel.b.run("ethtool", "-K", "eth0", "tx", "on")


def test_checksums_that_are_only_begun_come_to_no_harm(tunnel):
    assert ping(tunnel.a, INNER_A, INNER_B, (0, 56, 1452)) == []
    tcp_transfer(tunnel.b, INNER_B, tunnel.a, INNER_A, 1 << 20)
    statistics = tunnel.a.run("nstat", "-asz", "TcpInCsumErrors")
    assert [line.split()[1] for line in statistics.splitlines()[1:]] == ["0"], statistics


def threads():
    """The names of the kernel's threads for CPU maps."""
    names = set()
    for directory in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{directory}/comm", encoding="utf-8", errors="replace") as file:
                names.add(file.read().strip())
        except FileNotFoundError:
            continue
    return {name for name in names if name.startswith("cpumap/")}


def test_it_is_switched_off_and_on_under_traffic(tunnel, one_sender):
    sockets = [OnCpu(tunnel.a, "eth0", cpu) for cpu in CPUS]
    seen, numbers = {}, itertools.count()
    for word in ("off", "on", "off", "on"):
        send(tunnel, range(1, 9), [next(numbers) for _ in range(10)])
        tunnel.end.attach("spread", word)
        shown = tunnel.end.show()
        assert (shown["spread"], shown["spread_cpus"]) == ((True, CPUS) if word == "on" else (False, []))
    sent = next(numbers)
    deadline = time.monotonic() + 5
    while sum(map(len, seen.values())) < 8 * sent and time.monotonic() < deadline:
        for each in sockets:
            for flow, found in each.take().items():
                seen.setdefault(flow, []).extend(found)
    for each in sockets:
        each.close()
    assert {flow: sorted(found) for flow, found in seen.items()} == {source(flow): list(range(sent))
                                                                     for flow in range(1, 9)}


def test_the_threads_end_with_spread_and_with_the_attachment():
    before = threads()
    with TwoHosts() as network:
        ends = between_two_hosts(network, "native", "spread", "on")
        assert len(threads() - before) == 2 * len(CPUS)
        ends[0].attach("spread", "off")
        ends[1].detach()
        deadline = time.monotonic() + 5
        while threads() - before and time.monotonic() < deadline:
            time.sleep(0.05)
        assert not threads() - before


@pytest.mark.parametrize("mode", ("skb", "tc"))
def test_other_modes_say_how_the_kernel_spreads(two_hosts, mode):
    end = End(two_hosts.a)
    warning, = end.attach("mode", mode, "spread", "on")
    assert "rps_cpus" in warning and mode in warning
    shown = end.show()
    assert (shown["spread"], shown["spread_cpus"]) == (True, [])
