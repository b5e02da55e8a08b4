# SPDX-License-Identifier: GPL-2.0-only
"""`monitor`: who refused packets are told to, in lines and in JSON, and how it ends."""
import datetime
import json
import os
import re
import signal
import time

import pytest

from .listening import (FORGED, PLACES, ended, leases, lines_until, listening, monitoring, remove, rings,
                        tunnel_with_a_forger, wait_until)
from .program import End, counting, ipipbpf
from .topology import A, B, INNER_A, INNER_B, cable
from .traffic import ping, send_raw
from .wire import ipv4_packet, udp_datagram

UDP = 17
MOMENT = r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z)"
LEASE = 3


@pytest.fixture(scope="module", params=("tc", "native", "skb"))
def hosts(request):
    with tunnel_with_a_forger(request.param) as network:
        yield network


@pytest.fixture(scope="module")
def tunnel():
    """The same in one mode."""
    with tunnel_with_a_forger() as network:
        yield network


@pytest.fixture
def end(tunnel):
    return tunnel.a_end


def forge(network, count=1, payload=b""):
    """B sends packets that A refuses."""
    for number in range(count):
        send_raw(network.b, ipv4_packet(FORGED, INNER_A, UDP, udp_datagram(number % 60000 + 1, 9, payload)))


def forge_many(network, count):
    """The same, quickly."""
    packet = ipv4_packet(FORGED, INNER_A, UDP, udp_datagram(7, 9))
    with network.b.socket(2, 3, 255) as raw:
        for _ in range(count):
            raw.sendto(packet, (INNER_A, 0))


def refused_by(count, end):
    return sum(count.verdicts(end).values())


def test_a_line_for_each_packet_that_is_refused(hosts):
    end = hosts.a_end
    with monitoring(end, "eth0", text=True) as process:
        before = datetime.datetime.now(datetime.timezone.utc)
        assert ping(hosts.a, INNER_A, INNER_B) == []
        forge(hosts, 2, b"data")
        lines = [process.stdout.readline() for _ in range(2)]
    for number, line in enumerate(lines):
        moment, rest = re.fullmatch(MOMENT + " (.*)\n", line).groups()
        assert rest == (f"eth0 in rpf_prefix peer {B} outer {B} > {A} inner {FORGED} > {INNER_A} "
                        f"udp {number + 1} > 9 length 52")
        passed = datetime.datetime.fromisoformat(moment.replace("Z", "+00:00")) - before
        assert datetime.timedelta(seconds=-0.01) < passed < datetime.timedelta(seconds=20)


def test_json_is_an_object_a_line(hosts):
    end = hosts.a_end
    with monitoring(end, "eth0", options=("-j",), text=True) as process:
        forge(hosts)
        line = json.loads(process.stdout.readline())
    assert re.fullmatch(MOMENT, line.pop("time"))
    assert line == {"ifname": "eth0", "netns": end.namespace.name, "direction": "in", "verdict": "rpf_prefix",
                    "fate": "dropped", "peer": B, "outer_src": B, "outer_dst": A, "inner_src": FORGED,
                    "inner_dst": INNER_A, "protocol": UDP, "src_port": 1, "dst_port": 9, "icmp_type": None,
                    "icmp_code": None, "length": 48, "packets": 1}


def test_what_monitor_lets_through_is_told_too(hosts):
    end = hosts.a_end
    end.do("peer set", "remote", B, "rpf", "strict", "monitor")
    with monitoring(end, options=("-j",), text=True) as process:
        forge(hosts)
        line = json.loads(process.stdout.readline())
    end.do("peer set", "remote", B, "rpf", "strict")
    assert (line["verdict"], line["fate"], line["outer_src"]) == ("rpf_prefix_mon", "carried", B)


def test_a_packet_on_its_way_out_is_told_with_the_outer_header_that_it_would_get(tunnel, end):
    end.peer("10.66.0.1", "prefix", "10.67.0.0/16", "local", "172.16.16.99")
    with monitoring(end, "eth0", text=True) as process:
        send_raw(tunnel.a, ipv4_packet(INNER_A, "10.67.0.1", 1, b"\x08\0\xf7\xff\0\0\0\0"))
        line = process.stdout.readline()
    end.do("peer del", "remote", "10.66.0.1")
    assert line.split(" ", 1)[1] == (f"eth0 out encap_no_route peer 10.66.0.1 outer 172.16.16.99 > 10.66.0.1 inner "
                                     f"{INNER_A} > 10.67.0.1 icmp type 8 code 0 length 28\n")


