# SPDX-License-Identifier: GPL-2.0-only
"""What `show` tells of the words that were given, of what ICMP errors taught of the way to a peer, and of what is gone."""
import os
import re
import socket
import struct
import time

import pytest

from .program import End
from .topology import B, INNER_A, INNER_B, TwoHosts
from .traffic import ping
from .tunnels import between_two_hosts, carrying

OTHER = "172.16.1.70"
SECOND = 10**9
# Where the map `peers` has a peer's ECN mode: behind the local address and seven other bytes.
ECN_BYTE, COMPATIBILITY = 11, 2


@pytest.fixture(scope="module")
def hosts():
    with TwoHosts() as network:
        yield network


@pytest.fixture
def end(hosts):
    """A newly attached with the peer B and another one; detached again."""
    attached = End(hosts.a)
    attached.attach("mode", "tc", "src", INNER_A)
    attached.peer(B, "prefix", INNER_B)
    attached.peer(OTHER)
    yield attached
    attached.detach()


def text(end):
    done = end.command("show", "eth0")
    assert done.returncode == 0 and not done.stderr, done.stderr
    return done.stdout


def peer(end, remote=B):
    """The peer as JSON has it."""
    shown, = (shown for shown in end.show()["peers"] if shown["remote"] == remote)
    return shown


def text_of_peer(end, remote=B):
    """The lines under the peer's heading."""
    return text(end).split(f"\n  peer: {remote}\n")[1].split("\n\n")[0].splitlines()


def settings(end):
    shown = end.show()
    return {name: shown[name] for name in ("ecn", "mtu_expires", "icmp", "cache")}


def switches(end):
    shown = end.show()
    return {name: shown[name] for name in ("forward", "spread")}


def test_what_nobody_set_has_its_default(end):
    assert settings(end) == {"ecn": "normal", "mtu_expires": 600, "icmp": 1000, "cache": 0}
    assert (peer(end)["ecn"], peer(end)["effective"]["ecn"]) == (None, "normal")
    assert "  icmp errors: icmp 1000, mtu_expires 600\n" in text(end)
    assert "cache" not in text(end)


@pytest.mark.parametrize("word", ("forward", "spread"))
def test_switches_are_off_and_kept_by_attach_again(end, word):
    assert switches(end) == {"forward": False, "spread": False}
    assert f"  {word}: off\n" in text(end)
    end.attach(word, "on")
    end.attach("ttl", "inherit")
    assert switches(end) == {"forward": False, "spread": False, word: True}
    assert re.search(f"^  {word}: on", text(end), re.M)
    end.attach(word, "off")
    assert switches(end) == {"forward": False, "spread": False}


@pytest.mark.parametrize("word, number", (("mtu_expires", 1), ("mtu_expires", 86400), ("icmp", 0), ("icmp", 65535),
                                          ("cache", 1), ("cache", 60000)))
def test_the_least_and_the_most_are_taken_and_kept_by_attach_again(end, word, number):
    expected = {"ecn": "compat", "mtu_expires": 77, "icmp": 88, "cache": 99, word: number}
    end.attach(*(str(part) for pair in expected.items() for part in pair))
    assert settings(end) == expected
    end.attach("ttl", "inherit")
    assert settings(end) == expected
    assert f"  icmp errors: icmp {expected['icmp']}, mtu_expires {expected['mtu_expires']}\n" in text(end)
    assert f"  cache: {expected['cache']} ms\n" in text(end)


def test_ecn_of_the_device_holds_for_a_peer_without_its_own(end):
    end.attach("ecn", "compat")
    assert (peer(end)["ecn"], peer(end)["effective"]["ecn"]) == (None, "compat")
    assert ", ecn compat, pmtudisc\n" in text(end)
    assert not any("ecn" in line for line in text_of_peer(end))
    end.do("peer set", "remote", B, "ecn", "normal")
    assert (peer(end)["ecn"], peer(end)["effective"]["ecn"]) == ("normal", "normal")
    assert "    settings: ecn normal" in text_of_peer(end)
    assert peer(end, OTHER)["effective"]["ecn"] == "compat"


def test_ecn_of_a_peer_is_what_the_dataplane_reads_and_peer_set_keeps_it(end):
    end.do("peer set", "remote", B, "ecn", "compat")
    end.do("peer set", "remote", B, "ttl", "33")
    end.do("peer add", "remote", "172.16.1.71", "ecn", "compat")
    modes = {socket.inet_ntoa(bytes(int(part, 16) for part in entry["key"])): int(entry["value"][ECN_BYTE], 16)
             for entry in end.dump("peers")}
    assert modes == {B: COMPATIBILITY, OTHER: 0, "172.16.1.71": COMPATIBILITY}
    assert (peer(end)["ecn"], peer(end)["effective"]["ecn"], peer(end)["ttl"]) == ("compat", "compat", 33)
    assert "    settings: ttl 33, ecn compat" in text_of_peer(end)


