# SPDX-License-Identifier: GPL-2.0-only
"""A `local` that is no address of this host, at which no tunnel arrives: whoever sets one is told so, by a warning."""
import pytest

from .config import File, peer, section
from .program import End
from .topology import A, B, INNER_A, INNER_B

C, D = "172.16.1.70", "172.16.1.71"
ELSEWHERE, NOWHERE = "172.16.16.98", "172.16.16.99"


def warning(local):
    return f"ipipbpf: warning: local {local} is no address of this host"


@pytest.fixture
def end(two_hosts):
    """A attached, with no peer."""
    attached = End(two_hosts.a)
    attached.attach("src", INNER_A)
    return attached


def test_of_a_device(end):
    assert end.attach("local", A) == []
    assert end.attach("local", NOWHERE) == [warning(NOWHERE)]


def test_of_a_peer(end):
    assert end.peer(B, "local", A) == [] and end.peer(C) == []
    assert end.peer(D, "local", NOWHERE, "prefix", INNER_B) == [warning(NOWHERE)]
    assert end.do("peer set", "remote", B, "local", ELSEWHERE) == [warning(ELSEWHERE)]
    assert end.do("peer set", "remote", B, "local", A) == []
    assert end.do("peer del", "remote", D) == []


def test_of_the_peers_in_a_file_once_for_each_address(end, tmp_path):
    file = File(end, tmp_path).write(section("Attach", Src=INNER_A), peer(B, Local=NOWHERE), peer(C, Local=ELSEWHERE),
                                     peer(D, Local=NOWHERE), peer("any", Local=A))
    assert file.difference() != []
    assert file.apply() == [warning(ELSEWHERE), warning(NOWHERE)]
