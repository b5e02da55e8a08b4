# SPDX-License-Identifier: GPL-2.0-only
"""`apply` makes a device what its file says, by the difference alone, under traffic; `export` writes that file."""
import itertools
import os
import pty
import re
import resource
import signal
import subprocess

import pytest

from .config import File, export, peer, section
from .program import STRACE, End, counting, environment, plain_binary
from .snapshot import differences, state, without_ids
from .stopped import standing_still
from .test_killed import CALLS, CHANGES
from .topology import A, B, INNER_A, INNER_B
from .traffic import Stream, ping
from .tunnels import carrying

C = "172.16.1.70"
PREFIXES, BUSY, MOVED, RATE = 10_000, 100, 3_000, 4_000
# RTM_NEWROUTE, as strace writes it of a socket in another namespace.
NEW_ROUTE = "nlmsg_type=0x18 "
MANY, MANY_SECONDS = 100_000, 3


@pytest.fixture
def file(two_hosts, tmp_path):
    return File(End(two_hosts.a), tmp_path)


def comparable(namespace):
    return without_ids(state(namespace))


FILES = {
    "nothing but the device": (section("Attach"),),
    "every option of the device": (section("Attach", Local=A, Src=INNER_A, Mode="tc", Rpf="strict monitor",
                                           Plain="pass", TTL=64, TOS="0xb8", ECN="compat", PMTUDisc="yes",
                                           Fragments="stack", Routes="off", MTUExpires=300, ICMP=0, Forward="off",
                                           Spread="off", Cache=100),),
    "the others": (section("Attach", Mode="native", Rpf="off", Plain="drop", TTL="inherit", TOS="inherit",
                           PMTUDisc="no", Routes="on", ICMP=65535, Forward="on", Spread="on"),),
    "every option of a peer": (section("Attach"),
                               peer(B, f"10.1.0.0/16 src {INNER_A}", "10.2.0.0/16 noroute", "10.3.0.0/16", "10.4.0.1",
                                    Type="ipip", Local="172.16.16.23", Src=INNER_A, Rpf="loose", TTL=9, TOS=4,
                                    ECN="normal", PMTUDisc="yes")),
    "peers, any, and bare prefixes": (section("Attach", Src=INNER_A), peer(B, INNER_B), peer(C),
                                      peer("any", "10.9.0.0/16"), "[Bare]\nPrefixes = 10.5.0.0/16, 10.6.0.0/16\n",
                                      peer("172.16.1.71", Rpf="strict")),
    "any with rpf": (section("Attach"), peer("any", Rpf="loose")),
    "any without": (section("Attach", Rpf="strict monitor"), peer("any")),
}


@pytest.mark.parametrize("sections", FILES.values(), ids=FILES.keys())
def test_what_was_applied_is_exported_and_to_apply_that_changes_nothing(file, two_hosts, sections):
    file.write(*sections).apply()
    assert file.difference() == []
    shown, whole, said = file.end.show(), state(two_hosts.a), export(file.end)
    file.write(said)
    assert file.difference() == []
    file.apply()
    assert differences(whole, state(two_hosts.a)) == [] and export(file.end) == said
    file.end.detach()
    file.apply()
    assert file.end.show() == shown and export(file.end) == said


def test_the_words_of_the_command_line_and_the_file_say_the_same(file):
    file.end.attach("src", INNER_A, "mode", "tc", "ttl", "64", "rpf", "loose", "icmp", "5", "cache", "6")
    file.end.peer(B, "local", A, "tos", "8", "prefix", "10.1.0.0/16", "prefix", INNER_B)
    file.end.do("prefix add", "10.2.0.0/16", "remote", B, "src", INNER_A)
    file.end.do("prefix add", "10.3.0.0/16", "bare")
    assert file.write(export(file.end)).difference() == []
    by_hand = file.end.show()
    file.end.detach()
    file.write(section("Attach", Src=INNER_A, Mode="tc", TTL=64, Rpf="loose", ICMP=5, Cache=6),
               peer(B, f"10.1.0.0/16,{INNER_B}/32 , 10.2.0.0/16  src {INNER_A}", Local=A, TOS=8),
               "[Bare]\nPrefixes = 10.3.0.0/16\n").apply()
    assert file.end.show() == by_hand


def test_comments_case_blanks_and_line_ends(file):
    text = ("\ufeff# first\r\n[attach]  ; one\r\n\r\n  mode=tc # two\r\n\tMTU_EXPIRES : 300\r\nsRC =  192.168.1.1\r\n"
            f"[PEER]\r\n remote={B}\r\nprefixes=10.1.0.0/16,10.2.0.0/16;three\r\n;four\r\n#five\r\n[Bare]")
    file.path.write_bytes(text.replace("16;three", "16 ;three").encode())
    file.apply()
    assert export(file.end) == (f"[Attach]\nSrc = {INNER_A}\nMode = tc\nMTUExpires = 300\n\n[Peer]\nRemote = {B}\n"
                                "Prefixes = 10.1.0.0/16\nPrefixes = 10.2.0.0/16\n")


