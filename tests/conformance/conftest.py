# SPDX-License-Identifier: GPL-2.0-only
"""Each end of a tunnel by itself, and tunnels between hosts and between networks."""

import pytest

from networks.fixtures import two_hosts  # noqa: F401
from networks.program import End
from networks.topology import A, B, Gateways, TwoHosts
from networks.tunnels import between_two_hosts
from programs.conftest import dataplane, decap, encap, one_cpu, underlay_ifindex  # noqa: F401
from programs.underlay import BEHIND_GATEWAY

from .errors import Sender

NET_A, NET_B = "192.168.1.0/24", "192.168.2.0/24"
SENDERS = {"the entry itself": ("a", Gateways.GATEWAY_A), "a host behind it": ("lan_a", Gateways.LAN_A)}


@pytest.fixture
def encapsulator(encap):  # noqa: F811
    """The egress program, told that 192.168.1.0/24 lies behind a peer."""
    encap.peer(BEHIND_GATEWAY, "192.168.1.0/24")
    return encap


@pytest.fixture
def decapsulator(decap):  # noqa: F811
    """The ingress program on each hook in turn, told the same."""
    decap.peer(BEHIND_GATEWAY, "192.168.1.0/24")
    return decap


@pytest.fixture(scope="module")
def hosts():
    """Two hosts with a tunnel between their inner addresses, at its defaults: a test leaves it as it was."""
    with TwoHosts() as network:
        network.ends = between_two_hosts(network, "auto")
        yield network


def join(end, remote, source, prefix):
    """One end of a tunnel between two networks, at its defaults."""
    end.attach("src", source)
    end.peer(remote, "prefix", prefix)


def join_both(network):
    network.ends = End(network.a), End(network.b)
    join(network.ends[0], B, Gateways.GATEWAY_A, NET_B)
    join(network.ends[1], A, Gateways.GATEWAY_B, NET_A)
    return network


@pytest.fixture(scope="module")
def gateways():
    """Two networks joined by a tunnel between their gateways, at its defaults: a test leaves it as it was."""
    with Gateways() as network:
        yield join_both(network)


@pytest.fixture
def lone_gateways():
    """As `gateways`, for one test."""
    with Gateways() as network:
        yield join_both(network)


@pytest.fixture(params=SENDERS.values(), ids=SENDERS)
def sender(request, gateways):
    """Who sends into the tunnel towards LAN_B: a socket of the entry, and a host that the entry forwards for."""
    return Sender(gateways, getattr(gateways, request.param[0]), request.param[1])


@pytest.fixture
def taught_sender(sender):
    """As `sender`, for tests that teach the entry and the sender's host a path MTU: both forget it again."""
    yield sender
    sender.entry.detach()
    join(sender.entry, B, Gateways.GATEWAY_A, NET_B)
    sender.namespace.ip("route flush cache")


@pytest.fixture(params=SENDERS.values(), ids=SENDERS)
def lone_sender(request, lone_gateways):
    """As `sender`, in a network of its own."""
    return Sender(lone_gateways, getattr(lone_gateways, request.param[0]), request.param[1])
