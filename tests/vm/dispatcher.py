# SPDX-License-Identifier: GPL-2.0-only
"""Beside an XDP program of somebody else, by libxdp's dispatcher. Not of `make check`: it needs Debian's xdp-tools, and
a kernel that is not locked down."""
import itertools
import os
import re
from glob import glob

import pytest

from pace import all_or

from networks.program import End, counting, plain_binary
from networks.snapshot import differences, state
from networks.topology import INNER_A, INNER_B
from networks.traffic import Stream, ping
from networks.tunnels import between_two_hosts, carrying

# xdp-filter's, which lets everything pass while its maps are empty.
PROGRAM, = glob("/usr/lib/*/bpf/xdpfilt_alw_all.o")
FUNCTION = "xdpfilt_alw_all"
LIBXDP = "/sys/fs/bpf/xdp"
TIMES, RATE, EXCHANGES = all_or((20, 1000, 5), (3, 200, 2))


class Neighbour:
    """Another XDP program on a device, in the dispatcher."""

    def __init__(self, namespace, mode):
        self._namespace, self._mode = namespace, mode

    def come(self):
        self._namespace.run("xdp-loader", "load", "-m", self._mode, "eth0", PROGRAM)

    def go(self):
        number = re.search(rf"{FUNCTION[:15]}\S*\s+(\d+)", self.status()).group(1)
        self._namespace.run("xdp-loader", "unload", "eth0", "--id", number)

    def is_there(self):
        return FUNCTION[:15] in self.status()

    def status(self):
        return self._namespace.run("xdp-loader", "status", "eth0")


@pytest.mark.parametrize("mode, first, last", [*itertools.product(("native",), ("ours", "theirs"), ("ours", "theirs")),
                                               ("skb", "ours", "theirs"), ("skb", "theirs", "ours")])
def test_two_xdp_programs_come_and_go_in_any_order(two_hosts, mode, first, last):
    before = state(two_hosts.a, two_hosts.b)
    neighbour = Neighbour(two_hosts.a, mode)
    if first == "theirs":
        neighbour.come()
    a, b = between_two_hosts(two_hosts, mode)
    if first == "ours":
        neighbour.come()
    assert a.show()["xdp"] == "dispatcher"
    _carries(two_hosts, a, b)
    a.attach()
    assert neighbour.is_there()
    _carries(two_hosts, a, b)
    if last == "ours":
        neighbour.go()
        _carries(two_hosts, a, b)
        a.detach()
    else:
        a.detach()
        assert neighbour.is_there()
        neighbour.go()
    b.detach()
    assert differences(before, state(two_hosts.a, two_hosts.b)) == []
    assert not os.path.isdir(LIBXDP) or os.listdir(LIBXDP) == []


@pytest.mark.parametrize("mode", ("native", "skb"))
def test_attach_again_leaves_the_same_program_in_the_dispatcher_and_loses_no_packet(two_hosts, mode):
    neighbour = Neighbour(two_hosts.a, mode)
    neighbour.come()
    a, b = between_two_hosts(two_hosts, mode)
    _carries(two_hosts, a, b)
    programs = neighbour.status()
    with counting(a) as count, Stream(two_hosts.b, INNER_B, two_hosts.a, INNER_A, RATE) as stream:
        for _ in range(TIMES):
            assert a.attach(program=plain_binary()) == []
    assert stream.sent and (stream.missing, stream.refused) == ([], [])
    assert count.verdicts(a) == {"decap_ok": stream.sent}
    assert neighbour.status() == programs


@pytest.mark.parametrize("mode", ("native", "skb"))
def test_another_program_is_exchanged_in_the_dispatcher_and_no_packet_lost(two_hosts, mode):
    """One that has another map is another. It goes and comes again; meanwhile TC stands in."""
    neighbour = Neighbour(two_hosts.a, mode)
    neighbour.come()
    a, b = between_two_hosts(two_hosts, mode)
    _carries(two_hosts, a, b)
    with Stream(two_hosts.b, INNER_B, two_hosts.a, INNER_A, RATE) as stream:
        for _ in range(EXCHANGES):
            programs = neighbour.status()
            os.unlink(f"{a.pins}/verdicts")
            a.attach(program=plain_binary())
            assert neighbour.is_there() and neighbour.status() != programs
    assert stream.sent and (stream.missing, stream.refused) == ([], [])
    assert a.show()["xdp"] == "dispatcher"
    _carries(two_hosts, a, b)


def _carries(hosts, a, b):
    with carrying(hosts, a, b):
        assert ping(hosts.a, INNER_A, INNER_B, (0, 1000, 5000)) == []


@pytest.mark.parametrize("mode", ("native", "skb"))
def test_a_dispatcher_that_cannot_take_ours_is_left_to_the_other(two_hosts, mode):
    neighbour = Neighbour(two_hosts.a, mode)
    neighbour.come()
    before = state(two_hosts.a)
    done = End(two_hosts.a).command("attach", "eth0", "mode", mode)
    assert done.returncode == 1 and "another XDP program" in done.stderr and "use 'mode tc'" in done.stderr
    assert differences(before, state(two_hosts.a)) == []
    a, b = between_two_hosts(two_hosts, "tc")
    _carries(two_hosts, a, b)
    assert neighbour.is_there()
