# SPDX-License-Identifier: GPL-2.0-only
"""The programs as they are loaded elsewhere: on kernels that lack something, on devices without a link header."""

import pytest
from scapy.compat import raw
from scapy.layers.inet import IP

from .attachment import Attachment, Dataplane
from .epoch import HOOKS, chosen_seed, random_epoch
from .frames import inner, options, outer
from .underlay import BEHIND_GATEWAY, ROUTE_BACK

SEED = chosen_seed()


@pytest.fixture(params=[{"xdp_buff_len": 0}, {"decap_l3_flag": 0, "skip_neighbour": 0},
                        {"xdp_buff_len": 0, "decap_l3_flag": 0, "skip_neighbour": 0}],
                ids=["no buff_len", "no flags of 6.3", "neither"])
def older(request):
    loaded = Dataplane(**request.param)
    yield loaded
    loaded.close()


@pytest.mark.parametrize("hook", HOOKS)
def test_programs_for_older_kernels_do_the_same(older, forwarding_ifindex, hook):
    for number in range(6):
        epoch = random_epoch(older, forwarding_ifindex, hook, number, SEED)
        assert epoch.first_wrong_packet() is None, f"IPIPBPF_SEED={SEED}"
        assert epoch.wrong_counters() is None, f"IPIPBPF_SEED={SEED}"


@pytest.fixture
def without_link_header(underlay_ifindex):
    """XDP alone: a test run of a TC program always has a link header before the packet."""
    loaded = Dataplane(link_header=0)
    yield Attachment(loaded, "xdp", underlay_ifindex)
    loaded.close()


def test_decap_strips_a_packet_without_link_header(without_link_header):
    without_link_header.peer(BEHIND_GATEWAY, "192.168.1.0/24")
    shortest = IP(src=ROUTE_BACK["unicast"], dst="192.168.8.8", proto=253)
    for packet, trailer in ((inner(), b""), (inner(b""), bytes(30)), (shortest, b""),
                            (inner(bytes(1400), options=options(40)), b"")):
        outcome = without_link_header.observe(raw(outer(packet, options=options(8))) + trailer)
        assert outcome.out == raw(packet)
        assert outcome.verdicts == {"decap_ok": 1}


def test_decap_leaves_other_packets_without_link_header_alone(without_link_header):
    without_link_header.peer(BEHIND_GATEWAY, "192.168.1.0/24")
    for packet, verdicts in ((raw(inner(src="8.8.8.8")), {}), (b"\x60" + bytes(60), {}), (bytes(20), {}),
                             (raw(outer(inner(), remote="192.0.2.9")), {"not_peer": 1})):
        outcome = without_link_header.observe(packet)
        assert (outcome.out, outcome.verdicts) == (packet, verdicts)
