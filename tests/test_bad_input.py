# SPDX-License-Identifier: GPL-2.0-only
"""Wrong words and impossible wishes: the right exit status, one line that names the thing, and nothing changed."""
import os
import struct
import subprocess
import tempfile

import pytest

from networks.config import File, section
from networks.fixtures import two_hosts  # noqa: F401
from networks.program import STRACE, End, binary, bpffs, environment, ipipbpf, pin_name, plain_binary
from networks.snapshot import differences, state
from networks.strangers import (ATTACH_XDP, XDP_FLAGS_DRV_MODE, XDP_FLAGS_SKB_MODE, Stranger, fill, pin_array,
                                pin_program)
from networks.topology import A, B, INNER_A, INNER_B, TwoHosts
from usage import commands

FAILED, WRONG_WORDS = 1, 2
NOBODY = "65534"
PEERS_MAX, PREFIXES_MAX = 65_536, 1_048_576
ATTACH, PEER = ("attach", "eth0"), ("peer", "add", "eth0", "remote", "172.16.1.70")
EXPLAIN = ("explain", "eth0", "from", INNER_A, "to", INNER_B)
# No host can be there, but in parts of what is larger; and a multicast is carried.
NOBODYS = ("0.0.0.0/8", "0.0.0.0", "0.255.0.0/16", "127.0.0.0/8", "127.255.255.255", "240.0.0.0/4", "255.0.0.0/8",
           "255.255.255.255", "169.254.4.4")
SOMEBODYS = ("0.0.0.0/0", "0.0.0.0/1", "128.0.0.0/1", "0.0.0.0/7", "126.0.0.0/7", "224.0.0.0/3", "1.0.0.0/8",
             "126.0.0.0/8", "128.0.0.0/8", "239.0.0.0/8", "169.254.4.4/31", "169.254.4.5")
LAYOUT_NOBODY_KNOWS = 4_000_000_000


@pytest.fixture(scope="module")
def hosts():
    """A with eth0 attached and B its peer; `spare` is a device without an address, br0 a bridge with a port."""
    with TwoHosts() as network:
        network.a.ip("link add spare type veth peer name spare-peer", "link set spare up",
                     "link add br0 type bridge", "link add port type veth peer name port-peer",
                     "addr add 10.50.0.1/24 dev port", "link set port master br0", "link set port up",
                     "route add 10.60.0.0/16 via 172.16.16.1")
        network.end = End(network.a)
        network.end.attach("src", INNER_A)
        network.end.peer(B, "prefix", INNER_B, "prefix", "10.70.0.0/16")
        network.before = state(network.a)
        yield network


def check_refused(done, status, *named):
    """The exit status; nothing on standard output; one line on standard error that names these things."""
    assert done.returncode == status, f"exit status {done.returncode}: {done.stderr}"
    assert done.stdout == ""
    lines = done.stderr.splitlines()
    assert len(lines) == 1 and lines[0].startswith("ipipbpf: "), done.stderr
    assert not lines[0].startswith("ipipbpf: warning: ")
    for thing in named:
        assert thing in lines[0], f"{thing!r} is not named: {lines[0]}"


def check_unchanged(network):
    assert differences(network.before, state(network.a)) == []


