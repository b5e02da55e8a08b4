# SPDX-License-Identifier: GPL-2.0-only
"""The unit of systemd and what runs beside it: accepted, hardened, and with room for all that the program does."""
import os
import pathlib
import re
import subprocess

import pytest

from networks.fixtures import two_hosts  # noqa: F401
from networks.program import MODES, STRACE, End, ipipbpf, plain_binary, succeed
from networks.test_least_privilege import BOUNDED, CAPABILITIES
from networks.topology import B, INNER_B

ROOT = pathlib.Path(__file__).resolve().parent.parent
SOURCE = (ROOT / "systemd/ipipbpf@.service.in").read_text(encoding="utf-8")
UNIT = "ipipbpf@eth0.service"
# 0 to 10; from 5.0 on the word is no longer "OK" or better.
EXPOSURE_OK = 4.9


def setting(name):
    """The words of a setting of the unit."""
    return re.search(rf"^{name}=(.*)$", SOURCE, re.MULTILINE)[1].split()


@pytest.fixture
def unit(tmp_path):
    """The unit as `make install` writes it, for a program that is there."""
    path = tmp_path / "ipipbpf@.service"
    path.write_text(SOURCE.replace("@sbindir@/ipipbpf", plain_binary()), encoding="utf-8")
    (tmp_path / UNIT).symlink_to(path)
    return tmp_path / UNIT


def systemd_analyze(*words):
    return subprocess.run(["systemd-analyze", "--no-pager", *words], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True, check=False)


def test_systemd_finds_nothing_to_say(unit):
    done = systemd_analyze("verify", "--man=no", unit)
    assert (done.returncode, done.stdout) == (0, "")
    unit.write_text(unit.read_text().replace("Type=oneshot", "Type=often"))
    assert "often" in systemd_analyze("verify", "--man=no", unit).stdout


def test_its_exposure_is_ok(unit):
    done = systemd_analyze("security", "--offline=yes", f"--threshold={EXPOSURE_OK * 10:.0f}", unit)
    assert done.returncode == 0, done.stdout
    assert float(re.search(r"Overall exposure level for \S+: ([\d.]+)", done.stdout)[1]) <= EXPOSURE_OK


def allowed_calls():
    """The system calls of the unit's filter, sets spelt out."""
    names, left = set(), list(setting("SystemCallFilter"))
    while left:
        name = left.pop()
        if name.startswith("@"):
            lines = systemd_analyze("syscall-filter", name).stdout.splitlines()
            left += [line.strip() for line in lines[1:] if not line.strip().startswith("#") and line.strip()]
        else:
            names.add(name)
    return names


CONFIG = f"[Attach]\nMode = {{}}\n[Peer]\nRemote = {B}\nPrefixes = {INNER_B}\n"


def life(directory):
    """What the unit runs, in words: its start, a reload for each mode, its stop."""
    path = directory / "eth0.conf"
    for mode in MODES:
        path.write_text(CONFIG.format(mode), encoding="utf-8")
        yield "apply", str(path)
    path.write_text("[Attach]\n", encoding="utf-8")
    yield "apply", str(path)
    yield "detach", "eth0"


def test_it_runs_these_commands():
    assert [setting(name)[1] for name in ("ExecStart", "ExecReload", "ExecStop")] == ["apply", "apply", "detach"]


def test_every_system_call_passes_the_filter(two_hosts, tmp_path):  # noqa: F811
    end, log = End(two_hosts.a), tmp_path / "calls"
    for words in life(tmp_path):
        succeed(end.command(*words, prefix=(*STRACE, "-A", "-o", str(log)), program=plain_binary()))
    calls = set(re.findall(r"^(?:\d+ +)?(\w+)\(", log.read_text(), re.MULTILINE))
    assert {"bpf", "sendto"} <= calls and calls <= allowed_calls()
    families = set(re.findall(r"socket\((AF_\w+)", log.read_text()))
    assert "AF_NETLINK" in families and families <= set(setting("RestrictAddressFamilies"))


def test_its_capabilities_are_enough(two_hosts, tmp_path):  # noqa: F811
    """Inside the namespace, so that none is needed to get there."""
    assert [name.removeprefix("CAP_").lower() for name in setting("CapabilityBoundingSet")] == [*CAPABILITIES]
    with two_hosts.a.entered():
        for words in life(tmp_path):
            succeed(ipipbpf(*words, prefix=BOUNDED))


@pytest.fixture
def hook(tmp_path):
    """Runs the hook of network managers; what it asks systemd for."""
    log = tmp_path / "log"
    (tmp_path / "systemctl").write_text(f'#!/bin/sh\necho "$@" >>{log}\n')
    (tmp_path / "systemctl").chmod(0o755)

    def run(*words, **variables):
        log.write_text("")
        subprocess.run([ROOT / "systemd/if-up", *words], check=True,
                       env={"PATH": f"{tmp_path}:{os.environ['PATH']}", **variables})
        return log.read_text()
    return run


@pytest.mark.parametrize("words, variables", (((), {"IFACE": "br-lan"}), (("br-lan", "up"), {})),
                         ids=("ifupdown and networkd-dispatcher", "NetworkManager"))
def test_a_device_that_comes_up_has_its_tunnels_put_right(hook, words, variables):
    assert hook(*words, **variables) == "--no-block try-reload-or-restart ipipbpf@br\\x2dlan.service\n"


@pytest.mark.parametrize("words", (("eth0", "down"), ("", "hostname"), ()))
def test_other_events_are_left_alone(hook, words):
    assert hook(*words) == ""
