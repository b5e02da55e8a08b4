# SPDX-License-Identifier: GPL-2.0-only
"""A device's file: what it may say, and what it is refused for, by file and line, with nothing changed."""
import fcntl
import os
import random
import signal
import subprocess

import pytest

from networks.config import File, export, peer, section
from networks.fixtures import two_hosts  # noqa: F401
from networks.program import STRACE, End, bpffs, environment, ipipbpf, plain_binary
from networks.stopped import standing_still
from networks.snapshot import differences, state
from networks.topology import A, B, INNER_A, INNER_B, TwoHosts

FAILED, WRONG_WORDS = 1, 2
NOBODY = "65534"
C = "172.16.1.70"
PEERS_MAX = 65_536
ATTACH = "[Attach]\n"
OTHER_ROUTE = "10.60.0.0/16"


@pytest.fixture(scope="module")
def hosts(tmp_path_factory):
    """A with eth0 attached by a file; `spare` is a device with nothing on it."""
    with TwoHosts() as network:
        network.a.ip("link add spare type veth peer name spare-peer", "addr add 10.50.0.1/24 dev spare",
                     "link set spare up", f"route add {OTHER_ROUTE} via 172.16.16.1")
        network.end = End(network.a)
        network.directory = tmp_path_factory.mktemp("files")
        # nobody is to find the files as well.
        for folder in (network.directory, *list(network.directory.parents)[:2]):
            folder.chmod(0o755)
        network.file = File(network.end, network.directory)
        network.file.write(section("Attach", Src=INNER_A), peer(B, INNER_B, "10.70.0.0/16")).apply()
        network.before = state(network.a)
        yield network


def check_refused(done, *named, status=FAILED):
    assert done.returncode == status, f"exit status {done.returncode}: {done.stderr}"
    assert done.stdout == ""
    lines = done.stderr.splitlines()
    assert len(lines) == 1 and lines[0].startswith("ipipbpf: ") and "warning" not in lines[0], done.stderr
    for thing in named:
        assert thing in lines[0], f"{thing!r} is not named: {lines[0]}"


def check_unchanged(network):
    assert differences(network.before, state(network.a)) == []


def refused(hosts, text, *named):
    hosts.file.path.write_bytes(text if isinstance(text, bytes) else text.encode())
    check_refused(hosts.end.command("apply", str(hosts.file.path)), "eth0.conf", *named)
    check_unchanged(hosts)