WORDS = {
    "no command": ((), ("help",)),
    "an unknown command": (("fly", "eth0"), ("fly",)),
    "an unknown word": ((*ATTACH, "colour", "blue"), ("colour",)),
    "a word without its value": ((*ATTACH, "ttl"), ("ttl",)),
    "attach without a device": (("attach",), ("DEV",)),
    "peer without a verb": (("peer",), ()),
    "a peer without remote": (("peer", "add", "eth0", "prefix", "10.1.0.0/16"), ("remote",)),
    "a prefix with host bits": ((*PEER, "prefix", "10.0.0.1/8"), ("10.0.0.1/8", "10.0.0.0/8")),
    "prefix add with host bits": (("prefix", "add", "eth0", "10.0.0.1/8", "remote", B), ("10.0.0.1/8", "10.0.0.0/8")),
    **{f"a peer's prefix where no host is, {prefix}": ((*PEER, "prefix", "10.9.0.0/16", "prefix", prefix), (prefix,))
       for prefix in NOBODYS},
    **{f"prefix {verb} where no host is": (("prefix", verb, "eth0", "127.0.0.1", "remote", B), ("127.0.0.1",))
       for verb in ("add", "replace")},
    "a prefix longer than 32": ((*PEER, "prefix", "10.0.0.0/33"), ("10.0.0.0/33",)),
    "a negative prefix length": ((*PEER, "prefix", "10.0.0.0/-1"), ("10.0.0.0/-1",)),
    "a prefix without a length": ((*PEER, "prefix", "10.0.0.0/"), ("10.0.0.0/",)),
    "a prefix that is no address": ((*PEER, "prefix", "300.1.1.1"), ("300.1.1.1",)),
    "a short address": ((*PEER, "prefix", "10.1/16"), ("10.1/16",)),
    "an IPv6 prefix": ((*PEER, "prefix", "2001:db8::/32"), ("2001:db8::/32",)),
    "a remote that is no address": (("peer", "add", "eth0", "remote", "300.1.1.1"), ("300.1.1.1",)),
    "a local that is no address": ((*ATTACH, "local", "here"), ("here",)),
    "rpf misspelt": ((*ATTACH, "rpf", "strickt"), ("strickt", "strict")),
    "a peer's rpf misspelt": ((*PEER, "rpf", "lose"), ("lose", "loose")),
    "a mode that there is not": ((*ATTACH, "mode", "turbo"), ("turbo",)),
    "plain misspelt": ((*ATTACH, "plain", "maybe"), ("maybe",)),
    "fragments misspelt": ((*ATTACH, "fragments", "keep"), ("keep",)),
    "routes misspelt": ((*ATTACH, "routes", "yes"), ("yes",)),
    "forward misspelt": ((*ATTACH, "forward", "yes"), ("forward yes", "on|off")),
    "forward without a value": ((*ATTACH, "forward"), ("forward", "on|off")),
    "forward twice": ((*ATTACH, "forward", "on", "forward", "off"), ("forward",)),
    "a peer's forward": ((*PEER, "forward", "on"), ("forward",)),
    "spread misspelt": ((*ATTACH, "spread", "2"), ("spread 2", "on|off")),
    "spread without a value": ((*ATTACH, "spread"), ("spread", "on|off")),
    "a peer's spread": ((*PEER, "spread", "on"), ("spread",)),
    "ttl 0": ((*ATTACH, "ttl", "0"), ("0",)),
    "ttl 256": ((*ATTACH, "ttl", "256"), ("256",)),
    "ttl with a tail": ((*ATTACH, "ttl", "64x"), ("64x",)),
    "a negative ttl": ((*PEER, "ttl", "-1"), ("-1",)),
    "tos 256": ((*ATTACH, "tos", "256"), ("256",)),
    "ecn misspelt": ((*ATTACH, "ecn", "compatibility"), ("compatibility", "normal|compat")),
    "a peer's ecn misspelt": ((*PEER, "ecn", "off"), ("off", "normal|compat")),
    "ecn without a value": ((*PEER, "ecn"), ("ecn", "normal|compat")),
    "ecn twice": ((*ATTACH, "ecn", "normal", "ecn", "compat"), ("ecn",)),
    "mtu_expires 0": ((*ATTACH, "mtu_expires", "0"), ("mtu_expires 0", "1..86400")),
    "mtu_expires of more than a day": ((*ATTACH, "mtu_expires", "86401"), ("mtu_expires 86401", "1..86400")),
    "mtu_expires with a unit": ((*ATTACH, "mtu_expires", "600s"), ("600s", "1..86400")),
    "mtu_expires without a value": ((*ATTACH, "mtu_expires"), ("mtu_expires", "1..86400")),
    "mtu_expires twice": ((*ATTACH, "mtu_expires", "3", "mtu_expires", "4"), ("mtu_expires",)),
    "a peer's mtu_expires": ((*PEER, "mtu_expires", "600"), ("mtu_expires",)),
    "icmp 65536": ((*ATTACH, "icmp", "65536"), ("icmp 65536", "0..65535")),
    "icmp beyond 32 bits": ((*ATTACH, "icmp", "4294967297"), ("4294967297", "0..65535")),
    "a negative icmp": ((*ATTACH, "icmp", "-1"), ("-1", "0..65535")),
    "an empty icmp": ((*ATTACH, "icmp", ""), ("icmp", "0..65535")),
    "icmp with a space": ((*ATTACH, "icmp", " 5"), ("icmp", "0..65535")),
    "icmp 0x": ((*ATTACH, "icmp", "0x"), ("0x", "0..65535")),
    "cache 60001": ((*ATTACH, "cache", "60001"), ("cache 60001", "0..60000")),
    "a negative cache": ((*ATTACH, "cache", "-1"), ("-1", "0..60000")),
    "cache with its unit": ((*ATTACH, "cache", "100ms"), ("100ms", "0..60000")),
    "a peer's cache": ((*PEER, "cache", "5"), ("cache",)),
    "a peer's icmp": ((*PEER, "icmp", "5"), ("icmp",)),
    "an option twice": ((*ATTACH, "ttl", "3", "ttl", "4"), ("ttl",)),
    "a peer's option twice": ((*PEER, "local", A, "local", A), ("local",)),
    "remote twice": ((*PEER, "remote", B), ("remote",)),
    "pmtudisc and nopmtudisc": ((*ATTACH, "pmtudisc", "nopmtudisc"), ("pmtudisc",)),
    "a type of tunnel that there is not": ((*PEER, "type", "gre"), ("gre",)),
    "stats every 0 seconds": (("stats", "-w", "0"), ("-w 0", "1..86400")),
    "stats at a pace that is no number": (("stats", "eth0", "-w", "fast"), ("fast", "1..86400")),
    "stats -w without a value": (("stats", "-w"), ("-w", "1..86400")),
    "stats of two devices": (("stats", "eth0", "eth1"), ("eth1", "openmetrics")),
    "stats of a device that cannot be": (("stats", "a/b"), ("a/b",)),
    "stats as metrics again and again": (("stats", "openmetrics", "-w", "1"), ("openmetrics", "-w")),
    "stats as metrics in JSON": (("-j", "stats", "openmetrics"), ("openmetrics", "-j")),
    "export in JSON": (("-j", "export", "eth0"), ("'export'", "-j show eth0' prints JSON")),
    "top of two devices": (("top", "eth0", "eth1"), ("eth1",)),
    "migrate without a layout": (("migrate", "eth0"), ("layout N",)),
    "migrate to a layout before the first": (("migrate", "eth0", "layout", "0"), ("layout 0", "1..3")),
    "migrate to a layout that is still to come": (("migrate", "eth0", "layout", "4"), ("layout 4", "1..3")),
    "migrate to two layouts": (("migrate", "eth0", "layout", "1", "layout", "2"), ("layout",)),
    "explain without a packet": (("explain", "eth0"), ("from", "-r FILE")),
    "explain without from": ((*EXPLAIN[:2], "to", B), ("'from'",)),
    "explain without to": ((*EXPLAIN[:2], "from", B), ("'to'",)),
    "explain from no address": ((*EXPLAIN[:2], "from", "here", "to", B), ("from here",)),
    "explain to a prefix": ((*EXPLAIN[:2], "from", A, "to", "10.0.0.0/8"), ("10.0.0.0/8",)),
    "explain both ways": ((*EXPLAIN, "in", "out"), ("out", "in")),
    "explain out via somebody": ((*EXPLAIN, "out", "via", B), ("via", "out")),
    "explain via no address": ((*EXPLAIN, "via", "home"), ("via home",)),
    "explain a protocol that there is not": ((*EXPLAIN, "proto", "256"), ("proto 256", "udp|tcp|icmp|0..255")),
    "explain a protocol by a name that we do not know": ((*EXPLAIN, "proto", "gre"), ("proto gre",)),
    "explain a port without a protocol": ((*EXPLAIN, "dport", "53"), ("dport", "proto udp")),
    "explain a port of icmp": ((*EXPLAIN, "proto", "icmp", "sport", "53"), ("sport", "proto udp")),
    "explain a port beyond the last": ((*EXPLAIN, "proto", "udp", "dport", "65536"), ("65536",)),
    "explain a packet shorter than its headers": ((*EXPLAIN, "proto", "tcp", "len", "39"), ("len 39", "40")),
    "explain a packet shorter than any": ((*EXPLAIN, "len", "19"), ("len 19", "20..65535")),
    "explain a packet longer than any": ((*EXPLAIN, "len", "65536"), ("len 65536", "20..65535")),
    "explain a packet too long for an outer header": ((*EXPLAIN, "in", "via", B, "len", "65516"), ("65516", "65515")),
    "explain ttl 256": ((*EXPLAIN, "ttl", "256"), ("ttl 256", "0..255")),
    "explain a word twice": ((*EXPLAIN, "from", A), ("from",)),
    "explain a packet and a file": ((*EXPLAIN, "-r", "x.pcap"), ("from", "-r")),
    "explain a file's ttl": (("explain", "eth0", "-r", "x.pcap", "ttl", "9"), ("ttl", "-r")),
    "explain -r without a file": (("explain", "eth0", "-r"), ("-r", "FILE")),
    "explain two devices": (("explain", "eth0", "eth1"), ("eth1",)),
    "two words where one is enough": (("detach", "eth0", "eth1"), ("eth1",)),
    "an unknown flag": (("-x", "show"), ("-x",)),
    "-j behind the command": (("show", "-j"), ("'-j' goes before the command: 'ipipbpf -j show'",)),
    "-j behind the device": (("show", "eth0", "-j"), ("'ipipbpf -j show'",)),
    "-j behind other options": (("check", "--fix", "-j"), ("'ipipbpf -j check'",)),
    "-j behind a command of two words": (("peer", "del", "-j", "eth0"), ("'ipipbpf -j peer del'",)),
    "-n behind the command": (("attach", "-n", "blue", "eth0"), ("'-n' goes", "'ipipbpf -n NETNS attach'")),
    "--netns behind the command": (("top", "--netns", "blue"), ("'--netns' goes", "'ipipbpf --netns NETNS top'")),
    "--netns= behind the command": (("top", "--netns=blue"), ("'ipipbpf --netns=blue top'",)),
    **{f"{' '.join(command)} of an option for a device": ((*command, "-x"), ("unknown option '-x'",))
       for command in commands() if command != ("apply",)},
    "prefix neither bare nor of a peer": (("prefix", "add", "eth0", "10.1.0.0/16"), ("remote",)),
    "prefix bare and of a peer": (("prefix", "add", "eth0", "10.1.0.0/16", "remote", B, "bare"), ("bare",)),
    "an empty word": ((*PEER, "prefix", ""), ()),
    "a very long word": ((*PEER, "prefix", "1" * 5000), ()),
}