def test_without_a_device_all_of_the_namespace_are_told_of(tunnel, end):
    cable(tunnel.a, "eth1 10.5.0.1/24", tunnel.router, "to-a1 10.5.0.2/24")
    other = End(tunnel.a, "eth1")
    other.attach("routes", "off")
    other.peer("10.5.0.2", "prefix", "10.68.0.0/16")
    with monitoring(end, options=("-j",), ends=[end, other]) as process:
        forge(tunnel)
        first = json.loads(process.stdout.readline())
        tunnel.router.ip("route add 10.5.0.1/32 dev to-a1 src 10.5.0.2")
        send_raw(tunnel.router, ipv4_packet("10.5.0.2", "10.5.0.1", 4, ipv4_packet(FORGED, INNER_A, 1, bytes(8))))
        second = json.loads(process.stdout.readline())
        other.detach()
        assert process.stderr.readline() == b"ipipbpf: warning: eth1 was detached\n"
        forge(tunnel)
        third = json.loads(process.stdout.readline())
        process.terminate()
        assert ended(process) == (0, "")
    assert [line["ifname"] for line in (first, second, third)] == ["eth0", "eth1", "eth0"]


# How many

def test_what_the_rate_leaves_out_is_told_and_nothing_is_lost(tunnel, end):
    """The sum of the packets that are told of and of those that are left out is what the counters say."""
    with monitoring(end, "eth0", options=("-j",)) as process, counting(end) as count:
        started = time.monotonic()
        forge_many(tunnel, 20_000)
        seconds = time.monotonic() - started
        count.settle(lambda seen: refused_by(seen, end) == 20_000)
        lines = lines_until(process, 20_000)
    told = sum(line.get("packets", 0) for line in lines)
    assert 1000 <= told <= os.cpu_count() * (1000 + 1000 * (seconds + 1))
    assert told < 20_000 and [line["ifname"] for line in lines if "left_out" in line]


def test_a_reader_that_stops_reading_holds_up_nothing(tunnel, end):
    """The pipe fills up, the lease runs out, packets go on. When it reads on, it hears how many it has missed."""
    with monitoring(end, "eth0", options=("-j",)) as process, counting(end) as count:
        forge_many(tunnel, 8000)
        count.settle(lambda seen: refused_by(seen, end) == 8000)
        wait_until(lambda: not listening(end))
        assert ping(tunnel.a, INNER_A, INNER_B) == []
        forge_many(tunnel, 100)
        count.settle(lambda seen: refused_by(seen, end) == 8102)
        lines = lines_until(process, 8100)
        assert lines[-1]["left_out"] >= 100
        wait_until(lambda: listening(end))
        forge(tunnel)
        assert json.loads(process.stdout.readline())["verdict"] == "rpf_prefix"


def test_one_that_waits_for_its_reader_ends_when_it_is_told_to(tunnel, end):
    with monitoring(end, "eth0") as process:
        forge_many(tunnel, 3000)
        wait_until(lambda: not listening(end))
        process.terminate()
        assert ended(process) == (0, "")
    assert rings(end) == []


def test_one_that_was_stopped_goes_on_also_if_its_place_was_cleared(tunnel, end):
    with monitoring(end, "eth0", options=("-j",), text=True) as process, counting(end) as count:
        process.send_signal(signal.SIGSTOP)
        wait_until(lambda: not listening(end))
        end.attach()
        assert rings(end) == []
        forge(tunnel, 3)
        count.settle(lambda seen: refused_by(seen, end) == 3)
        process.send_signal(signal.SIGCONT)
        assert json.loads(process.stdout.readline())["left_out"] == 3
        wait_until(lambda: listening(end))
        forge(tunnel)
        assert json.loads(process.stdout.readline())["packets"] == 1


# How it ends

@pytest.mark.parametrize("number", (signal.SIGINT, signal.SIGTERM, signal.SIGHUP))
def test_it_ends_well_when_it_is_told_to_and_leaves_nothing(end, number):
    with monitoring(end, "eth0") as process:
        assert len(rings(end)) == 1
        process.send_signal(number)
        assert ended(process) == (0, "")
    assert (leases(end), rings(end)) == ((0,) * PLACES, [])