WRONG = {
    "an unknown key": (ATTACH + "Colour = blue\n", ":2: ", "Colour", "Local"),
    "a peer's unknown key": (ATTACH + f"[Peer]\nRemote = {C}\nMode = tc\n", ":4: ", "Mode", "Prefixes"),
    "the command's own word": (ATTACH + "NoPMTUDisc = yes\n", ":2: ", "NoPMTUDisc"),
    "an unknown section": (ATTACH + "[Tunnel]\nRemote = 1.2.3.4\n", ":2: ", "Tunnel", "[Peer]"),
    "an unknown section with nothing in it": (ATTACH + "\n\n[Tunnel]\n", ":4: ", "Tunnel"),
    "a section twice": (ATTACH + ATTACH, ":2: ", "[Attach]"),
    "a key in no section": ("Local = 172.16.16.22\n" + ATTACH, ":1: ", "Local"),
    "no [Attach]": (f"[Peer]\nRemote = {C}\n", "[Attach]"),
    "an empty file": ("", "[Attach]"),
    "a section that does not end": (ATTACH + "[Peer\nRemote = 1.2.3.4\n", ":2: ", "[Peer"),
    "neither section nor key": (ATTACH + "\nwhat is this\n", ":3: ", "what is this"),
    "no key": (ATTACH + "= 3\n", ":2: "),
    "no value": (ATTACH + "TTL =\n", ":2: ", "ttl", "1..255"),
    "a key twice": (ATTACH + "TTL = 3\nttl = 4\n", ":3: ", "TTL", "twice"),
    "a peer's key twice": (ATTACH + f"[Peer]\nRemote = {C}\nRemote = {C}\n", ":4: ", "Remote", "twice"),
    "a value out of range": (ATTACH + "TTL = 256\n", ":2: ", "256", "1..255"),
    "a value misspelt": (ATTACH + "Rpf = strickt\n", ":2: ", "strickt", "strict"),
    "a word too much": (ATTACH + "Mode = tc native\n", ":2: ", "native"),
    "a switch that is neither": (ATTACH + "PMTUDisc = maybe\n", ":2: ", "PMTUDisc", "yes|no"),
    "a fixed ttl with nopmtudisc": (ATTACH + "TTL = 64\nPMTUDisc = no\n", "ttl"),
    "a peer without Remote": (ATTACH + "\n[Peer]\nPrefixes = 10.1.0.0/16\n", ":3: ", "Remote"),
    "a peer with nothing": (ATTACH + "\n[Peer]\n", ":3: ", "Remote"),
    "a peer without Remote before another": (ATTACH + f"[Peer]\nTTL = 3\n[Peer]\nRemote = {C}\n", ":2: ", "Remote"),
    "a peer twice": (ATTACH + peer(B) + peer(C) + peer(B), ":6: ", B, "line 2"),
    "a prefix twice": (ATTACH + peer(B, "10.1.0.0/16", "10.2.0.0/16", "10.1.0.0/16"), ":6: ", "10.1.0.0/16", "line 4"),
    "a prefix with two owners": (ATTACH + peer(B, "10.1.0.0/16") + peer(C, "10.1.0.0/16"), ":7: ", "10.1.0.0/16",
                                 "line 4", "owner"),
    "a prefix both bare and a peer's": (ATTACH + peer(B, "10.1.0.0/16") + "[Bare]\nPrefixes = 10.1.0.0/16\n", ":6: ",
                                        "10.1.0.0/16", "owner"),
    "a prefix with host bits": (ATTACH + peer(B, "10.1.0.0/16, 10.0.0.1/8"), ":4: ", "10.0.0.1/8", "10.0.0.0/8"),
    "a peer's prefix where no host is": (ATTACH + peer(B, "10.1.0.0/16", "127.0.0.0/8"), ":5: ", "127.0.0.0/8"),
    "a list that ends with a comma": (ATTACH + peer(B, "10.1.0.0/16,"), ":4: ", "prefix"),
    "no prefix": (ATTACH + peer(B, ""), ":4: ", "prefix"),
    "a prefix's unknown word": (ATTACH + peer(B, "10.1.0.0/16 via 10.0.0.1"), ":4: ", "via", "src"),
    "a prefix's src that is no address": (ATTACH + peer(B, "10.1.0.0/16 src here"), ":4: ", "here"),
    "src of a bare prefix": (ATTACH + f"[Bare]\nPrefixes = 10.1.0.0/16 src {INNER_A}\n", ":3: ", "src"),
    "Src of the peer any": (ATTACH + peer("any", Src=INNER_A), ":2: ", "Src", "any"),
    "src of a prefix of any": (ATTACH + peer("any", f"10.1.0.0/16 src {INNER_A}"), ":4: ", "src"),
    "a Device that cannot be": (ATTACH + "Device = a/b\n", ":2: ", "a/b"),
    "a Device that is not there": (ATTACH + "Device = eth7\n", "eth7"),
    "a byte that no text has": (b"[Attach]\nTTL = 3\x00\n", ":2: ", "0x00"),
    "a value that is too long": (ATTACH + "Local = " + "1" * 5000 + "\n", ":2: ", "111"),
    "a key that is too long": (ATTACH + "K" * 5000 + " = 1\n", ":2: ", "KKK"),
    "a section that is too long": (ATTACH + "[" + "P" * 5000 + "]\n", ":2: ", "PPP"),
    "a remote that is this host": (ATTACH + peer(A), A),
    "a loop": (ATTACH + peer(B, "172.16.0.0/21"), B),
    "a route that others made": (ATTACH + peer(B, "10.70.0.0/16", OTHER_ROUTE), OTHER_ROUTE),
    "a src that is no address of this host": (ATTACH + peer(B, "10.70.0.0/16 src 10.9.9.9"), "10.9.9.9"),
    "a peer's Src that is no address of this host": (ATTACH + peer(B, Src="10.9.9.8"), "10.9.9.8"),
}