@pytest.mark.parametrize("words, named", WORDS.values(), ids=WORDS.keys())
def test_wrong_words(hosts, words, named):
    check_refused(hosts.end.command(*words), WRONG_WORDS, *named)
    check_unchanged(hosts)


def test_of_a_prefix_where_no_host_is_only_a_peer_is_refused(two_hosts):
    end = End(two_hosts.a)
    end.attach("routes", "off")
    end.peer(B)
    for prefix in SOMEBODYS:
        end.do("prefix add", prefix, "remote", B)
        end.do("prefix del", prefix)
    end.do("prefix add", "127.0.0.0/8", "bare")
    end.update("prefixes", struct.pack("=I4B", 4, 240, 0, 0, 0), bytes((172, 16, 1, 62, 0, 0, 0, 0)))
    check_refused(end.command("export", "eth0"), FAILED, "240.0.0.0/4", "prefix del")
    end.do("prefix del", "240.0.0.0/4")
    assert "Prefixes = 127.0.0.0/8\n" in end.command("export", "eth0").stdout


WISHES = {
    "an unknown device": (("attach", "eth7"), ("eth7",)),
    "a device without an address and no local": (("attach", "spare"), ("spare", "local")),
    "a device in a bridge": (("attach", "port"), ("port", "br0")),
    "detach of what is not attached": (("detach", "spare"), ("spare",)),
    "a peer for what is not attached": (("peer", "add", "spare", "remote", B), ("spare", "attach")),
    "migrate of what is not attached": (("migrate", "spare", "layout", "1"), ("spare", "attach")),
    "show of what is not attached": (("show", "spare"), ("spare",)),
    "a peer twice": (("peer", "add", "eth0", "remote", B), (B,)),
    "a prefix of another peer": ((*PEER, "prefix", "10.70.0.0/16"), ("10.70.0.0/16", B)),
    "prefix add of another peer's": (("prefix", "add", "eth0", "10.70.0.0/16", "remote", "172.16.1.71"),
                                     ("172.16.1.71",)),
    "prefix add of one that is bare": (("prefix", "add", "eth0", "10.70.0.0/16", "bare"), ("10.70.0.0/16", B)),
    "a peer that is not there": (("peer", "del", "eth0", "remote", "172.16.1.99"), ("172.16.1.99",)),
    "peer set of one that is not there": (("peer", "set", "eth0", "remote", "172.16.1.99", "ttl", "9"),
                                          ("172.16.1.99",)),
    "the peer any where there is none": (("peer", "del", "eth0", "remote", "any"), ("any",)),
    "a prefix that is not there": (("prefix", "del", "eth0", "10.71.0.0/16"), ("10.71.0.0/16",)),
    "a remote that is this host": (("peer", "add", "eth0", "remote", A), (A,)),
    "a remote that is another address of this host": (("peer", "add", "eth0", "remote", INNER_A), (INNER_A,)),
    "a loop": (("peer", "set", "eth0", "remote", B, "prefix", "172.16.1.0/24"), (B, "172.16.1.0/24")),
    "a loop by prefix add": (("prefix", "add", "eth0", f"{B}/32", "remote", B), (B,)),
    "a loop for another peer": ((*PEER, "prefix", "172.16.1.0/26"), (B,)),
    "a route that others made": ((*PEER, "prefix", "10.60.0.0/16"), ("10.60.0.0/16",)),
    "a fixed ttl with nopmtudisc": ((*ATTACH, "ttl", "64", "nopmtudisc"), ("ttl", "nopmtudisc")),
    "a peer's fixed ttl with nopmtudisc": ((*PEER, "ttl", "64", "nopmtudisc"), ("ttl", "nopmtudisc")),
}


