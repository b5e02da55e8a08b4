# SPDX-License-Identifier: GPL-2.0-only
"""Where there is nothing that `explain` could explain rightly, it says so; and of another version's programs, too."""
import json
import os

import pytest

from .explaining import explain_one, program_at
from .program import End, bpffs, ipipbpf, succeed
from .strangers import exchange
from .topology import A, B, INNER_A, INNER_B
from .tunnels import between_two_hosts

FAILED = 1
PACKET = ("from", INNER_A, "to", INNER_B)


@pytest.fixture
def end(two_hosts):
    return between_two_hosts(two_hosts, "tc")[0]


def check_refused(done, *named):
    assert (done.returncode, done.stdout) == (FAILED, ""), done.stderr
    lines = done.stderr.splitlines()
    assert len(lines) == 1 and lines[0].startswith("ipipbpf: ") and "warning" not in lines[0], done.stderr
    for thing in named:
        assert thing in lines[0], f"{thing!r} is not named: {lines[0]}"


def explain(end, *words, **options):
    return end.command("explain", end.device, *words, **options)


def test_a_device_that_is_not_attached(two_hosts):
    check_refused(explain(End(two_hosts.a), *PACKET), "eth0 is not attached", "attach eth0")
    check_refused(explain(End(two_hosts.a, "eth9"), *PACKET), "eth9 is not attached")


def test_a_device_that_is_gone(end):
    end.namespace.ip("link del eth0")
    check_refused(explain(end, *PACKET), "eth0", "gone")


@pytest.mark.parametrize("name", ("prefixes", "peers", "paths"))
def test_a_map_that_is_gone(end, name):
    os.unlink(f"{end.pins}/{name}")
    check_refused(explain(end, *PACKET), name, "attach eth0")


@pytest.mark.parametrize("name, side", (("encap", "egress"), ("decap", "ingress")))
def test_a_program_that_is_gone(end, name, side):
    pin = f"{end.pins}/link_{name}"
    if os.path.exists(pin):
        os.unlink(pin)
    else:  # before Linux 6.6 there are filters in place of links
        end.namespace.run("tc", "filter", "del", "dev", "eth0", side)
    check_refused(explain(end, *PACKET), name, "attach eth0")
    end.attach()
    assert explain_one(end, *PACKET)["verdict"] == "encap_ok"


def test_an_xdp_program_that_is_gone(two_hosts):
    end, _ = between_two_hosts(two_hosts, "native")
    if os.path.exists(f"{end.pins}/link_xdp"):
        os.unlink(f"{end.pins}/link_xdp")
    else:
        end.namespace.run("xdp-loader", "unload", "eth0", "--all")
    check_refused(explain(end, *PACKET), "decap", "attach eth0")


def put_encap_in_the_place_of_decap(end):
    encap = program_at(end, "egress")
    if os.path.exists(f"{end.pins}/link_decap"):
        exchange(f"{end.pins}/link_decap", encap)
        return
    pin = f"{bpffs()}/encap-of-{end.namespace.name}"
    end.namespace.run("bpftool", "prog", "pin", "id", str(encap), pin)
    shown, = json.loads(end.namespace.run("tc", "-j", "filter", "show", "dev", "eth0", "ingress"))[-1:]
    end.namespace.run("tc", "filter", "replace", "dev", "eth0", "ingress", "prio", str(shown["pref"]), "handle", "4",
                      "bpf", "da", "object-pinned", pin)
    os.unlink(pin)


def test_the_programs_of_another_version_are_told_of(end):
    """Whatever does the same with other code: here, what does something else."""
    put_encap_in_the_place_of_decap(end)
    done = explain(end, *PACKET)
    assert done.returncode == 0 and "verdict: encap_ok" in done.stdout
    assert done.stderr.startswith("ipipbpf: warning: ") and "another version" in done.stderr
    assert "attach eth0" in done.stderr
    end.attach()
    assert explain(end, *PACKET).stderr == ""


def test_a_tunnel_that_nobody_can_tell(end):
    check_refused(explain(end, "from", "10.9.9.9", "to", INNER_A, "in"), "10.9.9.9", "via REMOTE", "via none")
    end.peer("any", "prefix", "10.7.0.0/16")
    check_refused(explain(end, "from", "10.7.0.1", "to", INNER_A), "10.7.0.1", "any", "via")


def test_without_the_rights_for_it(end):
    os.chmod(bpffs(), 0o755)
    for drop in (("--reuid=65534", "--regid=65534", "--clear-groups"), ("--bounding-set=-bpf,-sys_admin",)):
        with end.namespace.entered():
            done = end.command("explain", "eth0", *PACKET, prefix=("setpriv", *drop))
        check_refused(done, "root")


def test_it_needs_no_more_than_these_rights(two_hosts):
    """Inside the namespace, so that none is needed to get there."""
    rights = ("setpriv", "--bounding-set=-all,+bpf,+net_admin,+perfmon", "--no-new-privs")
    with two_hosts.a.entered():
        succeed(ipipbpf("attach", "eth0", "src", INNER_A))
        succeed(ipipbpf("peer", "add", "eth0", "remote", B, "prefix", INNER_B))
        done = ipipbpf("explain", "eth0", *PACKET, prefix=rights)
        succeed(ipipbpf("detach", "eth0"))
    assert (done.returncode, done.stderr) == (0, "") and "verdict: encap_ok" in done.stdout


@pytest.mark.parametrize("address", (A, B))
def test_addresses_that_no_prefix_holds(end, address):
    seen = explain_one(end, "from", address, "to", "10.66.0.9")
    assert (seen["verdict"], seen["fate"]) == (None, "untouched")
