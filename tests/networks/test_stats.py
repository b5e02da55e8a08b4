# SPDX-License-Identifier: GPL-2.0-only
"""`stats`: the counters for people, programs, pipes and Prometheus."""
import collections
import contextlib
import json
import pathlib
import re
import signal
import subprocess

import pytest

from .program import COUNTERS, End, binary, environment
from .topology import A, B, INNER_A, INNER_B, TwoHosts, cable
from .traffic import ping, send_raw
from .tunnels import between_two_hosts
from .wire import ipv4_packet, udp_datagram

ROOT = pathlib.Path(__file__).resolve().parents[2]
ICMP, UDP = 1, 17
# Nobody answers it.
ECHO_REPLY = bytes((0, 0, 0xff, 0xff, 0, 0, 0, 0))
NOTHING_MOVED = [word for name in COUNTERS for word in (name, "0.0")]
METRIC = re.compile(r'(\w+)\{(.*)\} (\d+)')


@pytest.fixture(scope="module")
def ends():
    """A with a tunnel to B: a ping, one packet more from A, and one that was refused, with a source of nobody's."""
    with TwoHosts() as network:
        network.ends = between_two_hosts(network, "tc")
        assert ping(network.a, INNER_A, INNER_B) == []
        send_raw(network.a, ipv4_packet(INNER_A, INNER_B, ICMP, ECHO_REPLY))
        network.b.ip("addr add 10.9.9.9/32 dev lo")
        send_raw(network.b, ipv4_packet("10.9.9.9", INNER_A, UDP, udp_datagram(1, 9)))
        yield network


@pytest.fixture
def end(ends):
    return ends.ends[0]


def output(end, *words):
    done = end.command(*words)
    assert done.returncode == 0 and not done.stderr, done.stderr
    return done.stdout


def shown(end):
    """What `show` counts: the peer's counters, and the verdicts."""
    attachment = end.show()
    peer, = attachment["peers"]
    return {name: peer[name] for name in COUNTERS}, attachment["verdicts"]


def test_the_counters_are_those_of_show(end):
    peer, verdicts = shown(end)
    assert peer == {"tx_packets": 2, "tx_bytes": 112, "rx_packets": 1, "rx_bytes": 84, "drops": 1}
    assert json.loads(output(end, "-j", "stats", "eth0")) == [
        {"ifname": "eth0", "netns": end.namespace.name, "peers": [{"remote": B, **peer}], "verdicts": verdicts}]


def test_people_see_each_peer_and_the_verdicts_that_were_given(end):
    lines = [line.split() for line in output(end, "stats").splitlines()]
    assert lines[0] == ["eth0"]
    assert [B, "2", "112", "1", "84", "1"] in lines
    assert lines[-3:] == [["decap_ok", "1", "carried"], ["encap_ok", "2", "carried"], ["rpf_prefix", "1", "dropped"]]


def metrics(text):
    """Each sample's value by its name and labels."""
    samples = {}
    for line in text.splitlines():
        if not line.startswith("#"):
            name, labels, value = METRIC.fullmatch(line).groups()
            samples[name, frozenset(re.findall(r'(\w+)="([^"]*)"', labels))] = int(value)
    return samples


def metric(end, name, **labels):
    return name, frozenset({"device": "eth0", "netns": end.namespace.name, **labels}.items())


def test_the_metrics_are_the_counters(end):
    peer, verdicts = shown(end)
    samples = metrics(output(end, "stats", "openmetrics"))
    names = ("transmit_packets", "transmit_bytes", "receive_packets", "receive_bytes", "drop_packets")
    for name, counter in zip(names, COUNTERS):
        assert samples[metric(end, f"ipipbpf_peer_{name}_total", remote=B)] == peer[counter]
    assert samples[metric(end, "ipipbpf_peers")] == 1
    by_verdict = {dict(labels)["verdict"]: value for (name, labels), value in samples.items()
                  if name == "ipipbpf_verdict_packets_total"}
    assert by_verdict == verdicts
    assert samples[metric(end, "ipipbpf_verdict_packets_total", verdict="rpf_prefix", fate="dropped")] == 1


def test_openmetrics_may_be_spelt_as_an_option(end):
    assert output(end, "stats", "eth0", "--openmetrics") == output(end, "stats", "openmetrics")