@pytest.mark.parametrize("words, named", WISHES.values(), ids=WISHES.keys())
def test_impossible_wishes(hosts, words, named):
    done = hosts.end.command(*words)
    check_refused(done, FAILED, *named)
    check_unchanged(hosts)


CANNOT_BE_ATTACHED = {"eth7": "no device eth7", "lo": "loopback", "port": "attach to br0"}


@pytest.mark.parametrize("device", CANNOT_BE_ATTACHED)
@pytest.mark.parametrize("command", ("show", "export", "stats"))
def test_attach_is_not_advised_where_it_is_always_refused(hosts, command, device):
    done = hosts.end.command(command, device)
    check_refused(done, FAILED, f"{device} is not attached", CANNOT_BE_ATTACHED[device])
    assert f"ipipbpf attach {device}" not in done.stderr
    assert CANNOT_BE_ATTACHED[device] in hosts.end.command("attach", device).stderr


def test_a_device_name_that_is_too_long(hosts):
    done = hosts.end.command("attach", "sixteen-letters-")
    check_refused(done, done.returncode, "sixteen-letters-")
    assert done.returncode in (FAILED, WRONG_WORDS)
    check_unchanged(hosts)


def test_an_unknown_namespace():
    check_refused(ipipbpf("-n", "no-such-namespace", "show"), FAILED, "no-such-namespace")


