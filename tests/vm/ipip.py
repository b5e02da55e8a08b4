# SPDX-License-Identifier: GPL-2.0-only
"""The kernel's own end of a tunnel: an ipip device."""
import subprocess

import pytest

from networks.topology import A, B

# A tunnel of its own for A; one that takes any remote at one local address; the device that takes what no other does.
DEVICES = ("remote A", "remote any", "tunl0")


@pytest.fixture(scope="module", autouse=True)
def module():
    """The kernel's module, for as long as it is needed: it gives each namespace a device, and answers protocol 4."""
    subprocess.run(["modprobe", "ipip"], check=True)
    yield
    subprocess.run(["modprobe", "--remove", "ipip"], check=True)


class KernelEnd:
    """B's ipip device, which carries what is routed to it to A."""

    def __init__(self, namespace, kind="remote A"):
        self.namespace, self._kind = namespace, kind
        self.device = "tunl0" if kind == "tunl0" else "tun0"

    def up(self, inner, far, *words):
        """Makes the device with these words of ip-tunnel(8); `inner` is its address, `far` the prefix behind A."""
        if self._kind != "tunl0":
            remote = A if self._kind == "remote A" else "any"
            self.namespace.run("ip", "tunnel", "add", self.device, "mode", "ipip", "local", B, "remote", remote, *words)
        next_hop = "" if self._kind == "remote A" else f"via {A} onlink"
        self.namespace.ip(f"link set {self.device} up", f"addr add {inner}/32 dev {self.device}",
                          f"route add {far} {next_hop} dev {self.device} src {inner}")

    def down(self):
        if self._kind == "tunl0":
            self.namespace.ip("addr flush dev tunl0", "link set tunl0 down")
        else:
            self.namespace.ip("link del tun0")

    def packets(self):
        """(sent, received, refused on receipt), a GSO packet counted once."""
        link, = self.namespace.ip_json("-s", "link", "show", "dev", self.device)
        seen = link["stats64"]
        return seen["tx"]["packets"], seen["rx"]["packets"], seen["rx"]["errors"]
