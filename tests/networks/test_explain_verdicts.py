# SPDX-License-Identifier: GPL-2.0-only
"""`explain -r` says of a packet what the programs then do with it, and moves nothing, for every verdict there is."""
import re

import pytest

from .explained_cases import CASES, addressed, quiet, send
from .explaining import all_maps, explain_one, pcap
from .program import MODES, ROOT, End, counting
from .topology import A, B, INNER_B, TwoHosts, cable
from .traffic import send_raw

# No packet makes the kernel refuse to strip its header. encap_error and encap_source have tests of their own.
ELSEWHERE = {"decap_error", "encap_error", "encap_source"}
# The rules are the same in each mode, but which program takes the packet up is not.
IN_EVERY_MODE = ("decap_ok", "plain_source", "outer_fragment", "rpf_prefix", "ecn_alarm", "error_relayed")
FATES = {"UNTOUCHED": "untouched", "DROP": "dropped", "CARRY": "carried"}


def verdicts():
    """name -> (fate, meaning, remedy), from the list itself."""
    source = (ROOT / "include/verdict.h").read_text(encoding="utf-8").replace("\\\n", "\n")
    return {name: (FATES[fate], meaning, remedy) for name, fate, meaning, remedy in
            re.findall(r'X\(\w+,\s*"(\w+)",\s*(UNTOUCHED|DROP|CARRY),\s*"([^"]*)",\s*"([^"]*)"\)', source)}


def test_there_is_a_packet_for_each_verdict():
    assert set(CASES) == set(verdicts()) - ELSEWHERE


@pytest.fixture(scope="module")
def hosts():
    """A and B with a second cable, and a host behind A; A's eth0 is attached and detached by each test."""
    with TwoHosts() as network:
        network.end = End(network.a)
        # What A sends to B is not answered.
        network.router.ip(f"route add blackhole {B}")
        cable(network.a, "lan0 10.40.0.1/24", network.host("lan"), "eth0 10.40.0.2/24")
        cable(network.a, "eth1 10.66.0.1/30", network.b, "eth1 10.66.0.2/30")
        yield network


def attach(hosts, case, mode):
    hosts.a.sysctl("net.ipv4.ip_forward", 0)
    hosts.a.ip("route flush root 10.96.0.0/11")
    hosts.end.attach("mode", mode, *case.attach.split())
    hosts.end.peer(B, "prefix", INNER_B, *case.peer.split())
    if case.prepare:
        case.prepare(hosts)


def explain_frame(end, tmp_path, frame, *words):
    file = tmp_path / "packet.pcap"
    file.write_bytes(pcap(frame))
    return explain_one(end, "-r", str(file), *words)


@pytest.mark.parametrize("name, mode", [(name, mode) for name in CASES for mode in MODES
                                        if mode == "tc" or name in IN_EVERY_MODE])
def test_what_explain_says_is_what_then_happens_and_nothing_moves(hosts, tmp_path, name, mode):
    case = CASES[name]
    attach(hosts, case, mode)
    try:
        before = all_maps(hosts.end)
        explained = explain_frame(hosts.end, tmp_path, addressed(hosts, case))
        assert all_maps(hosts.end) == before
        with counting(hosts.end) as count:
            send(hosts, case)
        assert count.verdicts(hosts.end) == {name: 1}
    finally:
        hosts.end.detach()
    assert (explained["verdict"], explained["direction"]) == (name, case.direction)
    assert (explained["fate"], explained["meaning"], explained["remedy"]) == verdicts()[name]


def forwarded_by_a(hosts, packet):
    """The router gives A a packet that A forwards."""
    hosts.a.sysctl("net.ipv4.ip_forward", 1)
    hosts.router.ip(f"route replace {INNER_B} via {A}")
    send_raw(hosts.router, packet)


def test_a_forwarded_packet_from_an_end_of_the_tunnel(two_hosts):
    """encap_source: only of a forwarded packet, which explain takes this for, since its source is not A's."""
    end = End(two_hosts.a)
    end.attach()
    end.peer(B, "prefix", INNER_B)
    explained = explain_one(end, "from", B, "to", INNER_B)
    with counting(end) as count:
        forwarded_by_a(two_hosts, quiet(B, INNER_B))
    assert count.verdicts(end) == {"encap_source": 1}
    assert (explained["verdict"], explained["forwarded"]) == ("encap_source", True)
    assert explain_one(end, "from", A, "to", INNER_B)["verdict"] == "encap_ok"