def test_json_of_an_empty_machine(two_hosts):
    done = End(two_hosts.b).command("-j", "show")
    assert (done.returncode, done.stdout.strip(), done.stderr) == (0, "[]", "")
    done = End(two_hosts.b).command("show")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def run_inside(network, *words, prefix=(), program=None, **changes):
    """Runs the program inside A without -n."""
    with network.a.entered():
        return ipipbpf(*words, prefix=prefix, program=program, **changes)


def test_not_root(hosts):
    # Seen by nobody: what the sanitizers print at their end needs rights that nobody lacks here.
    drop = ("setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups")
    os.chmod(bpffs(), 0o755)
    for words in ((*ATTACH,), ("detach", "eth0"), PEER, ("prefix", "del", "eth0", "10.70.0.0/16"), ("show",)):
        check_refused(run_inside(hosts, *words, prefix=drop), FAILED, "root")
        check_unchanged(hosts)


def test_root_without_cap_bpf(hosts):
    drop = ("setpriv", "--bounding-set=-bpf,-sys_admin")
    for words in ((*ATTACH,), ("attach", "spare", "local", "10.50.1.1"), PEER):
        check_refused(run_inside(hosts, *words, prefix=drop), FAILED, "CAP_BPF")
        check_unchanged(hosts)