@pytest.mark.parametrize("text, named", [(text, named) for text, *named in WRONG.values()], ids=WRONG.keys())
def test_wrong_files(hosts, text, named):
    hosts.file.path.write_bytes(text if isinstance(text, bytes) else text.encode())
    done = hosts.end.command("apply", str(hosts.file.path))
    check_refused(done, *named)
    check_unchanged(hosts)


def test_half_a_section_line_at_the_very_end(hosts):
    refused(hosts, ATTACH + "[Pe", ":2: ", "[Pe")


def test_gigabytes_of_zeros_are_refused_at_the_first(hosts):
    with open(hosts.file.path, "wb") as file:
        file.truncate(2 << 30)
    log = hosts.directory / "trace"
    done = hosts.end.command("apply", str(hosts.file.path), program=plain_binary(),
                             prefix=(*STRACE, "-o", str(log), "-P", str(hosts.file.path), "-e", "trace=read"))
    check_refused(done, "eth0.conf:1: ", "0x00")
    assert len(log.read_text().splitlines()) == 1
    check_unchanged(hosts)


def test_a_file_longer_than_any_configuration(hosts):
    with open(hosts.file.path, "wb") as file:
        for _ in range(129):
            file.write(b"#" * (1 << 20))
    check_refused(hosts.end.command("apply", str(hosts.file.path), program=plain_binary()), "eth0.conf", "longer")
    check_unchanged(hosts)


def test_random_bytes(hosts):
    chance = random.Random("files")
    for _ in range(20):
        refused(hosts, ATTACH.encode() + chance.randbytes(300))


def test_no_file(hosts):
    check_refused(hosts.end.command("apply", f"{hosts.directory}/none.conf"), "none.conf")
    check_refused(hosts.end.command("apply", str(hosts.directory)), str(hosts.directory), "directory")
    check_refused(hosts.end.command("apply"), "file", status=WRONG_WORDS)
    check_refused(hosts.end.command("apply", "--quickly", "x"), "--quickly", status=WRONG_WORDS)
    check_refused(hosts.end.command("apply", "--confirm", "0", "x"), "--confirm 0", status=WRONG_WORDS)
    check_refused(hosts.end.command("apply", "--confirm", "5", "--dry-run", "x"), "--dry-run", status=WRONG_WORDS)
    check_refused(hosts.end.command("apply", "x", "y"), "y", status=WRONG_WORDS)
    check_unchanged(hosts)


def test_a_file_whose_name_is_no_devices(hosts):
    path = hosts.directory / "gateway.text"
    path.write_text(ATTACH)
    check_refused(hosts.end.command("apply", str(path)), "gateway.text", "DEV.conf", "Device")
    check_unchanged(hosts)


def test_the_file_names_another_device(hosts):
    hosts.file.write(section("Attach", Device="spare"))
    assert hosts.file.difference() == ["+ attach spare"]
    path = hosts.directory / "anything"
    path.write_text(section("Attach", Device="spare"))
    done = hosts.end.command("apply", "--dry-run", str(path))
    assert (done.returncode, done.stdout, done.stderr) == (0, "+ attach spare\n", "")


def as_nobody(hosts, *words):
    drop = ("setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups")
    os.chmod(bpffs(), 0o755)
    with hosts.a.entered():
        return ipipbpf(*words, prefix=drop)


def test_no_permission(hosts):
    hosts.file.write(ATTACH, peer(B))
    hosts.file.path.chmod(0o600)
    check_refused(as_nobody(hosts, "apply", str(hosts.file.path)), "eth0.conf", "Permission denied")
    hosts.file.path.chmod(0o644)
    for words in (("apply", str(hosts.file.path)), ("export", "eth0"), ("confirm", "eth0")):
        check_refused(as_nobody(hosts, *words), "root")
    check_unchanged(hosts)


