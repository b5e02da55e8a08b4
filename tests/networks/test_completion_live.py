# SPDX-License-Identifier: GPL-2.0-only
"""What the completion of bash offers of the devices, peers and prefixes that are there."""
import pytest

from completion import complete

from .program import End, environment
from .topology import Network, cable

PEERS = {"172.16.1.62", "172.16.1.63", "any"}
PREFIXES = {"192.168.1.0/24", "192.168.2.0/24"}
BARE = {"10.1.0.0/16", "10.2.0.0/16"}


@pytest.fixture(scope="module")
def host():
    """eth0 with peers and prefixes, eth1 with one other peer, eth2 with nothing."""
    with Network() as network:
        host, other = network.host("A"), network.host("B")
        for number in range(3):
            cable(host, f"eth{number} 172.16.{number}.1/24", other, f"eth{number}")
        for device in ("eth0", "eth1"):
            End(host, device).attach("routes", "off")
        end = End(host)
        for remote, prefix in zip(sorted(PEERS), sorted(PREFIXES)):
            end.peer(remote, "prefix", prefix)
        end.peer("any")
        for prefix in BARE:
            end.do("prefix add", prefix, "bare")
        End(host, "eth1").peer("172.16.1.99", "prefix", "192.168.9.0/24")
        yield host


def offered(host, *words):
    return complete("-n", host.name, *words, env=environment())


def test_attach_offers_the_devices_that_are_there_and_others_those_that_are_attached(host):
    assert offered(host, "attach", "") == {"lo", "eth0", "eth1", "eth2", "help"}
    for command in (("detach",), ("show",), ("top",), ("peer", "add"), ("prefix", "del")):
        assert offered(host, *command, "") == {"eth0", "eth1", "help"}
    assert offered(host, "stats", "") == {"eth0", "eth1", "help", "openmetrics", "-w"}
    assert offered(host, "monitor", "") == {"eth0", "eth1", "help", "-w"}


def test_remote_offers_the_peers_of_the_device(host):
    assert offered(host, "peer", "del", "eth0", "remote", "") == PEERS
    assert offered(host, "peer", "set", "eth0", "ttl", "9", "remote", "172.16.1.6") == PEERS - {"any"}
    assert offered(host, "prefix", "add", "eth1", "10.0.0.0/8", "remote", "") == {"172.16.1.99", "any"}


@pytest.mark.parametrize("verb", ("del", "replace"))
def test_a_prefix_that_is_there_is_offered_bare_ones_too(host, verb):
    assert offered(host, "prefix", verb, "eth0", "") == PREFIXES | BARE
    assert offered(host, "prefix", verb, "eth0", "10.2") == {"10.2.0.0/16"}
    assert offered(host, "prefix", verb, "eth1", "") == {"192.168.9.0/24"}


def test_peer_set_offers_the_prefixes_for_its_new_list(host):
    assert offered(host, "peer", "set", "eth0", "remote", "172.16.1.62", "prefix", "192") == PREFIXES


def test_explain_offers_the_peers_that_a_packet_may_come_in_from(host):
    assert offered(host, "explain", "") == {"eth0", "eth1", "help"}
    assert offered(host, "explain", "eth0", "from", "10.0.0.1", "via", "") == PEERS - {"any"} | {"none"}


def test_n_offers_the_namespaces(host):
    assert host.name in complete("-n", "")
    assert complete("--netns", host.name[:-1]) >= {host.name}