def test_no_bpffs(hosts):
    with tempfile.TemporaryDirectory() as directory:
        for place in (f"{directory}/absent", directory):
            check_refused(hosts.end.command(*ATTACH, IPIPBPF_BPFFS=place), FAILED, place, "bpf")
            assert os.listdir(directory) == []
    check_unchanged(hosts)


def test_inside_ip_netns_exec(hosts):
    done = subprocess.run(["ip", "netns", "exec", hosts.a.name, binary(), *ATTACH], capture_output=True, text=True,
                          check=False, env=environment(IPIPBPF_BPFFS=None))
    check_refused(done, FAILED, "-n")
    check_unchanged(hosts)


def test_a_full_table_of_peers(two_hosts):
    a = End(two_hosts.a)
    a.attach("routes", "off")
    addresses = b"".join(struct.pack("!I", 0x0B000000 + number) for number in range(PEERS_MAX))
    fill(f"{a.pins}/peers", addresses, bytes(32 * PEERS_MAX), PEERS_MAX)
    before = state(two_hosts.a)
    check_refused(a.command(*PEER), FAILED, "172.16.1.70", "'peers' is full")
    check_refused(a.command(*PEER, "prefix", "10.1.0.0/16"), FAILED, "'peers' is full")
    assert differences(before, state(two_hosts.a)) == []
    a.detach(program=plain_binary())


def test_a_full_table_of_prefixes(two_hosts):
    a = End(two_hosts.a)
    a.attach("routes", "on")
    a.peer(B)
    keys = b"".join(struct.pack("=I", 32) + struct.pack("!I", 0x0B000000 + number) for number in range(PREFIXES_MAX))
    fill(f"{a.pins}/prefixes", keys, bytes([172, 16, 1, 62, 0, 0, 0, 0]) * PREFIXES_MAX, PREFIXES_MAX)
    before = state(two_hosts.a)
    done = a.command("prefix", "add", "eth0", "10.1.0.0/16", "remote", B, program=plain_binary())
    check_refused(done, FAILED, "10.1.0.0/16", "'prefixes' is full")
    done = a.command(*PEER, "prefix", "10.1.0.0/16", program=plain_binary())
    check_refused(done, FAILED, "10.1.0.0/16", "'prefixes' is full")
    assert differences(before, state(two_hosts.a)) == []
    a.detach(program=plain_binary())


