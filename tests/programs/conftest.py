# SPDX-License-Identifier: GPL-2.0-only
"""Attachments for the program tests."""

import os
import socket

import pytest

from . import underlay
from .attachment import Attachment, Dataplane

# Read whole after each packet, which at the size that they have for users takes a third of the time of all tests.
ENTRIES = dict.fromkeys(("peers", "peer_counters", "paths"), 1024)


@pytest.fixture(scope="session")
def dataplane():
    """Both BPF objects of the build, loaded."""
    loaded = Dataplane(entries=ENTRIES)
    yield loaded
    loaded.close()


@pytest.fixture(scope="module")
def one_cpu():
    """This process on one CPU: what the dataplane remembers for each CPU does not come and go with the scheduler."""
    allowed = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(allowed)})
    yield
    os.sched_setaffinity(0, allowed)


@pytest.fixture(scope="module")
def underlay_ifindex(one_cpu):
    """This process in the namespace of underlay.py; DEV's index."""
    with underlay.namespace():
        yield socket.if_nametoindex(underlay.DEV)


@pytest.fixture(scope="module")
def forwarding_ifindex(underlay_ifindex):
    """As underlay_ifindex, of a host that forwards for DEV, but never back out of it, where the tunnels are."""
    rules = [f"iif {underlay.DEV} to {route.prefix} prohibit pref 77" for route in underlay.ROUTES
             if route.device == underlay.DEV]
    underlay.set_forwarding(True, underlay.DEV)
    underlay.ip(*(f"rule add {rule}" for rule in rules))
    yield underlay_ifindex
    underlay.ip(*(f"rule del {rule}" for rule in rules))
    underlay.set_forwarding(False, underlay.DEV)


@pytest.fixture(params=["xdp", "tc"])
def decap(request, dataplane, underlay_ifindex):
    """An attachment that strips, on each hook in turn, told nothing but its device."""
    return Attachment(dataplane, request.param, underlay_ifindex)


@pytest.fixture
def decap_xdp(dataplane, underlay_ifindex):
    """As decap, on the XDP hook alone."""
    return Attachment(dataplane, "xdp", underlay_ifindex)


@pytest.fixture
def decap_tc(dataplane, underlay_ifindex):
    """As decap, on the TC hook alone."""
    return Attachment(dataplane, "tc", underlay_ifindex)


@pytest.fixture
def encap(dataplane, underlay_ifindex):
    """An attachment that wraps, told nothing but its device."""
    return Attachment(dataplane, "egress", underlay_ifindex)