def test_it_ends_when_nobody_reads_any_more(tunnel, end):
    with monitoring(end, "eth0") as process:
        process.stdout.close()
        assert ended(process) == (0, "")
    assert rings(end) == []


def test_one_that_was_killed_costs_nothing_for_long_and_is_cleared_by_the_next_command(tunnel, end):
    with monitoring(end, "eth0") as process:
        process.kill()
        process.wait()
        killed = time.monotonic()
        wait_until(lambda: not listening(end))
        assert time.monotonic() - killed < LEASE + 1
    assert len(rings(end)) == 1
    end.do("peer set", "remote", B, "prefix", INNER_B)
    assert (leases(end), rings(end)) == ((0,) * PLACES, [])


def test_one_that_was_killed_leaves_nothing_behind_a_detach(network):
    host, other = network.host("A"), network.host("B")
    cable(host, "eth0 10.5.0.1/24", other, "eth0 10.5.0.2/24")
    end = End(host)
    end.attach()
    with monitoring(end, "eth0") as process:
        process.kill()
        process.wait()
    end.detach()
    assert not os.path.exists(end.pins)


@pytest.mark.parametrize("how, why", [("detach", "was detached"), ("detach attach", "was detached"),
                                      ("migrate", "was migrated"), ("migrate attach", "was migrated"),
                                      ("delete", "is gone")])
def test_it_says_so_and_ends_when_there_is_nothing_left_to_listen_to(network, how, why):
    host, other = network.host("A"), network.host("B")
    cable(host, "eth0 10.5.0.1/24", other, "eth0 10.5.0.2/24")
    end = End(host)
    end.attach()
    with monitoring(end, "eth0") as process:
        if how == "delete":
            host.ip("link del eth0")
        if how.startswith("detach"):
            end.detach()
        if how.startswith("migrate"):
            end.do("migrate", "layout", "1")
        if how.endswith("attach"):
            end.attach()
        assert ended(process) == (1, f"ipipbpf: eth0 {why}: nothing is left to listen to\n")


def test_attach_again_does_not_end_it(tunnel, end):
    with monitoring(end, "eth0") as process:
        end.attach()
        forge(tunnel)
        assert b"rpf_prefix" in process.stdout.readline()


# What it refuses

def fails(end, *words, options=(), **changes):
    done = ipipbpf("-n", end.namespace.name, *options, "monitor", *words, **changes)
    assert done.stdout == "" and done.stderr.count("\n") == 1, done.stderr
    return done.returncode, done.stderr


def test_as_many_listen_as_there_are_places_and_one_more_is_told_so(tunnel, end):
    with monitoring(end) as one, monitoring(end) as two, monitoring(end) as three, monitoring(end) as four:
        assert fails(end, "eth0") == (1, "ipipbpf: 4 commands listen to eth0 already: end one of them\n")
        forge(tunnel)
        for process in (one, two, three, four):
            assert b"rpf_prefix" in process.stdout.readline()


def test_an_attachment_of_an_older_version_says_so_with_the_remedy(tunnel, end):
    remove(end, "listeners", "event_rings")
    status, said = fails(end, "eth0")
    assert status == 1 and f"'ipipbpf -n {end.namespace.name} attach eth0'" in said and "eth0 was attached by" in said
    end.attach()
    with monitoring(end, "eth0") as process:
        forge(tunnel)
        assert b"rpf_prefix" in process.stdout.readline()


def test_what_is_not_attached(tunnel, network):
    end = End(network.host("nothing"))
    assert fails(End(tunnel.a, "lo"), "lo")[1].startswith("ipipbpf: lo is not attached: ")
    assert fails(end)[1].startswith("ipipbpf: nothing is attached here: ")


def test_wrong_words(end, tmp_path):
    assert fails(end, "eth0", "-w")[0] == 2
    assert fails(end, "eth0", "-w", "a", "-w", "b")[0] == 2
    assert fails(end, "eth0", "sideways")[0] == 2
    assert fails(end, "eth0", "-w", str(tmp_path / "x"), options=("-j",)) == (
        2, "ipipbpf: '-w' writes a capture: leave '-j' away\n")
    assert os.listdir(tmp_path) == []


def test_without_the_right_to_it_it_says_so(end):
    drop = ("setpriv", "--bounding-set", "-bpf,-sys_admin", "--inh-caps", "-bpf,-sys_admin")
    status, said = fails(end, "eth0", prefix=drop)
    assert status == 1 and "not permitted" in said