def teach(end, remote, mtu, seconds, owed=0):
    """What an ICMP error would have told of the way to a peer; returns until when it is believed."""
    now = time.clock_gettime_ns(time.CLOCK_MONOTONIC)
    until = now + seconds * SECOND
    end.update("paths", socket.inet_aton(remote), struct.pack("=QQII", until, now + owed * SECOND if owed else 0, mtu, 0))
    end.update("paths_until", bytes(4), struct.pack("=Q", max(until, now + owed * SECOND)))
    return until


def known(end):
    """The peers of whose ways anything is kept."""
    return {socket.inet_ntoa(key) for key in end.keys("paths")}


def seconds_left(until):
    return -((time.clock_gettime_ns(time.CLOCK_MONOTONIC) - until) // SECOND)


def test_a_path_mtu_is_shown_with_the_seconds_that_are_left(end):
    until = teach(end, B, 1400, 593)
    most = seconds_left(until)
    shown, line = peer(end), next(line for line in text_of_peer(end) if "path" in line)
    least = seconds_left(until)
    assert shown["path_mtu"] == 1400 and least <= shown["path_mtu_expires"] <= most == 593
    assert line in [f"    path mtu 1400 expires {left}sec" for left in range(least, most + 1)]


def test_of_other_peers_no_path_mtu_is_shown(end):
    teach(end, B, 1400, 593)
    assert (peer(end, OTHER)["path_mtu"], peer(end, OTHER)["path_mtu_expires"]) == (None, None)
    assert not any("path" in line for line in text_of_peer(end, OTHER))


@pytest.mark.parametrize("mtu, seconds, owed", ((1400, -1, 0), (1400, 0, 0), (0, 0, 30), (1400, -1, 30)),
                         ids=("past", "just past", "an error is owed and no MTU known", "an error is owed, the MTU past"))
def test_a_path_mtu_that_counts_no_more_is_not_shown(end, mtu, seconds, owed):
    teach(end, B, mtu, seconds, owed)
    assert (peer(end)["path_mtu"], peer(end)["path_mtu_expires"]) == (None, None)
    assert not any("path" in line for line in text_of_peer(end))


def test_attach_again_keeps_what_is_known_of_the_ways(end):
    teach(end, B, 1300, 500)
    end.attach()
    assert known(end) == {B} and peer(end)["path_mtu"] == 1300


def test_peer_del_forgets_what_was_known_of_that_peers_way_alone(end):
    for remote in (B, OTHER):
        teach(end, remote, 1400, 593)
    assert known(end) == {B, OTHER}
    end.do("peer del", "remote", B)
    assert known(end) == {OTHER}
    end.peer(B)
    assert peer(end)["path_mtu"] is None and peer(end, OTHER)["path_mtu"] == 1400


def test_the_way_to_a_peer_deleted_by_hand_is_forgotten_at_the_loaders_next_change(end):
    teach(end, OTHER, 1400, 593)
    end.delete("peers", socket.inet_aton(OTHER))
    assert known(end) == {OTHER}
    end.do("prefix add", "10.9.0.0/16", "bare")
    assert known(end) == set()


def take_away_tc_ingress(end):
    """What somebody does who deletes our program there: a pinned link, or before Linux 6.6 a filter."""
    pin = f"{end.pins}/link_decap"
    if os.path.exists(pin):
        os.unlink(pin)
    else:
        end.namespace.run("tc", "filter", "del", "dev", "eth0", "ingress")


def test_the_program_at_tc_ingress_belongs_to_every_mode_and_is_missed_when_it_is_gone(hosts, mode):
    a, b = between_two_hosts(hosts, mode)
    assert a.show()["missing"] == []
    take_away_tc_ingress(a)
    assert a.show()["missing"] == ["decap"]
    assert "  missing: decap\n" in text(a)
    a.attach()
    assert a.show()["missing"] == [] and a.show()["mode"] == mode
    with carrying(hosts, a, b):
        assert ping(hosts.a, INNER_A, INNER_B) == []
    a.detach()
    b.detach()


@pytest.mark.parametrize("name, left", (("paths", set()), ("paths_until", {B})))
def test_a_map_of_the_ways_that_is_gone_is_missed_and_made_anew(end, name, left):
    teach(end, B, 1400, 593)
    os.unlink(f"{end.pins}/{name}")
    assert end.show()["missing"] == [f"map {name}"]
    done = end.command("peer", "set", "eth0", "remote", B, "ttl", "9")
    assert done.returncode == 1 and f"{name} is missing" in done.stderr
    end.attach()
    assert end.show()["missing"] == []
    assert known(end) == left
