# SPDX-License-Identifier: GPL-2.0-only
"""Questions to the FIB are those of the packet on its way, so that the host's policy rules hold for them."""

import subprocess

import pytest

from .attachment import Attachment, Dataplane
from .frames import arriving, inner, leaving, outer
from .tables import LOOSE, STRICT
from .underlay import BEHIND_GATEWAY, LOCAL, ROUTE_BACK

HERE, THERE = "192.168.8.8", ROUTE_BACK["unicast"]


def _ip_rule(verb, *rules):
    lines = "\n".join(f"rule {verb} pref {10 + at} {rule}" for at, rule in enumerate(rules))
    subprocess.run(["ip", "-batch", "-"], input=lines, text=True, check=True)


@pytest.fixture
def routed_only():
    """A function: from now on a destination has its routes for questions that match `selector`, and no others."""
    added = []

    def only(destination, selector):
        rules = (f"to {destination} {selector} lookup main", f"to {destination} blackhole")
        _ip_rule("add", *rules)
        added.append(rules)

    yield only
    for rules in added:
        _ip_rule("del", *rules)


@pytest.mark.parametrize("selector, verdict", [
    ("ipproto 4", "encap_ok"), ("ipproto 17", "encap_no_route"), (f"from {LOCAL}", "encap_ok"),
    (f"from {HERE}", "encap_no_route"), ("tos 0x10", "encap_ok"), ("tos 0x08", "encap_no_route"),
    ("iif lo", "encap_ok"), ("sport 1-65534", "encap_no_route"), ("dport 1-65534", "encap_no_route")])
def test_encap_asks_as_for_the_outer_packet(encap, routed_only, selector, verdict):
    encap.peer(BEHIND_GATEWAY, "192.168.1.0/24")
    routed_only(BEHIND_GATEWAY, selector)
    outcome = encap.observe(leaving(inner(src=HERE, dst=THERE, tos=0x10)))
    assert outcome.verdicts == {verdict: 1}


@pytest.mark.parametrize("mode", [STRICT, LOOSE], ids=["strict", "loose"])
@pytest.mark.parametrize("selector, verdict", [
    (f"from {HERE}", "decap_ok"), (f"from {THERE}", "no_route"), (f"from {LOCAL}", "no_route"), ("iif lo", "decap_ok")])
def test_decap_asks_as_for_the_answer_to_the_inner_packet(decap, routed_only, selector, verdict, mode):
    decap.device(rpf=mode)
    decap.peer(BEHIND_GATEWAY, "192.168.1.0/24")
    routed_only(THERE, selector)
    outcome = decap.observe(arriving(outer(inner(src=THERE, dst=HERE, tos=0x10))))
    assert outcome.verdicts == {verdict: 1}


@pytest.fixture
def before_6_3(underlay_ifindex):
    """For kernels whose FIB cannot be asked without a neighbour."""
    loaded = Dataplane(skip_neighbour=0)
    yield Attachment(loaded, "xdp", underlay_ifindex)
    loaded.close()


@pytest.mark.parametrize("selector, verdict", [(f"from {HERE}", "decap_ok"), (f"from {THERE}", "no_route")])
def test_decap_on_older_kernels_obeys_the_rules_too(before_6_3, routed_only, selector, verdict):
    before_6_3.peer(BEHIND_GATEWAY, "192.168.1.0/24")
    routed_only(THERE, selector)
    assert before_6_3.observe(arriving(outer(inner(src=THERE, dst=HERE)))).verdicts == {verdict: 1}
