# SPDX-License-Identifier: GPL-2.0-only
"""RFC 2003, sections 4 and 5: ICMP errors from inside the tunnel, and what the entry remembers of them."""

import pytest

from networks.program import counting
from networks.traffic import Pinger
from networks.wire import IPv4

from .errors import (FRAGMENTATION_NEEDED, HOST_UNREACHABLE, PARAMETER_PROBLEM, REDIRECT, SOURCE_QUENCH,
                     TIME_EXCEEDED, UNREACHABLE, IcmpError, icmp_error)
from .on_the_wire import to_a

UNREACHABLE_HOST = (UNREACHABLE, HOST_UNREACHABLE, 0)


def check_told_of_unreachable_host(sender, kind, code):
    """An error of this kind about a packet of the sender's reaches it as host unreachable, and quotes that packet."""
    with counting(sender.entry) as count:
        errors = sender.told(icmp_error(kind, code, sender.outer()))
    assert [error.what for error in errors] == [UNREACHABLE_HOST]
    sender.check(errors[0])
    assert errors[0].quote == sender.packet()
    assert count.verdicts(sender.entry)["error_relayed"] == 1


def check_not_told(sender, kind, code, counted=True):
    """An error of this kind reaches no sender inside."""
    with counting(sender.entry) as count:
        assert sender.told(icmp_error(kind, code, sender.outer())) == []
    moved = count.verdicts(sender.entry)
    assert moved == {"encap_ok": 1, "decap_ok": 1, **({"error_ignored": 1} if counted else {})}


def test_2003_18_net_unreachable_is_told_as_host_unreachable(sender):
    """No network inside the tunnel is the sender's: the host is what it cannot reach."""
    check_told_of_unreachable_host(sender, UNREACHABLE, 0)


@pytest.mark.parametrize("code", [1, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15])
def test_2003_19_host_unreachable_is_told(sender, code):
    """Code 1, and those that later standards added, which say the same to a host inside."""
    check_told_of_unreachable_host(sender, UNREACHABLE, code)


def test_2003_20_protocol_unreachable_is_told_as_host_unreachable(sender):
    """The exit knows no protocol 4: that is no business of the sender's, but its packets do not arrive."""
    check_told_of_unreachable_host(sender, UNREACHABLE, 2)


def test_2003_21_port_unreachable_is_not_told(sender):
    """An outer packet has no port."""
    check_not_told(sender, UNREACHABLE, 3)


def test_2003_22_fragmentation_needed_is_told_with_the_outer_header_taken_off_the_mtu(taught_sender):
    """The sender's MTU is the path's less 20."""
    sender = taught_sender
    errors = sender.told(icmp_error(UNREACHABLE, FRAGMENTATION_NEEDED, sender.outer(1480)[:548], mtu=1400))
    assert [error.what for error in errors] == [(UNREACHABLE, FRAGMENTATION_NEEDED, 1380)]
    sender.check(errors[0])


def test_2003_23_source_route_failed_is_not_told(sender):
    """The entry writes no source routes, and the sender wrote none that a router outside has read."""
    check_not_told(sender, UNREACHABLE, 5)


def test_2003_24_source_quench_is_not_told(sender):
    """Nor counted: it says nothing of a packet's fate."""
    check_not_told(sender, SOURCE_QUENCH, 0, counted=False)


@pytest.mark.parametrize("code", range(4))
def test_2003_25_redirect_is_not_told(sender, code):
    """Which way the outer packet takes is the entry's business."""
    check_not_told(sender, REDIRECT, code, counted=False)


def test_2003_26_time_exceeded_is_told_as_host_unreachable(sender):
    """The outer TTL is the entry's: the sender must not take the tunnel for a loop."""
    check_told_of_unreachable_host(sender, TIME_EXCEEDED, 0)


def test_2003_26_time_exceeded_while_fragments_are_put_together_is_not_told(sender):
    """It comes from the exit, about fragments that are not the sender's."""
    check_not_told(sender, TIME_EXCEEDED, 1)


@pytest.mark.parametrize("code", range(3))
def test_2003_27_parameter_problem_is_not_told(sender, code):
    """What is wrong with the outer header, the entry has written."""
    check_not_told(sender, PARAMETER_PROBLEM, code)


@pytest.mark.parametrize("quoted", [20, 28, 40, 47])
def test_2003_28_an_error_that_quotes_too_little_meets_the_next_packet(sender, quoted):
    """The inner sender cannot be named, or would not know its packet: the next packet draws the error, and one only."""
    with counting(sender.entry) as count, Pinger(sender.namespace, sender.address, sender.target) as pinger:
        to_a(sender.network, icmp_error(UNREACHABLE, HOST_UNREACHABLE, sender.outer()[:quoted]))
        assert pinger.ping(timeout=0.2) is None
        assert pinger.ping() is not None
    error, = (IcmpError(packet) for packet in pinger.errors)
    assert error.what == UNREACHABLE_HOST
    about = IPv4(error.quote)
    assert (about.src, about.dst, about.payload[0]) == (sender.address, sender.target, 8)
    assert count.verdicts(sender.entry) == {"error_kept": 1, "encap_unreachable": 1, "encap_ok": 1, "decap_ok": 1}


def test_2003_28_an_error_that_quotes_just_enough_is_told_at_once(sender):
    """The inner header and 8 bytes."""
    errors = sender.told(icmp_error(UNREACHABLE, HOST_UNREACHABLE, sender.outer()[:48]))
    assert [error.what for error in errors] == [UNREACHABLE_HOST]
    assert errors[0].quote == sender.packet()[:28]


def test_2003_29_the_path_mtu_is_remembered_and_told(taught_sender):
    """After one fragmentation needed: what fits goes through, the next that does not draws an error from the entry."""
    sender, small, large = taught_sender, 1380 - 28, 1381 - 28
    sender.told(icmp_error(UNREACHABLE, FRAGMENTATION_NEEDED, sender.outer(1480)[:28], mtu=1400))
    assert sender.path_mtu() == 1400
    with counting(sender.entry) as count, Pinger(sender.namespace, sender.address, sender.target) as pinger:
        assert pinger.ping(small) is not None and pinger.errors == []
        assert pinger.ping(large, timeout=0.2) is None
        error, = (IcmpError(packet) for packet in pinger.errors)
        assert error.what == (UNREACHABLE, FRAGMENTATION_NEEDED, 1380)
        # Its stack now knows, and sends fragments.
        assert pinger.ping(large) is not None
    assert count.verdicts(sender.entry) == {"encap_ok": 3, "decap_ok": 2, "encap_too_big": 1}
