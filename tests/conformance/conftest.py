# SPDX-License-Identifier: GPL-2.0-only
"""Each end of a tunnel by itself, and tunnels between hosts and between networks."""

import pytest

from networks.fixtures import two_hosts  # noqa: F401
from networks.program import End
from networks.topology import A, B, Gateways, TwoHosts
from networks.tunnels import between_two_hosts
from programs.conftest import dataplane, decap, encap, one_cpu, underlay_ifindex  # noqa: F401
from programs.underlay import BEHIND_GATEWAY

NET_A, NET_B = "192.168.1.0/24", "192.168.2.0/24"


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


@pytest.fixture(scope="module")
def gateways():
    """Two networks joined by a tunnel between their gateways, at its defaults: a test leaves it as it was."""
    with Gateways() as network:
        network.ends = End(network.a), End(network.b)
        for end, remote, source, prefix in zip(network.ends, (B, A), (Gateways.GATEWAY_A, Gateways.GATEWAY_B),
                                               (NET_B, NET_A)):
            end.attach("src", source)
            end.peer(remote, "prefix", prefix)
        yield network