@pytest.mark.parametrize("pinned", ("an array named meta", "a program named meta", "another map", "a folder"))
def test_a_strangers_directory_of_our_name(two_hosts, pinned):
    a = End(two_hosts.a)
    os.makedirs(a.pins)
    {"an array named meta": lambda: pin_array(f"{a.pins}/meta", bytes(8)),
     "a program named meta": lambda: pin_program(f"{a.pins}/meta"),
     "another map": lambda: pin_array(f"{a.pins}/theirs", bytes(48)),
     "a folder": lambda: os.mkdir(f"{a.pins}/theirs")}[pinned]()
    before = state(two_hosts.a)
    for command in ("attach", "detach"):
        check_refused(a.command(command, "eth0"), FAILED, pin_name(two_hosts.a.name))
        assert differences(before, state(two_hosts.a)) == []


def test_another_layout_is_named_and_left_alone(two_hosts, tmp_path):
    a = End(two_hosts.a)
    file = File(a, tmp_path).write(section("Attach", Src=INNER_A))
    os.makedirs(a.pins)
    pin_array(f"{a.pins}/meta", struct.pack("=I", LAYOUT_NOBODY_KNOWS) + bytes(44))
    before = state(two_hosts.a)
    for words in (ATTACH, ("detach", "eth0"), PEER, ("show", "eth0"), ("stats", "eth0"), ("export", "eth0"),
                  ("apply", str(file.path)), ("apply", "--dry-run", str(file.path)),
                  ("migrate", "eth0", "layout", "2")):
        check_refused(a.command(*words), FAILED, f"layout {LAYOUT_NOBODY_KNOWS}")
        assert differences(before, state(two_hosts.a)) == []


def test_a_meta_that_is_not_as_large_as_its_layout_is_left_alone(two_hosts):
    a = End(two_hosts.a)
    os.makedirs(a.pins)
    pin_array(f"{a.pins}/meta", struct.pack("=I", 1) + bytes(60))
    before = state(two_hosts.a)
    for words in (ATTACH, ("detach", "eth0"), ("show", "eth0"), ("migrate", "eth0", "layout", "2")):
        check_refused(a.command(*words), FAILED, "not ours")
        assert differences(before, state(two_hosts.a)) == []


@pytest.mark.parametrize("mode, flag", (("native", XDP_FLAGS_DRV_MODE), ("skb", XDP_FLAGS_SKB_MODE)))
def test_a_device_that_carries_another_xdp_program(two_hosts, mode, flag):
    # Without the dispatcher there is room for one program. A kernel that loads it has room for both.
    a = End(two_hosts.a)
    with Stranger(two_hosts.a, "eth0", ATTACH_XDP, flag):
        before = state(two_hosts.a)
        check_refused(a.command(*ATTACH, "mode", mode), FAILED, "eth0", "XDP", "tc")
        assert differences(before, state(two_hosts.a)) == []


@pytest.mark.parametrize("error", ("ENOSYS", "EINVAL"))
def test_a_kernel_without_what_is_needed(two_hosts, error):
    a = End(two_hosts.a)
    before = state(two_hosts.a)
    refuse = (*STRACE, "-o", "/dev/null", "-e", "trace=bpf", "-e", f"inject=bpf:error={error}")
    check_refused(a.command(*ATTACH, prefix=refuse, program=plain_binary()), FAILED)
    assert differences(before, state(two_hosts.a)) == []
