# SPDX-License-Identifier: GPL-2.0-only
"""Traffic between addresses of two namespaces, from this process's own sockets; every byte is compared."""
import hashlib
import itertools
import random
import select
import socket
import struct
import threading
import time

from pace import all_or, seconds

from .wire import IPv4, icmp_echo

SOL_UDP, UDP_SEGMENT = 17, 103
TCP_WINDOW_CLAMP = 10
ECHO_REPLY, ECHO_REQUEST = 0, 8
SO_RCVBUFFORCE = 33
IP_MTU_DISCOVER, IP_PMTUDISC_DONT, IP_PMTUDISC_WANT = 10, 0, 1
ROOM = 64 << 20
TIMEOUT_SECONDS = seconds(10)
BURST = 64
TCP_BYTES = all_or(1 << 20, 128 << 10)

_identifiers = itertools.count(1)


def pattern(size):
    """Bytes that differ from one size to the next."""
    return random.Random(size).randbytes(size)


class Pinger:
    """Echo requests from one address to another, one at a time, whose answers are compared with what was sent."""

    def __init__(self, namespace, source, target, df=True):
        self._target, self._identifier, self._sequence = target, next(_identifiers), 0
        self.errors = []
        self._socket = namespace.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
        self._socket.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, ROOM)
        self._socket.setsockopt(socket.IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_WANT if df else IP_PMTUDISC_DONT)
        self._socket.bind((source, 0))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._socket.close()

    def ping(self, size=56, timeout=1.0):
        """Sends one request; returns the answer as an IPv4 packet, or None if none came."""
        self._sequence = (self._sequence + 1) & 0xFFFF
        request = icmp_echo(self._identifier, self._sequence, pattern(size))
        self._socket.sendto(request, (self._target, 0))
        deadline = time.monotonic() + seconds(timeout)
        while (left := deadline - time.monotonic()) > 0:
            if not select.select([self._socket], [], [], left)[0]:
                break
            packet = IPv4(self._socket.recv(1 << 16))
            if packet.payload[0] == ECHO_REPLY and packet.payload[4:8] == request[4:8]:
                assert packet.payload[8:] == request[8:], f"the answer to {size} bytes differs"
                return packet
            if packet.payload[0] not in (ECHO_REPLY, ECHO_REQUEST):
                self.errors.append(packet)
        return None


def ping(namespace, source, target, sizes=(56,), timeout=1.0, df=True):
    """Pings once for each payload size; returns the sizes that got no answer."""
    with Pinger(namespace, source, target, df) as pinger:
        return [size for size in sizes if pinger.ping(size, timeout) is None]


def ping_packets(size, mtu=1480):
    """(packets, bytes) that an echo request of this payload becomes on a route with this MTU."""
    data, room, piece = size + 8, mtu - 20, (mtu - 20) // 8 * 8
    count = 1 + max(0, -(-(data - room) // piece))
    return count, data + 20 * count


def udp_echo(client, client_address, server, server_address, sizes):
    """Sends a datagram of each size and has it sent back; both sides compare."""
    with client.socket(socket.AF_INET, socket.SOCK_DGRAM) as one, server.socket(socket.AF_INET,
                                                                               socket.SOCK_DGRAM) as other:
        for end, address in ((one, client_address), (other, server_address)):
            end.settimeout(TIMEOUT_SECONDS)
            end.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, ROOM)
            end.bind((address, 0))
        one.connect(other.getsockname())
        for size in sizes:
            data = pattern(size)
            one.send(data)
            received, sender = other.recvfrom(1 << 16)
            assert received == data, f"UDP datagram of {size} bytes"
            other.sendto(received, sender)
            assert one.recv(1 << 16) == data, f"UDP datagram of {size} bytes, sent back"


def send_udp_segments(client, client_address, target, segment, count):
    """Sends `count` segments to a (address, port) with one system call (UDP_SEGMENT); returns their payload."""
    data = pattern(segment * count)
    with client.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
        one.bind((client_address, 0))
        one.sendmsg([data], [(SOL_UDP, UDP_SEGMENT, struct.pack("H", segment))], 0, target)
    return data


def udp_segments(client, client_address, server, server_address, segment, count):
    """Each of so many segments arrives as a datagram of its own."""
    with server.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.settimeout(TIMEOUT_SECONDS)
        other.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, ROOM)
        other.bind((server_address, 0))
        data = send_udp_segments(client, client_address, other.getsockname(), segment, count)
        received = [other.recv(1 << 16) for _ in range(count)]
    assert received == [data[start:start + segment] for start in range(0, len(data), segment)]


