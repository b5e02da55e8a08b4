# SPDX-License-Identifier: GPL-2.0-only
"""Packets that the kernel itself gives to the XDP program of a device, as fast as it takes them, on one or more CPUs."""
import os
import socket
import struct
import threading
import time

from programs import bpf

from . import compiled

HEADER_BYTES = 54


class Source:
    """Gives a device's packets to `restore` and by that to a program, or to none: then the stack gets them as they are."""

    def __init__(self, namespace, device, program=None, flows=1):
        """flows: more than one give each packet a TCP port by chance, in frames whose port and urgent pointer come to 0."""
        self._namespace = namespace
        with namespace.entered():
            self._ifindex = socket.if_nametoindex(device)
        self._object = bpf.Object(compiled.bpf_object("restore"), {"flows": struct.pack("=I", flows)})
        self._restore = self._object.program("restore")
        if program:
            self._object.maps["next"][bytes(4)] = struct.pack("=I", program.fd)

    def close(self):
        self._object.close()

    def _run_on(self, cpu, frame, count, begin, took):
        os.sched_setaffinity(0, {cpu})
        self._object.maps["headers"][struct.pack("=I", cpu)] = frame[:HEADER_BYTES]
        with self._namespace.entered():
            begin.wait()
            start = time.perf_counter()
            self._restore.run_live(frame, self._ifindex, count)
            took[cpu] = time.perf_counter() - start

    def rate(self, frames, count):
        """Packets a second. frames: {cpu: frame}; each CPU handles `count` of its own."""
        begin, took = threading.Barrier(len(frames)), {}
        threads = [threading.Thread(target=self._run_on, args=(cpu, frame, count, begin, took))
                   for cpu, frame in frames.items()]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if len(took) != len(frames):
            raise ChildProcessError("a CPU could not run its frames: see above")
        return sum(count / seconds for seconds in took.values())


def program_of(namespace, device):
    """The XDP program that runs on a device, by its own hook."""
    attached, = namespace.ip_json("link", "show", "dev", device)
    return bpf.program_by_id(attached["xdp"]["prog"]["id"])
