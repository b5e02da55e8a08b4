# SPDX-License-Identifier: GPL-2.0-only
"""Network namespaces: made, entered, configured and deleted.

Entering means setns() of the calling thread alone. A socket stays in the namespace in which it was opened and a
command in the one in which it was started, so nothing needs to run "inside" for longer than that.
"""
import contextlib
import ctypes
import fcntl
import functools
import itertools
import json
import os
import socket
import struct
import subprocess
import time

from pace import seconds

from .cleaner import Cleaner, delete_namespace

CLONE_NEWNET = 0x40000000
SIOCGIFFLAGS, IFF_RUNNING = 0x8913, 0x40
IFREQ_FLAGS = struct.Struct("16sh22x")

_libc = ctypes.CDLL(None, use_errno=True)
_numbers = itertools.count(1)


@functools.cache
def cleaner():
    return Cleaner()


def _setns(descriptor):
    if _libc.setns(descriptor, CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), "setns")


class Namespace:
    """A network namespace with loopback up, IPv6 off, forwarding and rp_filter 0; its name is unique on the machine."""

    def __init__(self, label, name=None):
        self.label = label
        self.name = name or f"ipb{os.getpid()}-{next(_numbers)}-{label}"
        cleaner().note("netns", self.name)
        subprocess.run(["ip", "netns", "add", self.name], check=True)
        for where in ("all", "default"):
            self.sysctl(f"net.ipv6.conf.{where}.disable_ipv6", 1)
            self.sysctl(f"net.ipv4.conf.{where}.rp_filter", 0)
        self.sysctl("net.ipv4.ip_forward", 0)
        # Many tests provoke more ICMP errors in a second than a host would send unasked.
        self.sysctl("net.ipv4.icmp_ratelimit", 0)
        self.ip("link set lo up")

    def __repr__(self):
        return self.label

    @contextlib.contextmanager
    def entered(self):
        """This thread is in the namespace while the block runs."""
        home = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        try:
            there = os.open(f"/run/netns/{self.name}", os.O_RDONLY | os.O_CLOEXEC)
            try:
                _setns(there)
            finally:
                os.close(there)
            yield self
        finally:
            _setns(home)
            os.close(home)

    def run(self, *words, check=True, **options):
        """Runs a command inside, but with this process's mounts; returns its standard output."""
        with self.entered():
            done = subprocess.run(words, capture_output=True, text=True, check=False, **options)
        if check and done.returncode:
            raise AssertionError(f"{self.label}: {' '.join(words)}: {done.stderr or done.stdout}")
        return done.stdout

    def ip(self, *lines):
        """Runs `ip` with each line, in one process."""
        done = subprocess.run(["ip", "-n", self.name, "-batch", "-"], input="\n".join(lines) + "\n",
                              capture_output=True, text=True, check=False)
        if done.returncode:
            raise AssertionError(f"{self.label}: ip: {done.stderr} in {lines}")

    def ip_json(self, *words):
        return json.loads(self.run("ip", "-j", *words) or "[]")

    def sysctl(self, name, value=None):
        """Reads a setting of this namespace, or writes it. A `/` in the name stands for a `.` in a device's name."""
        path = "/proc/sys/" + name.replace(".", "\0").replace("/", ".").replace("\0", "/")
        with self.entered(), open(path, "r" if value is None else "w", encoding="ascii") as file:
            if value is None:
                return file.read().strip()
            return file.write(str(value))

    def socket(self, *arguments):
        with self.entered():
            return socket.socket(*arguments)

    def await_link(self, device):
        """Returns when the device sends. Until a worker of the kernel has heard that its peer is up, it drops all."""
        request, deadline = IFREQ_FLAGS.pack(device.encode(), 0), time.monotonic() + seconds(10)
        with self.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
            while not IFREQ_FLAGS.unpack(fcntl.ioctl(asking, SIOCGIFFLAGS, request))[1] & IFF_RUNNING:
                assert time.monotonic() < deadline, f"{self.label}: {device} does not come up"
                time.sleep(0.001)

    def address_of(self, device):
        """The device's MAC address, as bytes."""
        return bytes.fromhex(self.ip_json("link", "show", "dev", device)[0]["address"].replace(":", ""))

    def delete(self):
        delete_namespace(self.name)
