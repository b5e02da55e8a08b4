# SPDX-License-Identifier: GPL-2.0-only
"""The paths that are compared: the same two hosts and router, each time with something else between the two."""
import contextlib
from dataclasses import dataclass

from networks import topology, tunnels
from networks.namespace import Namespace
from networks.topology import A, B, INNER_A, INNER_B

from . import least

PLAIN, PLAIN_1480, CONTROL = "plain", "plain, MTU 1480", "plain, MTU 1480, again"
FLOOR, RULES = "least TC programs", "least by the rules"
VXLAN, IPIP, GRE = "vxlan, MTU 1450", "kernel's ipip", "kernel's gre"
AUTO, NATIVE, SKB, TC = "ipipbpf auto", "ipipbpf native", "ipipbpf skb", "ipipbpf tc"


@dataclass(frozen=True)
class Path:
    """A way from one namespace's address to another's."""
    name: str
    sender: Namespace
    source: str
    receiver: Namespace
    target: str
    mode: str = ""


def _plain(network, name):
    return Path(name, network.a, A, network.b, B)


def _plain_1480(network, name):
    network.a.ip("route replace 172.16.0.0/20 via 172.16.16.1 mtu 1480")
    network.b.ip("route replace 172.16.16.0/20 via 172.16.0.1 mtu 1480")
    return Path(name, network.a, A, network.b, B)


def _with_device(device):
    """A path through a tunnel device of the kernel's; `device`: what `ip link add` is told but for the addresses."""
    def make(network, name):
        ends = ((network.a, A, B, INNER_A, INNER_B), (network.b, B, A, INNER_B, INNER_A))
        for host, local, remote, source, target in ends:
            host.ip(f"link add tunnel0 {device} local {local} remote {remote} dev {network.device}",
                    "link set tunnel0 up", f"route add {target} dev tunnel0 src {source}")
        return Path(name, network.a, INNER_A, network.b, INNER_B)
    return make


def _tunnel(network, name):
    a, _ = tunnels.between_two_hosts(network, name.split()[-1])
    return Path(name, network.a, INNER_A, network.b, INNER_B, a.show()["mode"])


def _least(lay):
    def make(network, name):
        lay(network)
        return Path(name, network.a, INNER_A, network.b, INNER_B)
    return make


MAKERS = {PLAIN: _plain, PLAIN_1480: _plain_1480, CONTROL: _plain_1480,
          FLOOR: _least(least.without_rules), RULES: _least(least.by_the_rules),
          VXLAN: _with_device("mtu 1450 type vxlan id 1 dstport 4789"),
          IPIP: _with_device("type ipip"), GRE: _with_device("type gre"),
          AUTO: _tunnel, NATIVE: _tunnel, SKB: _tunnel, TC: _tunnel}


@contextlib.contextmanager
def made(names):
    """Each path in a network of its own, so that they can be measured in turns."""
    with contextlib.ExitStack() as stack:
        yield [MAKERS[name](stack.enter_context(topology.TwoHosts()), name) for name in names]
