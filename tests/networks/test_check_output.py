# SPDX-License-Identifier: GPL-2.0-only
"""How `check` prints what it found, and how it says that it cannot look."""
import os
import pty
import subprocess

from .checking import check
from .program import End, binary, environment


def test_the_text_is_aligned_and_has_no_colour_in_a_pipe(tunnel):
    end, _ = tunnel.ends
    tunnel.a.sysctl("net.ipv4.conf.lo.forwarding", 0)
    done = end.command("check", "eth0")
    assert done.returncode == 2 and "\033" not in done.stdout
    lines = done.stdout.splitlines()
    assert "  error    attachment      sysctl net.ipv4.conf.lo.forwarding is missing" in lines
    assert f"                           mend: ipipbpf -n {tunnel.a.name} attach eth0" in lines
    assert all(line in ("machine", "eth0") or line.startswith("  ") for line in lines)


def test_on_a_terminal_the_severity_has_a_colour(host):
    master, slave = pty.openpty()
    done = subprocess.run([binary(), "-n", host.name, "check", "eth0"], stdout=slave, check=False,
                          env=environment(TERM="xterm", NO_COLOR=None))
    os.close(slave)
    printed = os.read(master, 1 << 16).decode()
    os.close(master)
    assert done.returncode == 0 and "\033[32mok" in printed and "\033[0m" in printed


def test_many_alike_are_counted_in_the_text_and_listed_in_json(tunnel):
    end, _ = tunnel.ends
    for number in range(1, 26):
        end.peer(f"172.16.2.{number}")
    tunnel.a.ip("route add blackhole 172.16.2.0/24")
    assert len(check(end).in_the_way) == 25
    text = end.command("check", "eth0").stdout
    assert text.count("blackhole 172.16.2.0/24'") == 10 and "and 15 more of these" in text


def test_what_is_wrong_with_the_words_is_status_2(host):
    for words in (("check", "--fox"), ("check", "eth0", "eth1")):
        done = End(host).command(*words)
        assert done.returncode == 2 and len(done.stderr.splitlines()) == 1 and not done.stdout


def test_who_may_not_look_gets_status_2_and_a_line(host):
    done = End(host).command("check", prefix=("setpriv", "--bounding-set", "-all", "--inh-caps", "-all"))
    assert done.returncode == 2 and len(done.stderr.splitlines()) == 1 and not done.stdout
