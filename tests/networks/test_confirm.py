# SPDX-License-Identifier: GPL-2.0-only
"""`apply --confirm`: what was there comes back unless somebody confirms, whatever became of him who applied."""
import os
import pty
import signal
import time

import pytest

from .config import File, export, peer, section
from .program import End, environment, pin_name, plain_binary
from .snapshot import differences, state, without_ids
from .test_killed import moments
from .topology import B, INNER_A, INNER_B

RECORDS = "/run/ipipbpf"
PATIENCE_SECONDS = 20
ATTACH = section("Attach", Src=INNER_A, Mode="tc")


class Guarded(File):
    """A file with the record of its end's old state."""

    @property
    def record(self):
        return f"{RECORDS}/{pin_name(self.end.namespace.name)}:{pin_name(self.end.device)}.conf"

    def pending(self):
        return os.path.exists(self.record)

    def guard(self):
        """The process that would put the old state back."""
        with open(self.record, encoding="ascii") as file:
            return int(file.readline().split()[2])

    def come_back(self):
        """Waits until nothing is to be confirmed any more."""
        wait_for(lambda: not self.pending())


def wait_for(condition):
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def is_running(process):
    return os.path.exists(f"/proc/{process}")


@pytest.fixture
def file(two_hosts, tmp_path):
    """Attached, with one peer; the file says another."""
    made = Guarded(End(two_hosts.a), tmp_path)
    made.write(ATTACH, peer(B, INNER_B, f"10.1.0.0/16 src {INNER_A}")).apply()
    made.before, made.old = state(two_hosts.a), export(made.end)
    made.write(section("Attach", Src=INNER_A, Mode="tc", TTL=9), peer("172.16.1.70", INNER_B))
    yield made
    if made.pending():
        made.end.do("confirm")
    assert not os.path.exists(made.record)


def test_what_nobody_confirms_is_put_back(file, two_hosts):
    warning, = file.apply("--confirm", "1")
    assert "in 1 seconds" in warning and "confirm eth0" in warning
    assert file.difference() == []
    guard = file.guard()
    file.come_back()
    wait_for(lambda: not is_running(guard))
    assert export(file.end) == file.old and differences(file.before, state(two_hosts.a)) == []


def test_what_is_confirmed_stays(file):
    file.apply("--confirm", "2")
    guard = file.guard()
    assert file.end.do("confirm") == []
    assert not file.pending()
    wait_for(lambda: not is_running(guard))
    assert file.difference() == []
    done = file.end.command("confirm", "eth0")
    assert done.returncode == 1 and "eth0" in done.stderr


def test_what_was_not_attached_is_detached(two_hosts, tmp_path):
    file = Guarded(End(two_hosts.a), tmp_path).write(ATTACH, peer(B, INNER_B))
    before = state(two_hosts.a)
    file.apply("--confirm", "1")
    assert file.difference() == []
    file.come_back()
    assert differences(before, state(two_hosts.a)) == []


def test_nothing_to_change_leaves_nothing_to_confirm(file):
    file.apply()
    assert file.apply("--confirm", "60") == [] and not file.pending()


def test_another_apply_meanwhile_says_who_waits(file):
    file.apply("--confirm", "60")
    applied, other = export(file.end), file.path.parent / "other.conf"
    other.write_text(section("Attach", Device="eth0"))
    for words in (("apply",), ("apply", "--confirm", "9")):
        done = file.end.command(*words, str(other))
        assert done.returncode == 1 and done.stderr.count("\n") == 1 and str(file.guard()) in done.stderr, done.stderr
    assert export(file.end) == applied
    assert "- peer 172.16.1.70" in file.end.command("apply", "--dry-run", str(other)).stdout
    file.end.do("confirm")
    file.apply()