def test_a_line_of_a_thousand_prefixes(file):
    prefixes = [f"10.{number >> 8}.{number & 255}.0/24" for number in range(1000)]
    file.write(section("Attach", Src=INNER_A), peer(B, ", ".join(prefixes))).apply()
    assert [prefix["dst"] for prefix in file.end.show()["peers"][0]["prefixes"]] == prefixes


def test_the_difference_is_printed_in_a_stable_order_and_made_by_nobody(file, two_hosts):
    file.write(section("Attach", Src=INNER_A, TTL=64, Mode="tc"), peer(C, "10.2.0.0/16"),
               peer(B, "10.10.0.0/16", TOS=8))
    assert file.difference() == [
        f"+ attach eth0 src {INNER_A} mode tc ttl 64", f"+ peer {B} tos 0x08", f"+ peer {C}",
        f"+ prefix 10.2.0.0/16 remote {C}", f"+ prefix 10.10.0.0/16 remote {B}"]
    before = state(two_hosts.a)
    assert file.end.command("show").stdout == ""
    file.apply()
    whole = state(two_hosts.a)
    file.write(section("Attach", Src=INNER_A, Rpf="loose", Mode="native"), "[Bare]\nPrefixes = 10.3.0.0/16\n",
               peer(B, "10.2.0.0/16", f"10.10.0.0/16 src {INNER_A}", TTL=3, TOS=8), peer("172.16.1.71", "10.4.0.0/16"))
    lines = [
        "~ attach mode tc -> native", "~ attach rpf strict -> loose", "~ attach ttl 64 -> inherit",
        f"~ peer {B} ttl (device's) -> 3", f"- peer {C}", "+ peer 172.16.1.71",
        f"~ prefix 10.2.0.0/16 remote {C} -> remote {B}", "+ prefix 10.3.0.0/16 bare",
        "+ prefix 10.4.0.0/16 remote 172.16.1.71",
        f"~ prefix 10.10.0.0/16 remote {B} -> remote {B} src {INNER_A}"]
    assert file.difference() == lines and file.difference() == lines
    assert differences(whole, state(two_hosts.a)) == []
    file.apply()
    assert file.difference() == []
    file.end.detach()
    assert differences(before, state(two_hosts.a)) == []


def test_what_went_missing_is_named_and_put_back(file, two_hosts):
    file.write(section("Attach", Src=INNER_A, Mode="tc"), peer(B, INNER_B, "10.1.0.0/16")).apply()
    whole = comparable(two_hosts.a)
    two_hosts.a.ip(f"route del {INNER_B}", "route replace 10.1.0.0/16 via 169.254.4.4 dev eth0 onlink proto 94 "
                   f"src {INNER_A} mtu 1200", "neigh del 169.254.4.4 dev eth0")
    two_hosts.a.sysctl("net.ipv4.ip_forward", 1)
    two_hosts.a.sysctl("net.ipv4.ip_forward", 0)
    os.unlink(f"{file.end.pins}/link_encap")
    assert file.difference() == ["+ program encap", "+ neighbour 169.254.4.4",
                                 "+ sysctl net.ipv4.conf.lo.forwarding", "~ route 10.1.0.0/16 mtu 1200 -> 1480",
                                 f"+ route {INNER_B}/32"]
    file.apply()
    assert file.difference() == [] and differences(whole, comparable(two_hosts.a)) == []


def test_what_people_wrote_with_bpftool_is_seen(file):
    file.write(section("Attach", Routes="off"), peer(B, "10.1.0.0/16")).apply()
    file.end.update("prefixes", (16, 0, 0, 0, 10, 2, 0, 0), (172, 16, 1, 62, 0, 0, 0, 0))
    file.end.update("peers", (172, 16, 1, 70), bytes(32))
    assert file.difference() == [f"- peer {C}", f"- prefix 10.2.0.0/16 remote {B} noroute"]
    assert file.write(export(file.end)).difference() == []
    assert "Prefixes = 10.2.0.0/16 noroute\n" in file.path.read_text()


def changes_of(end, *words):
    """The system calls of a command that change anything."""
    log = f"/tmp/ipipbpf-{os.getpid()}-changes"
    try:
        done = end.command(*words, program=plain_binary(), prefix=(*STRACE, "-o", log, "-e", f"trace={CALLS}"))
        assert done.returncode == 0 and done.stderr == "" == done.stdout, done
        with open(log, encoding="utf-8") as lines:
            return [line for line in lines if CHANGES.search(line.split(maxsplit=1)[1])]
    finally:
        os.unlink(log)