@pytest.mark.parametrize("error", ("EIO", "EISDIR"))
def test_a_file_that_cannot_be_read_to_its_end(hosts, error):
    hosts.file.write(ATTACH, *(f"# {'x' * 100}" for _ in range(1000)))
    prefix = (*STRACE, "-o", "/dev/null", "-P", str(hosts.file.path), "-e", "trace=read", "-e",
              f"inject=read:error={error}:when=2")
    check_refused(hosts.end.command("apply", str(hosts.file.path), prefix=prefix, program=plain_binary()), "eth0.conf",
                  "cannot read")
    check_unchanged(hosts)


def test_a_file_that_is_written_meanwhile(hosts):
    """Half a file would take away the peers of the other half."""
    hosts.file.write(ATTACH, peer(B, "10.1.0.0/16"))
    prefix = (*STRACE, "-o", "/dev/null", "-P", str(hosts.file.path), "-e", "trace=read", "-e",
              "inject=read:signal=SIGSTOP:when=1")
    words = ("-n", hosts.a.name, "apply", str(hosts.file.path))
    with subprocess.Popen([*prefix, plain_binary(), *words], env=environment(), text=True, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, start_new_session=True) as process:
        child = standing_still(process.pid)
        with open(hosts.file.path, "a", encoding="ascii") as file:
            file.write(peer(C))
        os.kill(child, signal.SIGCONT)
        out, error = process.communicate(timeout=20)
    assert (process.returncode, out) == (FAILED, "") and "changed while it was read" in error, error
    check_unchanged(hosts)


@pytest.mark.parametrize("vanish, refused_for", ((lambda path: os.truncate(path, 0), "changed while it was read"),
                                                 (os.unlink, None)), ids=("emptied", "deleted"))
def test_a_file_that_vanishes_half_way(hosts, vanish, refused_for):
    """What was opened is read to its end though its name is gone; a half is not taken for a whole."""
    sections = (section("Attach", Src=INNER_A), peer(B, INNER_B), *(f"# {'x' * 100}" for _ in range(1000)),
                "[Peer]", f"Remote = {C}")
    hosts.file.write(*sections)
    prefix = (*STRACE, "-o", "/dev/null", "-P", str(hosts.file.path), "-e", "trace=read", "-e",
              "inject=read:signal=SIGSTOP:when=1")
    words = ("-n", hosts.a.name, "apply", "--dry-run", str(hosts.file.path))
    with subprocess.Popen([*prefix, plain_binary(), *words], env=environment(), text=True, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, start_new_session=True) as process:
        child = standing_still(process.pid)
        vanish(hosts.file.path)
        os.kill(child, signal.SIGCONT)
        out, error = process.communicate(timeout=20)
    if refused_for:
        assert (process.returncode, out) == (FAILED, "") and refused_for in error, error
    else:
        assert (process.returncode, out, error) == (0, f"+ peer {C}\n- prefix 10.70.0.0/16 remote {B}\n", "")
    check_unchanged(hosts)


def test_export_to_a_full_disk(hosts):
    with open("/dev/full", "wb") as full:
        done = subprocess.run([plain_binary(), "-n", hosts.a.name, "export", "eth0"], stdout=full, text=True,
                              stderr=subprocess.PIPE, check=False, env=environment())
    assert done.returncode == FAILED and done.stderr.count("\n") == 1 and "No space left" in done.stderr, done.stderr


def test_export_of_what_is_not_attached(hosts):
    check_refused(hosts.end.command("export", "spare"), "spare", "attach")
    check_refused(hosts.end.command("export", "eth7"), "eth7")
    check_refused(hosts.end.command("export"), "DEV", status=WRONG_WORDS)
    check_refused(hosts.end.command("confirm", "eth0"), "eth0", "confirmed")


# What people can write with bpftool, and a file cannot say.
STRANGE = {
    "a peer with an invalid entry": ("peers", (172, 16, 1, 80), bytes([0] * 6 + [9] + [0] * 25), "172.16.1.80"),
    "a peer that monitors without rpf": ("peers", (172, 16, 1, 80), bytes([0] * 10 + [1] + [0] * 21), "172.16.1.80"),
    "an invalid prefix": ("prefixes", (16, 0, 0, 0, 10, 9, 0, 0), bytes([172, 16, 1, 62, 7, 0, 0, 0]), "10.9.0.0/16"),
    "a prefix without its peer": ("prefixes", (16, 0, 0, 0, 10, 9, 0, 0), bytes([172, 16, 1, 99, 0, 0, 0, 0]),
                                  "172.16.1.99"),
}


