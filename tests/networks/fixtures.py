# SPDX-License-Identifier: GPL-2.0-only
"""The pytest fixtures of the networks."""
import pytest

from . import program, topology, tunnels


@pytest.fixture(scope="module", params=program.MODES)
def mode(request):
    """Where decapsulation runs; the test is run once for each."""
    return request.param


@pytest.fixture
def network():
    """An empty network."""
    with topology.Network() as made:
        yield made


@pytest.fixture
def two_hosts():
    """A and B with nothing attached."""
    with topology.TwoHosts() as made:
        yield made


@pytest.fixture
def tunnel(two_hosts):
    """A and B with a tunnel in the mode that auto chooses. `ends` are its two ends."""
    two_hosts.ends = tunnels.between_two_hosts(two_hosts, "auto")
    return two_hosts


@pytest.fixture
def host(network):
    """A host whose eth0 nothing is attached to."""
    made = network.host("alone")
    topology.cable(made, "eth0 10.1.1.1/24", network.host("other"), "eth0 10.1.1.2/24")
    return made


@pytest.fixture(scope="module")
def joined(mode):
    """A and B with a tunnel, made once a module and mode: a test leaves it as it was. `ends` are its two ends."""
    with topology.TwoHosts() as made:
        made.ends = tunnels.between_two_hosts(made, mode)
        yield made
