# SPDX-License-Identifier: GPL-2.0-only
"""The least programs that carry a tunnel's packets, laid over two hosts: what no tunnel at their place can be below."""
import contextlib
import os
import socket
import tempfile

from networks import program
from networks.topology import A, B, INNER_A, INNER_B
from programs import tables
from programs.attachment import Dataplane
from programs.tables import HOOK_TC

from . import compiled

NEXT_HOP, GATEWAY_A, GATEWAY_B = "169.254.4.4", "172.16.16.1", "172.16.0.1"


def _ends(network):
    """(host, its and the other's outer and inner addresses, its gateway and that one's device) of both."""
    yield network.a, (A, B), (INNER_A, INNER_B), (GATEWAY_A, "to-a")
    yield network.b, (B, A), (INNER_B, INNER_A), (GATEWAY_B, "to-b")


def _set_routes(network, host, source, target, gateway, to_host):
    router = network.router.address_of(to_host).hex(":")
    host.ip(*(f"neighbour replace {address} lladdr {router} nud permanent dev eth0" for address in (NEXT_HOP, gateway)),
            f"route add {target} via {NEXT_HOP} dev eth0 onlink src {source} mtu 1480")


def _set_filters(host, egress, ingress):
    """Both: what `tc` takes for the whence of a program."""
    host.run("tc", "qdisc", "add", "dev", "eth0", "clsact")
    for hook, whence in (("egress", egress), ("ingress", ingress)):
        host.run("tc", "filter", "add", "dev", "eth0", hook, "bpf", "direct-action", *whence)


def without_rules(network):
    """An outer header that is always the same: see floor.bpf.c."""
    made_of = ("obj", compiled.bpf_object("floor"), "sec")
    for host, _, inner, router in _ends(network):
        _set_routes(network, host, *inner, *router)
        _set_filters(host, (*made_of, "tc/encap"), (*made_of, "tc/decap"))


def set_tables(maps, host, outer, inner):
    """One peer with one prefix, as `peer` writes it."""
    (local, remote), (_, target) = outer, inner
    with host.entered():
        ifindex = socket.if_nametoindex("eth0")
    maps["meta"][bytes(4)] = tables.Device(ifindex, local, HOOK_TC).pack()
    maps["peers"][tables.peer_key(remote)] = tables.Peer().pack()
    maps["peer_counters"][tables.peer_key(remote)] = bytes(maps["peer_counters"].value_size)
    maps["prefixes"][tables.prefix_key(target)] = tables.Prefix(remote).pack()


def by_the_rules(network):
    """The calls alone that the rules demand of each packet, of the dataplane's own maps: see parts.bpf.c."""
    for host, outer, inner, router in _ends(network):
        host.sysctl("net.ipv4.conf.lo.forwarding", 1)
        _set_routes(network, host, *inner, *router)
        with contextlib.closing(Dataplane()) as dataplane, \
                contextlib.closing(dataplane.load_beside(compiled.bpf_object("parts"))) as parts, \
                tempfile.TemporaryDirectory(dir=program.bpffs()) as pins:
            set_tables(dataplane.maps, host, outer, inner)
            pinned = {name: os.path.join(pins, name) for name in ("least_encap", "least_decap_tc")}
            for name, path in pinned.items():
                parts.program(name).pin(path)
            _set_filters(host, *(("pinned", path) for path in pinned.values()))
