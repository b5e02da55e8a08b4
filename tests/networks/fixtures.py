# SPDX-License-Identifier: GPL-2.0-only
"""The pytest fixtures of the networks."""
import os
import shutil

import pytest

from . import program, topology, tunnels


@pytest.fixture(scope="module", params=program.MODES)
def mode(request):
    """Where decapsulation runs; the test is run once for each."""
    return request.param


def sweep():
    """Pins outlive a namespace that was never detached; takes away those whose namespace is gone."""
    top = os.path.join(program.bpffs(), "ipipbpf")
    if not os.path.isdir(top):
        return
    alive = {program.pin_name(name) for name in os.listdir("/run/netns")}
    for name in os.listdir(top):
        if name.split(":")[0] not in alive:
            shutil.rmtree(os.path.join(top, name))
    if not os.listdir(top):
        os.rmdir(top)


@pytest.fixture(autouse=True)
def no_pins_of_a_test_before():
    yield
    sweep()


@pytest.fixture(autouse=True, scope="module")
def no_pins_of_a_module_before():
    yield
    sweep()


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


@pytest.fixture(scope="module")
def joined(mode):
    """A and B with a tunnel, made once a module and mode: a test leaves it as it was. `ends` are its two ends."""
    with topology.TwoHosts() as made:
        made.ends = tunnels.between_two_hosts(made, mode)
        yield made
