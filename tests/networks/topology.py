# SPDX-License-Identifier: GPL-2.0-only
"""The networks: hosts, routers and the cables between them."""
from .namespace import Namespace
from .program import remove_pins

A, B = "172.16.16.22", "172.16.1.62"
INNER_A, INNER_B = "192.168.1.1", "192.168.1.254"


class Network:
    """Namespaces that are deleted together, with whatever is still pinned for them."""

    def __init__(self):
        self.namespaces = []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for namespace in self.namespaces:
            namespace.delete()
            remove_pins(namespace)

    def host(self, label, name=None):
        namespace = Namespace(label, name)
        self.namespaces.append(namespace)
        return namespace

    def router(self, label):
        namespace = self.host(label)
        namespace.sysctl("net.ipv4.ip_forward", 1)
        return namespace


def cable(one, device, other, peer_device, mtu=1500):
    """A veth pair with both ends up; each device is "name" or "name address/length"."""
    (name, *addresses), (peer_name, *peer_addresses) = device.split(), peer_device.split()
    one.ip(f"link add name {name} mtu {mtu} type veth peer name {peer_name} mtu {mtu} netns {other.name}")
    for namespace, link, given in ((one, name, addresses), (other, peer_name, peer_addresses)):
        namespace.ip(f"link set dev {link} up", *(f"addr add {address} dev {link}" for address in given))
    one.await_link(name)
    other.await_link(peer_name)


class TwoHosts(Network):
    """A and B with a router between them; 192.168.1.1 lives on A, 192.168.1.254 on B. No default routes."""

    def __init__(self, mtu=1500, device="eth0"):
        super().__init__()
        self.device = device
        self.a, self.b, self.router = self.host("A"), self.host("B"), super().router("router")
        cable(self.a, f"{device} {A}/20", self.router, "to-a 172.16.16.1/20", mtu)
        cable(self.b, f"{device} {B}/20", self.router, "to-b 172.16.0.1/20", mtu)
        self.a.ip(f"addr add {INNER_A}/32 dev lo", "route add 172.16.0.0/20 via 172.16.16.1")
        self.b.ip(f"addr add {INNER_B}/32 dev lo", "route add 172.16.16.0/20 via 172.16.0.1")


class RoutedNamespaces(Network):
    """ns1 and ns2 behind a host that forwards between them; their tunnel addresses are in no common subnet."""

    def __init__(self):
        super().__init__()
        self.ns1, self.ns2, self.between = self.host("ns1"), self.host("ns2"), super().router("host")
        cable(self.ns1, "eth0 10.10.10.2/24", self.between, "to-ns1 10.10.10.1/24")
        cable(self.ns2, "eth0 10.10.20.2/24", self.between, "to-ns2 10.10.20.1/24")
        self.ns1.ip("addr add 10.10.100.10/32 dev lo", "route add default via 10.10.10.1")
        self.ns2.ip("addr add 10.10.200.10/32 dev lo", "route add default via 10.10.20.1")


class Gateways(TwoHosts):
    """Private networks 192.168.1.0/24 behind A and 192.168.2.0/24 behind B; each has one host."""

    LAN_A, LAN_B = "192.168.1.10", "192.168.2.10"
    GATEWAY_A, GATEWAY_B = "192.168.1.1", "192.168.2.1"

    def __init__(self):
        super().__init__()
        self.lan_a, self.lan_b = self.host("lan-a"), self.host("lan-b")
        self.a.ip(f"addr del {INNER_A}/32 dev lo")
        self.b.ip(f"addr del {INNER_B}/32 dev lo")
        for gateway, host, addresses in ((self.a, self.lan_a, (self.GATEWAY_A, self.LAN_A)),
                                         (self.b, self.lan_b, (self.GATEWAY_B, self.LAN_B))):
            cable(gateway, f"lan0 {addresses[0]}/24", host, f"eth0 {addresses[1]}/24")
            host.ip(f"route add default via {addresses[0]}")
            gateway.sysctl("net.ipv4.ip_forward", 1)