def test_nothing_to_do_changes_nothing(file):
    file.write(section("Attach", Src=INNER_A, Mode="tc"), peer(B, INNER_B)).apply()
    assert changes_of(file.end, "apply", str(file.path)) == []
    file.write(section("Attach", Src=INNER_A, Mode="tc"), peer(B, INNER_B, "10.1.0.0/16"))
    calls = changes_of(file.end, "apply", str(file.path))
    assert calls and not [line for line in calls if "BPF_PROG" in line or "BPF_LINK" in line], "programs were touched"


class Streams(Stream):
    """The same to many addresses in turn, which all are the server's."""

    def __init__(self, client, client_address, server, addresses, rate):
        super().__init__(client, client_address, server, "0.0.0.0", rate)
        port = self._target[1]
        self._targets = itertools.cycle([(address, port) for address in addresses])

    def _send_next(self):
        self._target = next(self._targets)
        super()._send_next()


def prefix_of(number):
    return f"10.{64 + (number >> 8)}.{number & 255}.0/24"


def test_10_000_prefixes_change_and_no_packet_of_the_others_is_lost(two_hosts, tmp_path):
    """Around the 100 prefixes with traffic thousands come, go, change hands, are divided and joined."""
    file, b = File(End(two_hosts.a), tmp_path), End(two_hosts.b)
    busy = range(0, PREFIXES, PREFIXES // BUSY)
    addresses = [f"10.{64 + (number >> 8)}.{number & 255}.7" for number in busy]
    still = [prefix_of(number) for number in busy]
    others = [prefix_of(number) for number in range(PREFIXES) if number not in busy]
    two_hosts.b.ip("route add local 10.64.0.0/10 dev lo")
    b.attach("src", INNER_B, "mode", "tc")
    b.peer(A, "prefix", INNER_A)
    texts = [(section("Attach", Src=INNER_A, Mode="tc"), peer(B, *still, *others), peer(C)),
             (section("Attach", Src=INNER_A, Mode="tc", MTUExpires=60),
              peer(C, *others[:MOVED], "10.64.0.0/12", TTL=9), peer(B, *still, *others[2 * MOVED:])),
             (section("Attach", Src=INNER_A, Mode="tc", ICMP=7), peer("172.16.1.71", "10.64.0.0/10"),
              peer(B, *still, *others[:MOVED], TTL=99))]
    file.write(*texts[0]).apply(program=plain_binary())
    assert ping(two_hosts.a, INNER_A, addresses[0]) == []
    with counting(file.end, b) as count, Streams(two_hosts.a, INNER_A, two_hosts.b, addresses, RATE) as stream:
        for sections in (texts[1], texts[2], texts[0]):
            file.write(*sections).apply(program=plain_binary())
            assert file.difference(program=plain_binary()) == []
    assert stream.refused == [] and stream.missing == [] and stream.sent >= 5 * BUSY
    assert len(stream.received) == stream.sent
    assert count.verdicts(file.end) == {"encap_ok": stream.sent} and count.verdicts(b) == {"decap_ok": stream.sent}
    file.end.detach(program=plain_binary())


def seconds_of(end, *words):
    """The processor time of a command. How long it takes is up to what else the machine does."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = end.command(*words, program=plain_binary())
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert done.returncode == 0, done.stderr
    return after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime


def test_100_000_prefixes(two_hosts, tmp_path):
    file = File(End(two_hosts.a), tmp_path)
    peers = [f"172.16.{2 + number // 200}.{1 + number % 200}" for number in range(1000)]
    each = MANY // len(peers)

    def prefixes(number):
        places = range(number * each, (number + 1) * each)
        return [f"11.{place >> 14}.{place >> 6 & 255}.{place << 2 & 255}/30" for place in places]

    file.write(section("Attach", Src=INNER_A, Mode="tc"),
               *(peer(remote, *prefixes(number)) for number, remote in enumerate(peers)))
    words = ("apply", str(file.path))
    assert seconds_of(file.end, *words) < MANY_SECONDS
    assert len(two_hosts.a.run("ip", "route", "show", "proto", "94").splitlines()) == MANY
    assert seconds_of(file.end, *words) < MANY_SECONDS
    assert file.difference(program=plain_binary()) == []
    assert export(file.end, program=plain_binary()).count("\nPrefixes = ") == MANY
    file.write(section("Attach", Src=INNER_A, Mode="tc"),
               *(peer(remote, *prefixes(number)) for number, remote in enumerate(reversed(peers))))
    assert seconds_of(file.end, *words) < MANY_SECONDS
    file.write(section("Attach", Mode="tc"))
    assert seconds_of(file.end, *words) < MANY_SECONDS
    assert two_hosts.a.run("ip", "route", "show", "proto", "94") == ""
    file.end.detach(program=plain_binary())


def on_a_terminal(end, *words, prefix=()):
    """Runs a command whose standard error is a terminal; what it wrote there."""
    terminal, other = pty.openpty()
    with subprocess.Popen([*prefix, plain_binary(), "-n", end.namespace.name, *words], stderr=other,
                          env=environment()) as process:
        os.close(other)
        text = b""
        try:
            while data := os.read(terminal, 4096):
                text += data
        except OSError:
            # A terminal that nobody writes to any more.
            pass
        assert process.wait() == 0
    os.close(terminal)
    return text.decode()


def test_the_progress_of_a_long_apply_is_told_on_a_terminal_alone(file):
    sections = section("Attach", Src=INNER_A, Mode="tc"), peer(B, *map(prefix_of, range(2000)))
    slow = (*STRACE, "-o", "/dev/null", "-e", "trace=sendto", "-e", "inject=sendto:delay_enter=200000:when=20+")
    file.write(*sections)
    text = on_a_terminal(file.end, "apply", str(file.path), prefix=slow)
    assert re.fullmatch(r"(\r\d+ of 6001 changes)+\r\x1b\[K", text), text
    file.end.detach()
    assert on_a_terminal(file.end, "apply", str(file.path)) == ""
    file.end.detach()
    done = file.end.command("apply", str(file.path), prefix=slow, program=plain_binary())
    assert (done.returncode, done.stderr) == (0, "")


def test_a_device_that_vanishes_half_way(file, two_hosts):
    """It stops before it makes the routes, and goes on when the device is gone."""
    first = section("Attach", Src=INNER_A, Mode="tc"), peer(B, "10.1.0.0/16")
    second = section("Attach", Src=INNER_A, Mode="tc", TTL=3), peer(B, "10.2.0.0/16"), peer(C, "10.3.0.0/16")
    log = file.path.parent / "trace"
    trace = (*STRACE, "-o", str(log), "-e", "trace=sendto")
    words = ("-n", two_hosts.a.name, "apply", str(file.path))
    file.write(*first).apply()
    whole = export(file.end)
    file.write(*second)
    assert file.end.command("apply", str(file.path), prefix=trace, program=plain_binary()).returncode == 0
    calls = [line for line in log.read_text().splitlines() if "sendto(" in line]
    number = next(index for index, line in enumerate(calls, 1) if NEW_ROUTE in line)
    file.write(whole).apply()
    file.write(*second)
    with subprocess.Popen([*trace, "-e", f"inject=sendto:signal=SIGSTOP:when={number - 1}", plain_binary(), *words],
                          env=environment(), text=True, stderr=subprocess.PIPE, start_new_session=True) as process:
        child = standing_still(process.pid)
        two_hosts.a.ip("link del eth0")
        os.kill(child, signal.SIGCONT)
        error = process.communicate(timeout=20)[1]
    assert process.returncode == 1 and error.count("\n") == 1 and "eth0 is gone" in error, error
    assert export(file.end) == whole
    done = file.end.command("apply", str(file.path))
    assert done.returncode == 1 and "no device eth0" in done.stderr
    file.end.detach()


def test_apply_to_a_new_device_of_the_old_ones_name(file, two_hosts):
    file.write(section("Attach", Local=A, Src=INNER_A, Mode="tc"), peer(B, INNER_B)).apply()
    two_hosts.a.ip("link del eth0", "link add eth0 type veth peer name other", f"addr add {A}/20 dev eth0",
                   "link set eth0 up", "link set other up")
    assert [line.split()[:3] for line in file.difference()][0] == ["~", "attach", "ifindex"]
    file.apply()
    assert file.difference() == []
    assert file.end.show()["missing"] == []
    file.end.detach()


def test_a_device_that_is_down_gets_its_routes_by_the_next_apply(file, two_hosts):
    file.write(section("Attach", Src=INNER_A, Mode="tc"), peer(B, INNER_B))
    two_hosts.a.ip("link set eth0 down")
    assert any("eth0 is down" in warning for warning in file.apply())
    two_hosts.a.ip("link set eth0 up", "route add 172.16.0.0/20 via 172.16.16.1")
    assert file.difference() == [f"+ route {INNER_B}/32"]
    file.apply()
    b = End(two_hosts.b)
    b.attach("src", INNER_B)
    b.peer(A, "prefix", INNER_A)
    with carrying(two_hosts, file.end, b):
        assert ping(two_hosts.a, INNER_A, INNER_B) == []
