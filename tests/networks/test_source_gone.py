# SPDX-License-Identifier: GPL-2.0-only
"""The source of a tunnel's routes, taken from the host: the kernel takes the routes too, and makes none without it."""
import pytest

from .checking import SILENCE_SECONDS, check, flows, follow, run_command
from .program import End
from .topology import A, B, INNER_A, INNER_B

SECOND, SECOND_SOURCE = "172.16.1.70", "192.168.1.2"
SENTENCE = f"src {INNER_A} is no address of this host: 'ip address add {INNER_A}/32 dev lo'"


def of_the_device(end):
    end.attach("src", INNER_A)
    end.peer(B, "prefix", INNER_B)


def of_the_peer(end):
    end.attach()
    end.peer(B, "src", INNER_A, "prefix", INNER_B)


def of_the_prefix(end):
    end.attach()
    end.peer(B)
    end.do("prefix add", INNER_B, "remote", B, "src", INNER_A)


@pytest.fixture(params=(of_the_device, of_the_peer, of_the_prefix), ids=lambda given: given.__name__)
def end(request, two_hosts):
    """A, whose tunnel to B has lost its source."""
    other = End(two_hosts.b)
    other.attach("src", INNER_B)
    other.peer(A, "prefix", INNER_A)
    attached = End(two_hosts.a)
    request.param(attached)
    assert flows(two_hosts)
    two_hosts.a.ip(f"addr del {INNER_A}/32 dev lo")
    return attached


def test_attach_names_it_and_what_mends_it(end):
    done = end.command("attach", "eth0")
    assert done.returncode == 1 and done.stderr == f"ipipbpf: {SENTENCE} makes it one\n"


def test_check_names_it_and_what_mends_it(end, two_hosts):
    found = check(end)
    line, = found.of("attach")
    assert (line["severity"], line["what"]) == ("error", f"{SENTENCE} makes it one")
    assert line["command"] == f"ip -n {two_hosts.a.name} address add {INNER_A}/32 dev lo"
    assert check(end, "--fix").lines == found.lines and not flows(two_hosts, SILENCE_SECONDS)
    follow(end)
    assert flows(two_hosts)


def test_the_command_of_a_route_that_went_with_it_works_by_itself_and_again(end, two_hosts):
    line, = check(end).of("attachment")
    assert line["what"] == f"route {INNER_B}/32 is missing"
    for _ in range(2):
        run_command(line)
    assert check(end).in_the_way == [] and flows(two_hosts)


def test_show_names_what_attach_needs_to_put_it_back(end, two_hosts):
    attach = f"ipipbpf -n {two_hosts.a.name} attach eth0"
    shown = end.command("show").stdout
    assert f"  missing: route {INNER_B}/32\n    {SENTENCE}, then '{attach}' puts it back\n" in shown
    assert f"    '{attach}' puts it back\n" not in shown
    assert end.show()["missing"] == [f"route {INNER_B}/32"]


def test_show_names_each_of_several_once(two_hosts):
    end = End(two_hosts.a)
    two_hosts.a.ip(f"addr add {SECOND_SOURCE}/32 dev lo")
    end.attach()
    end.peer(B, "src", INNER_A, "prefix", "10.1.0.0/16", "prefix", "10.2.0.0/16")
    end.peer(SECOND, "src", SECOND_SOURCE, "prefix", "10.3.0.0/16")
    two_hosts.a.ip(f"addr del {INNER_A}/32 dev lo", f"addr del {SECOND_SOURCE}/32 dev lo")
    lines = [line.strip() for line in end.command("show").stdout.splitlines()]
    first = lines.index("missing: route 10.1.0.0/16")
    assert lines[first + 1] == "missing: route 10.2.0.0/16" and lines[first + 2].startswith(f"src {INNER_A} ")
    assert lines[first + 3] == "missing: route 10.3.0.0/16" and lines[first + 4].startswith(f"src {SECOND_SOURCE} ")


def test_a_prefix_of_a_peer_whose_source_is_gone_is_refused(two_hosts):
    end = End(two_hosts.a)
    of_the_peer(end)
    two_hosts.a.ip(f"addr del {INNER_A}/32 dev lo")
    done = end.command("prefix", "add", "eth0", "10.1.0.0/16", "remote", B)
    assert done.returncode == 1 and done.stderr == f"ipipbpf: {SENTENCE} makes it one\n"
    end.do("prefix del", INNER_B)