@pytest.mark.parametrize("table, key, value, named", STRANGE.values(), ids=STRANGE.keys())
def test_export_of_entries_for_which_the_file_has_no_words(hosts, table, key, value, named):
    hosts.end.update(table, key, value)
    check_refused(hosts.end.command("export", "eth0"), named)
    hosts.file.write(section("Attach", Src=INNER_A), peer(B, INNER_B, "10.70.0.0/16"))
    assert any(line.startswith("- ") and named in line for line in hosts.file.difference())
    hosts.file.apply()
    assert differences(hosts.before, state(hosts.a)) == []


def test_a_renamed_device(hosts):
    hosts.file.write(section("Attach", Src=INNER_A), peer(B, INNER_B, "10.70.0.0/16"))
    hosts.a.ip("link set eth0 down", "link set eth0 name eth9", "link set eth9 up")
    check_refused(hosts.end.command("apply", str(hosts.file.path)), "eth0")
    other = hosts.directory / "eth9.conf"
    other.write_text(ATTACH + "Local = 172.16.16.22\n")
    check_refused(hosts.end.command("apply", str(other)), "eth9", "eth0")
    assert "Prefixes = 10.70.0.0/16" in export(hosts.end)
    hosts.a.ip("link set eth9 down", "link set eth9 name eth0", "link set eth0 up",
               "route add 172.16.0.0/20 via 172.16.16.1", f"route add {OTHER_ROUTE} via 172.16.16.1")
    hosts.file.apply()
    check_unchanged(hosts)


def test_a_table_that_is_full_half_way(two_hosts, tmp_path):
    """Of the peers that the file adds, all but the last find room."""
    a = End(two_hosts.a)
    file = File(a, tmp_path).write(section("Attach", Routes="off"), peer(B, "10.1.0.0/16"))
    file.apply()
    before = state(two_hosts.a), a.keys("peers"), a.keys("prefixes")
    others = (peer(f"11.{number >> 16}.{number >> 8 & 255}.{number & 255}") for number in range(PEERS_MAX))
    file.write(section("Attach", Routes="off", TTL=64), peer(B, "10.2.0.0/16"), *others)
    check_refused(a.command("apply", str(file.path), program=plain_binary()), "11.0.255.255", "'peers' is full")
    after = state(two_hosts.a), a.keys("peers"), a.keys("prefixes")
    assert differences(before[0], after[0]) == [] and before[1:] == after[1:]
    assert "TTL" not in export(a, program=plain_binary())
    a.detach(program=plain_binary())



def test_a_lock_that_somebody_holds_is_waited_for(hosts):
    hosts.file.write(section("Attach", Src=INNER_A), peer(B, INNER_B, "10.70.0.0/16"))
    descriptor = os.open(bpffs(), os.O_RDONLY)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    with subprocess.Popen([plain_binary(), "-n", hosts.a.name, "apply", str(hosts.file.path)],
                          env=environment()) as process:
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(0.5)
        os.close(descriptor)
        assert process.wait(20) == 0
    check_unchanged(hosts)


def test_two_at_once_one_after_the_other(hosts):
    """What is there in the end is one file or the other, whole."""
    texts = [(section("Attach", Src=INNER_A), *(peer(f"172.16.1.{number}", f"10.{number}.0.0/16")
                                                 for number in range(first, first + 40))) for first in (80, 140)]
    files = []
    for number, sections in enumerate(texts):
        folder = hosts.directory / str(number)
        folder.mkdir()
        files.append(File(hosts.end, folder).write(*sections))
    for _ in range(5):
        running = [subprocess.Popen([plain_binary(), "-n", hosts.a.name, "apply", str(file.path)], env=environment())
                   for file in files]
        assert [process.wait(60) for process in running] == [0, 0]
        assert [] in [file.difference() for file in files]
    hosts.file.write(section("Attach", Src=INNER_A), peer(B, INNER_B, "10.70.0.0/16")).apply()
    check_unchanged(hosts)
