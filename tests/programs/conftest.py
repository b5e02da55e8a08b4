# SPDX-License-Identifier: GPL-2.0-only
"""Attachments for the program tests."""

import os
import socket
from collections import defaultdict
from pathlib import Path

import pytest

from pace import spread

from . import underlay
from .attachment import Attachment, Dataplane

MOST_CASES = 4


def pytest_collection_modifyitems(config, items):
    """Where it must be quick, some cases of each test on each hook: the others are other values on the same way."""
    cases = defaultdict(list)
    for item in items:
        if item.path.parent == Path(__file__).parent and hasattr(item, "callspec"):
            cases[item.originalname, item.path, item.callspec.params.get("decap")].append(item)
    left_out = {item for each in cases.values() for item in set(each) - set(spread(each, MOST_CASES))}
    if left_out:
        config.hook.pytest_deselected(items=list(left_out))
        items[:] = [item for item in items if item not in left_out]


@pytest.fixture(scope="session")
def dataplane():
    """Both BPF objects of the build, loaded."""
    loaded = Dataplane()
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