def attached(network, device):
    """A host with a device of that name, attached and to nobody."""
    host = network.host("A")
    cable(host, "plain 10.5.0.1/24", network.host("B"), "eth0")
    host.run("ip", "link", "set", "plain", "name", device)
    end = End(host, device)
    end.attach()
    return end


def test_of_a_device_that_is_not_attached_it_says_so(end):
    done = end.command("stats", "lo")
    assert (done.returncode, done.stdout) == (1, "")
    assert "lo is not attached" in done.stderr


def test_every_metric_of_the_dashboard_exists(end):
    exists = {name for name, _ in metrics(output(end, "stats", "openmetrics"))}
    dashboard = (ROOT / "contrib/grafana-dashboard.json").read_text(encoding="utf-8")
    targets = [target["expr"] for panel in json.loads(dashboard)["panels"] for target in panel.get("targets", ())]
    named = set(re.findall(r"ipipbpf_\w+", dashboard))
    assert len(targets) >= 5 and named == exists


@contextlib.contextmanager
def running(end, *words):
    """The program on its way, killed behind the block if it still runs."""
    with subprocess.Popen([binary(), "-n", end.namespace.name, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          text=True, env=environment()) as process:
        try:
            yield process
        finally:
            process.kill()


def test_w_prints_a_line_for_each_peer_and_for_each_verdict_that_moved(ends, end):
    with running(end, "stats", "eth0", "-w", "1") as process:
        quiet = process.stdout.readline().split()
        assert ping(ends.a, INNER_A, INNER_B) == []
        lines = [process.stdout.readline().split() for _ in range(5)]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", quiet[0])
    assert quiet[1:4] == ["eth0", "peer", B] and quiet[4:] == NOTHING_MOVED
    verdicts = [words[1:5] for words in lines if words[2] == "verdict"]
    assert verdicts == [["eth0", "verdict", name, "packets"] for name in ("decap_ok", "encap_ok")]


def moved(attachment):
    """How far the peer's counters moved in a block."""
    peer, = attachment["peers"]
    return collections.Counter({name: round(peer[name] * attachment["seconds"]) for name in COUNTERS})


def test_w_with_json_prints_one_array_a_line_whose_rates_are_the_packets(ends, end):
    with running(end, "-j", "stats", "-w", "1") as process:
        quiet, = json.loads(process.stdout.readline())
        assert ping(ends.a, INNER_A, INNER_B, (56,) * 20) == []
        blocks = [json.loads(process.stdout.readline())[0] for _ in range(3)]
    assert quiet["ifname"] == "eth0" and quiet["netns"] == end.namespace.name and quiet["seconds"] >= 1
    assert quiet["peers"] == [{"remote": B, **dict.fromkeys(COUNTERS, 0.0)}]
    assert quiet["verdicts"] == dict.fromkeys(end.show()["verdicts"], 0.0)
    total = sum(map(moved, blocks), collections.Counter())
    assert total == {"tx_packets": 20, "tx_bytes": 20 * 84, "rx_packets": 20, "rx_bytes": 20 * 84}
    assert sum(round(block["verdicts"]["encap_ok"] * block["seconds"]) for block in blocks) == 20


@pytest.mark.parametrize("number", (signal.SIGINT, signal.SIGTERM))
def test_w_ends_well_when_it_is_told_to(end, number):
    with running(end, "stats", "-w", "1") as process:
        process.stdout.readline()
        process.send_signal(number)
        assert (process.wait(5), process.stderr.read()) == (0, "")


def test_w_ends_when_nobody_reads_any_more(end):
    with running(end, "stats", "-w", "1") as process:
        process.stdout.readline()
        process.stdout.close()
        assert (process.wait(5), process.stderr.read()) == (0, "")


def test_w_ends_with_a_word_when_its_device_is_detached(network):
    end = attached(network, "eth0")
    end.peer(B)
    with running(end, "stats", "eth0", "-w", "1") as process:
        process.stdout.readline()
        end.detach()
        assert process.wait(5) == 1
        assert "eth0 is not attached" in process.stderr.read()


def test_a_counter_that_fell_began_anew(ends):
    """As after detach and attach: what is there now moved since."""
    end = ends.ends[1]
    assert end.show()["peers"][0]["tx_packets"] > 0
    with running(end, "stats", "-w", "1") as process:
        process.stdout.readline()
        end.do("peer del", "remote", A)
        end.do("peer add", "remote", A, "prefix", INNER_A)
        assert process.stdout.readline().split()[4:] == NOTHING_MOVED
