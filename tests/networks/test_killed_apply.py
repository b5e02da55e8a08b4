# SPDX-License-Identifier: GPL-2.0-only
"""`apply` that is killed (SIGKILL) before any of its steps: what it leaves alone goes on, and apply again ends right."""
import pytest

from .config import File, peer, section
from .program import End, plain_binary
from .snapshot import differences, state, without_ids
from .test_killed import kill_at, moments
from .topology import A, B, INNER_A, INNER_B
from .traffic import ping

C, D = "172.16.1.70", "172.16.1.71"
ATTACH = section("Attach", Src=INNER_A, Mode="tc")
STILL = peer(B, INNER_B, "10.1.0.0/16")
# What was there before, and what is applied.
STORIES = {
    "the first": ((), (ATTACH, STILL)),
    "peers and prefixes": ((ATTACH, STILL, peer(C, "10.2.0.0/16", "10.3.0.0/16", Src=INNER_A)),
                           (ATTACH, peer(B, INNER_B, "10.1.0.0/16", "10.2.0.0/16", TTL=9),
                            peer(D, f"10.4.0.0/16 src {INNER_A}", Src=INNER_A), "[Bare]\nPrefixes = 10.1.7.0/24\n")),
    "options and mode": ((ATTACH, STILL), (section("Attach", Src=INNER_A, Mode="native", Rpf="loose", TTL=9), STILL)),
    "from native to tc without routes": ((section("Attach", Src=INNER_A, Mode="native"), STILL),
                                         (section("Attach", Routes="off", Mode="tc"), STILL)),
}


def comparable(namespace):
    return without_ids(state(namespace))


def exact(end):
    """All of the attachment but its counters, which others may have made move."""
    shown = end.show()
    for peer_shown in shown["peers"]:
        for counter in ("tx_packets", "tx_bytes", "rx_packets", "rx_bytes", "drops"):
            del peer_shown[counter]
    del shown["verdicts"]
    return shown


@pytest.mark.parametrize("story", STORIES.values(), ids=STORIES.keys())
def test_killed_at_any_point_of_apply(two_hosts, tmp_path, story):
    first, second = story
    a, b = End(two_hosts.a), End(two_hosts.b)
    b.attach("src", INNER_B)
    b.peer(A, "prefix", INNER_A)
    folders = [tmp_path / name for name in ("first", "second")]
    for folder in folders:
        folder.mkdir()
    old, new = (File(a, folder).write(*sections) for folder, sections in zip(folders, story))
    before = comparable(two_hosts.a)
    new.apply(program=plain_binary())
    whole, shown = comparable(two_hosts.a), exact(a)

    def go_back():
        if not first:
            a.command("detach", "eth0", program=plain_binary())
            assert differences(before, comparable(two_hosts.a)) == []
            return
        old.apply(program=plain_binary())
        assert old.difference(program=plain_binary()) == []

    go_back()
    chosen = moments(a, ("apply", str(new.path)))
    for call, count in chosen:
        go_back()
        kill_at(a, ("apply", str(new.path)), call, count)
        if first and "off" not in second[0]:
            assert ping(two_hosts.a, INNER_A, INNER_B) == [], f"killed before {call} {count}"
        new.apply(program=plain_binary())
        assert differences(whole, comparable(two_hosts.a)) == [], f"killed before {call} {count}"
        assert exact(a) == shown and new.difference(program=plain_binary()) == []
    a.detach()
    assert differences(before, comparable(two_hosts.a)) == []
