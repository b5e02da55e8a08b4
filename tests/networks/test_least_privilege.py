# SPDX-License-Identifier: GPL-2.0-only
"""All commands with CAP_BPF, CAP_NET_ADMIN and CAP_PERFMON alone, inside of the namespace: to enter one needs more."""
import json
import shutil

import pytest

from .config import File, peer, section
from .older import HAS_TCX
from .program import End, bpffs, ipipbpf, succeed
from .snapshot import differences, state, without_ids
from .topology import A, B, INNER_A, INNER_B
from .traffic import ping

CAPABILITIES = ("bpf", "net_admin", "perfmon")
BOUNDED = ("setpriv", "--bounding-set", ",".join(("-all", *(f"+{name}" for name in CAPABILITIES))), "--no-new-privs")


def words_of(mode, file):
    """Each command at least once."""
    yield "attach", "eth0", "mode", mode, "src", INNER_A
    yield "attach", "eth0", "rpf", "loose"
    yield "peer", "add", "eth0", "remote", B, "prefix", INNER_B
    yield "peer", "set", "eth0", "remote", B, "ttl", "9"
    yield "prefix", "add", "eth0", "10.1.0.0/16", "remote", B
    yield "prefix", "replace", "eth0", "10.1.0.0/16", "bare"
    yield "prefix", "del", "eth0", "10.1.0.0/16"
    # Of layout 1 no program is pinned: where filters hold them, only CAP_SYS_ADMIN may ask whose they are.
    if HAS_TCX:
        yield "migrate", "eth0", "layout", "1"
    yield "export", "eth0"
    yield ("show",)
    yield ("stats",)
    yield "stats", "openmetrics"
    yield "apply", "--confirm", "60", str(file.path)
    yield "confirm", "eth0"
    yield "apply", "--dry-run", str(file.path)
    yield "peer", "del", "eth0", "remote", B
    yield "apply", str(file.path)


@pytest.fixture(autouse=True)
def no_pins_are_left():
    """Those of an attachment without -n, where the test failed."""
    yield
    shutil.rmtree(f"{bpffs()}/ipipbpf/eth0", ignore_errors=True)


@pytest.fixture
def far_end(two_hosts):
    b = End(two_hosts.b)
    b.attach("src", INNER_B)
    b.peer(A, "prefix", INNER_A)


def test_every_command_is_done_and_detach_leaves_nothing(two_hosts, far_end, tmp_path, mode):
    before = state(two_hosts.a)
    file = File(End(two_hosts.a), tmp_path).write(section("Attach", Mode=mode, Src=INNER_A), peer(B, INNER_B))
    with two_hosts.a.entered():
        for words in words_of(mode, file):
            succeed(ipipbpf(*words, prefix=BOUNDED))
        shown, = json.loads(ipipbpf("-j", "show", prefix=BOUNDED).stdout)
        assert shown["missing"] == [] and shown["mode"] == mode
        assert ping(two_hosts.a, INNER_A, INNER_B) == []
        succeed(ipipbpf("detach", "eth0", prefix=BOUNDED))
    assert differences(before, state(two_hosts.a)) == []


def test_what_is_attached_is_as_root_would_have_it(two_hosts, tmp_path, mode):
    """But that among XDP programs ours stands alone."""
    file = File(End(two_hosts.a), tmp_path).write(section("Attach", Mode=mode, Src=INNER_A), peer(B, INNER_B))
    seen = []
    for prefix in ((), BOUNDED):
        with two_hosts.a.entered():
            succeed(ipipbpf("apply", str(file.path), prefix=prefix))
            succeed(ipipbpf("attach", "eth0", prefix=prefix))
        seen.append(without_ids(state(two_hosts.a)))
        with two_hosts.a.entered():
            succeed(ipipbpf("detach", "eth0", prefix=prefix))
    for here in seen:
        for link in here["A"]["links"]:
            link["xdp"] = "xdp" in link
        here["pinned"] = [path for path in here["pinned"] if not path.endswith("/link_xdp")]
    assert differences(*seen) == []
