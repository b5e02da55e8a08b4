# SPDX-License-Identifier: GPL-2.0-only
"""The paths that are compared: the same two hosts and router, each time with something else between the two."""
import contextlib
from dataclasses import dataclass

from networks import topology, tunnels
from networks.namespace import Namespace
from networks.topology import A, B, INNER_A, INNER_B

PLAIN, PLAIN_1480, VXLAN, AUTO = "plain", "plain, route MTU 1480", "vxlan, MTU 1450", "ipipbpf auto"
MODES = ("native", "skb", "tc", "auto")


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


def _vxlan(network, name):
    ends = ((network.a, A, B, INNER_A, INNER_B), (network.b, B, A, INNER_B, INNER_A))
    for host, local, remote, source, target in ends:
        host.ip("link add vxlan0 mtu 1450 type vxlan id 1 dstport 4789 "
                f"local {local} remote {remote} dev {network.device}",
                "link set vxlan0 up", f"route add {target} dev vxlan0 src {source}")
    return Path(name, network.a, INNER_A, network.b, INNER_B)


def _tunnel(network, name):
    a, _ = tunnels.between_two_hosts(network, name.split()[-1])
    return Path(name, network.a, INNER_A, network.b, INNER_B, a.show()["mode"])


@contextlib.contextmanager
def all_paths():
    """Every path, each in a network of its own, so that they can be measured in turns."""
    makers = {PLAIN: _plain, PLAIN_1480: _plain_1480, VXLAN: _vxlan, **{f"ipipbpf {mode}": _tunnel for mode in MODES}}
    with contextlib.ExitStack() as stack:
        yield [make(stack.enter_context(topology.TwoHosts()), name) for name, make in makers.items()]