def _receive(stream, size):
    digest, left = hashlib.sha256(), size
    while left:
        data = stream.recv(min(left, 1 << 18))
        if not data:
            break
        digest.update(data)
        left -= len(data)
    return digest.hexdigest()


def tcp_transfer(client, client_address, server, server_address, size, window=64 << 10):
    """Moves `size` bytes over one connection to the server and back; returns the seconds that it took.

    The window is kept small, so that a veth queue of 256 packets never overflows and every packet can be counted.
    """
    data = pattern(size)
    digest = hashlib.sha256(data).hexdigest()
    seen = []
    with server.socket(socket.AF_INET, socket.SOCK_STREAM) as listener:
        listener.setsockopt(socket.IPPROTO_TCP, TCP_WINDOW_CLAMP, window)
        listener.bind((server_address, 0))
        listener.listen(1)
        listener.settimeout(TIMEOUT_SECONDS)

        def serve():
            stream, _ = listener.accept()
            with stream:
                stream.settimeout(TIMEOUT_SECONDS)
                seen.append(_receive(stream, size))
                stream.sendall(data)
                # The client closes first, so that no packet follows the end of this thread.
                stream.recv(1)

        thread = threading.Thread(target=serve)
        thread.start()
        start = time.monotonic()
        with client.socket(socket.AF_INET, socket.SOCK_STREAM) as stream:
            stream.settimeout(TIMEOUT_SECONDS)
            stream.setsockopt(socket.IPPROTO_TCP, TCP_WINDOW_CLAMP, window)
            stream.bind((client_address, 0))
            stream.connect(listener.getsockname())
            stream.sendall(data)
            seen.append(_receive(stream, size))
        seconds = time.monotonic() - start
        thread.join()
    assert seen == [digest, digest], "TCP data differs"
    return seconds


class Stream:
    """Numbered UDP datagrams from one address to another at a steady rate while the block runs."""

    def __init__(self, client, client_address, server, server_address, rate):
        self._rate, self._stop, self.sent = rate, threading.Event(), 0
        self._receiver = server.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._receiver.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, ROOM * 4)
        self._receiver.bind((server_address, 0))
        self._sender = client.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._sender.bind((client_address, 0))
        self._target = self._receiver.getsockname()
        self.refused, self.received = [], []
        self._thread = threading.Thread(target=self._send)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        self._thread.join()
        time.sleep(seconds(0.05))
        self._drain()
        self._sender.close()
        self._receiver.close()

    def _send(self):
        start = time.monotonic()
        while not self._stop.is_set():
            now = time.monotonic()
            due = int((now - start) * self._rate) + 1 - self.sent
            for _ in range(min(due, BURST)):
                self._send_next()
            if due > BURST:
                # Held up by the machine: a veth queue would overflow if all that is overdue came at once.
                start = now - self.sent / self._rate
            # At once, since the socket has room for half a minute's traffic only.
            self._drain()
            time.sleep(0.0005)

    def _send_next(self):
        try:
            self._sender.sendto(struct.pack("!Q", self.sent), self._target)
        except OSError as error:
            self.refused.append((self.sent, error))
        self.sent += 1

    def _drain(self):
        while True:
            try:
                self.received.append(struct.unpack("!Q", self._receiver.recv(64, socket.MSG_DONTWAIT))[0])
            except BlockingIOError:
                return

    @property
    def missing(self):
        return sorted(set(range(self.sent)) - set(self.received))


def raw_socket(namespace):
    """A socket that sends IPv4 packets as they are, along the namespace's own routes."""
    return namespace.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)


def send_raw(namespace, packet):
    """Sends an IPv4 packet as it is, once."""
    with raw_socket(namespace) as raw:
        raw.sendto(packet, (IPv4(packet).dst, 0))