def test_the_terminal_that_ran_it_dies(file, two_hosts):
    words = f"{plain_binary()} -n {two_hosts.a.name} apply --confirm 1 {file.path}; exec cat"
    process, terminal = pty.fork()
    if not process:
        # Whoever started the tests may ignore it (nohup), and children would too.
        signal.signal(signal.SIGHUP, signal.SIG_DFL)
        os.execve("/bin/sh", ["sh", "-c", words], environment())
    wait_for(file.pending)
    guard = file.guard()
    os.close(terminal)
    assert os.waitpid(process, 0)[1] == signal.SIGHUP
    file.come_back()
    wait_for(lambda: not is_running(guard))
    assert export(file.end) == file.old and differences(file.before, state(two_hosts.a)) == []


def test_a_hangup_does_not_stop_it(file):
    file.apply("--confirm", "1")
    os.kill(file.guard(), signal.SIGHUP)
    file.come_back()
    assert export(file.end) == file.old


def test_nobody_waits_for_its_output(file):
    """A script that reads what apply prints gets the end of it at once, and so does an ssh that ran it."""
    before = time.monotonic()
    file.apply("--confirm", "60")
    assert time.monotonic() - before < 30


def test_an_apply_that_is_killed_half_way_is_put_back(file, two_hosts):
    words = ("apply", "--confirm", "1", str(file.path))
    chosen = [moment for moment in moments(file.end, words) if moment[0] in ("bpf", "sendto")]
    file.come_back()
    whole = without_ids(state(two_hosts.a))
    for call, count in chosen[::3]:
        # Without -f, so that the process that it starts is not killed as well.
        done = file.end.command(*words, program=plain_binary(), prefix=(
            "strace", "-qq", "-o", "/dev/null", "-e", f"trace={call}",
            "-e", f"inject={call}:signal=SIGKILL:when={count}"))
        assert done.returncode in (0, -signal.SIGKILL, 128 + signal.SIGKILL)
        if file.pending():
            file.come_back()
        assert differences(whole, without_ids(state(two_hosts.a))) == [], f"killed before {call} {count}"
        assert export(file.end) == file.old


def test_a_failure_leaves_nothing_to_confirm(file):
    file.write(ATTACH, peer(B, "10.1.0.0/16 src 10.9.9.9"))
    assert file.end.command("apply", "--confirm", "60", str(file.path)).returncode == 1
    assert not file.pending() and export(file.end) == file.old
    file.write(ATTACH, peer("172.16.1.71", "10.1.0.0/16"))
    prefix = ("strace", "-qq", "-o", "/dev/null", "-e", "trace=bpf", "-e", "inject=bpf:error=EPERM:when=60+")
    done = file.end.command("apply", "--confirm", "60", str(file.path), program=plain_binary(), prefix=prefix)
    assert done.returncode == 1 and not file.pending()


def test_a_record_whose_process_is_gone_is_of_no_account(file):
    file.apply("--confirm", "60")
    os.kill(file.guard(), signal.SIGKILL)
    wait_for(lambda: not is_running(file.guard()))
    assert file.end.command("confirm", "eth0").returncode == 1
    # What it held lies there, and can be applied.
    done = file.end.command("apply", file.record)
    assert done.returncode == 0 and export(file.end) == file.old
    file.apply("--confirm", "60")
    file.end.do("confirm")


def test_what_no_file_can_say_is_not_put_at_risk(file):
    file.end.update("peers", (172, 16, 1, 80), bytes([0] * 10 + [1] + [0] * 21))
    done = file.end.command("apply", "--confirm", "60", str(file.path))
    assert done.returncode == 1 and "172.16.1.80" in done.stderr and not file.pending()
    assert "- peer 172.16.1.80" in file.difference()


def test_confirm_and_the_end_of_the_time_at_once(file):
    """Either it was confirmed, and the new state stays, or it was not, and the old one is there."""
    new = None
    for _ in range(5):
        file.apply("--confirm", "1")
        new = new or export(file.end)
        time.sleep(0.97)
        done = file.end.command("confirm", "eth0", program=plain_binary())
        file.come_back()
        assert export(file.end) == (file.old if done.returncode else new)
        old = file.path.parent / "old.conf"
        old.write_text(file.old.replace("[Attach]\n", "[Attach]\nDevice = eth0\n"))
        assert file.end.command("apply", str(old)).returncode == 0
