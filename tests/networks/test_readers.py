# SPDX-License-Identifier: GPL-2.0-only
"""Members of a group read what root attached, if root made the folder for them; and change nothing."""
import os
import stat

import pytest

from programs.bpf import KERNEL

from .program import End, bpffs, ipipbpf, succeed
from .snapshot import differences, state
from .topology import A, B, INNER_A, INNER_B
from .traffic import ping

NOBODY, GROUP, STRANGERS = "65534", 54321, 54322
FOLDER = 0o2750
# Before, unprivileged processes had no use of bpf() while kernel.unprivileged_bpf_disabled is set, as it is by default.
MAY_READ = KERNEL >= (6, 1)


def member_of(group):
    return ("setpriv", f"--reuid={NOBODY}", f"--regid={group}", "--clear-groups")


@pytest.fixture(scope="module", params=("native", "tc"))
def mode(request):
    return request.param


@pytest.fixture
def shared():
    """The bpffs and `ipipbpf` in it, as README tells to make them."""
    folder = f"{bpffs()}/ipipbpf"
    root = os.stat(bpffs())
    os.chown(bpffs(), 0, GROUP)
    os.chmod(bpffs(), 0o750)
    os.mkdir(folder)
    os.chown(folder, 0, GROUP)
    os.chmod(folder, FOLDER)
    yield folder
    os.rmdir(folder)
    os.chown(bpffs(), root.st_uid, root.st_gid)
    os.chmod(bpffs(), stat.S_IMODE(root.st_mode))


@pytest.fixture
def attached(two_hosts, shared, mode):
    a, b = End(two_hosts.a), End(two_hosts.b)
    with two_hosts.a.entered():
        succeed(ipipbpf("attach", "eth0", "src", INNER_A, "mode", mode))
        succeed(ipipbpf("peer", "add", "eth0", "remote", B, "prefix", INNER_B))
    b.attach("src", INNER_B)
    b.peer(A, "prefix", INNER_A)
    assert ping(two_hosts.a, INNER_A, INNER_B) == []
    yield a
    with two_hosts.a.entered():
        succeed(ipipbpf("detach", "eth0"))
    b.detach()
    assert stat.S_IMODE(os.stat(shared).st_mode) == FOLDER and os.listdir(shared) == []


def run(namespace, group, *words):
    with namespace.entered():
        return ipipbpf(*words, prefix=member_of(group))


READING = (("-j", "show"), ("show", "eth0"), ("stats", "eth0"), ("-j", "stats"), ("export", "eth0"))


@pytest.mark.parametrize("words", READING, ids=" ".join)
def test_a_member_reads_what_root_reads(two_hosts, attached, words):
    with two_hosts.a.entered():
        expected = ipipbpf(*words)
    done = run(two_hosts.a, GROUP, *words)
    if MAY_READ:
        assert (done.returncode, done.stdout, done.stderr) == (0, expected.stdout, "")
    else:
        check_refused(done)


def test_a_member_reads_the_larger_map_that_took_the_place_of_one(two_hosts, attached):
    many = [word for number in range(1100) for word in ("prefix", f"10.{100 + (number >> 8)}.{number & 255}.0/24")]
    with two_hosts.a.entered():
        succeed(ipipbpf("peer", "set", "eth0", "remote", B, "prefix", INNER_B, *many))
        expected = ipipbpf("export", "eth0").stdout
    done = run(two_hosts.a, GROUP, "export", "eth0")
    assert expected.count(".0/24") == 1100
    if MAY_READ:
        assert (done.returncode, done.stdout, done.stderr) == (0, expected, "")
    else:
        check_refused(done)


def check_refused(done):
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1), done
    assert "root" in done.stderr


@pytest.mark.parametrize("words", (*READING, ("attach", "eth0"), ("detach", "eth0"), ("migrate", "eth0", "layout", "1")),
                         ids=" ".join)
def test_others_are_refused(two_hosts, attached, words):
    before = state(two_hosts.a)
    check_refused(run(two_hosts.a, STRANGERS, *words))
    if words not in READING:
        check_refused(run(two_hosts.a, GROUP, *words))
    assert differences(before, state(two_hosts.a)) == []


def test_maps_are_for_the_group_to_read_and_nothing_else_is(two_hosts, attached, shared):
    with two_hosts.a.entered():
        for words in ((), ("migrate", "eth0", "layout", "1"), ("attach", "eth0")):
            if words:
                succeed(ipipbpf(*words))
            modes = {name: stat.S_IMODE(os.stat(f"{shared}/eth0/{name}").st_mode)
                     for name in os.listdir(f"{shared}/eth0")}
            owned = {name for name, mode in modes.items() if mode & 0o077}
            assert {"meta", "peers", "prefixes"} <= owned == {name for name in modes
                                                              if not name.startswith(("link_", "program_"))}
            assert all(modes[name] == 0o640 and os.stat(f"{shared}/eth0/{name}").st_gid == GROUP for name in owned)
            assert stat.S_IMODE(os.stat(f"{shared}/eth0").st_mode) == FOLDER


def test_without_that_nobody_else_reads(two_hosts):
    a = End(two_hosts.a)
    a.attach()
    assert all(os.stat(f"{a.pins}/{name}").st_mode & 0o077 == 0 for name in os.listdir(a.pins))
    assert os.stat(a.pins).st_mode & 0o077 == 0 == os.stat(f"{bpffs()}/ipipbpf").st_mode & 0o077
