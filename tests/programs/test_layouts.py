# SPDX-License-Identifier: GPL-2.0-only
"""The programs with a `meta` of an older layout, as an upgrade takes it over: what that has no room for is off."""

import contextlib
import struct

import pytest

from . import bpf
from .attachment import TC_REDIRECT, TC_UNSPEC, XDP_PASS, XDP_REDIRECT, Attachment, Dataplane
from .forwarding import forwarding
from .frames import arriving, inner, outer
from .tables import MODE_NATIVE, SWITCH_ON

BEHIND = "192.168.3.77"  # behind a device other than DEV
# Bytes of `meta` in layout 1: `forward` and what follows came with layout 2.
META_1 = 56
HOOKS = pytest.mark.parametrize("hook", ["xdp", "tc"])


@pytest.fixture(scope="module")
def layout_1(underlay_ifindex):
    meta = bpf.create_map(bpf.MAP_TYPE_ARRAY, "meta", 4, META_1, 1)
    with contextlib.closing(Dataplane(layouts_behind=2, meta=meta)) as loaded:
        yield loaded


@pytest.fixture(scope="module")
def layout_2(underlay_ifindex):
    with contextlib.closing(Dataplane(layouts_behind=1)) as loaded:
        yield loaded


def becomes_of(dataplane, hook, ifindex, packet):
    """(action, verdicts) of a packet out of the tunnel, with all on that a device of this layout can have."""
    attachment = Attachment(dataplane, hook, ifindex)
    for cpu in range(bpf.CPUS):
        attachment.maps["cpus"][struct.pack("=I", cpu)] = struct.pack("=I", 64)
    with forwarding(attachment):
        attachment.device(mode_used=MODE_NATIVE, spread=SWITCH_ON)
        outcome = attachment.observe(arriving(outer(packet)))
    attachment.maps["cpus"].clear()
    return outcome.returned, outcome.verdicts


@HOOKS
def test_with_layout_1_all_is_the_stacks(layout_1, underlay_ifindex, hook):
    to_the_stack = {"xdp": XDP_PASS, "tc": TC_UNSPEC}[hook], {"decap_ok": 1}
    assert becomes_of(layout_1, hook, underlay_ifindex, inner(dst=BEHIND)) == to_the_stack
    assert becomes_of(layout_1, hook, underlay_ifindex, inner()) == to_the_stack


@HOOKS
def test_with_layout_2_packets_go_straight_on(layout_2, underlay_ifindex, hook):
    straight_on = {"xdp": XDP_REDIRECT, "tc": TC_REDIRECT}[hook], {"decap_forwarded": 1}
    assert becomes_of(layout_2, hook, underlay_ifindex, inner(dst=BEHIND)) == straight_on


def test_with_layout_2_flows_are_spread(layout_2, underlay_ifindex):
    assert becomes_of(layout_2, "xdp", underlay_ifindex, inner()) == (XDP_REDIRECT, {"decap_ok": 1})
