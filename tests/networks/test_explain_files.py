# SPDX-License-Identifier: GPL-2.0-only
"""`explain DEV -r FILE`: each packet of a capture, whatever wrote it; and files that are none."""
import json
import subprocess

import pytest

from .explained_cases import CASES, HOST, IN, OUT, Case, about_ours, addressed, broken, outer, quiet, send
from .explaining import LINUX_COOKED, RAW_IP, explain, pcap, pcapng
from .program import binary, counting, environment
from .topology import A, B, INNER_A, INNER_B, TwoHosts
from .traffic import Pinger
from .tunnels import between_two_hosts
from .wire import Capture

FAILED = 1
ARP, IPV6 = b"\x08\x06", b"\x86\xdd"
TAG = (0x8100, 5)


@pytest.fixture(scope="module")
def hosts():
    with TwoHosts() as network:
        network.end, _ = between_two_hosts(network, "tc")
        yield network


@pytest.fixture
def file(tmp_path):
    """A function that writes a file and gives its name."""
    def write(data):
        path = tmp_path / "file.pcap"
        path.write_bytes(data)
        return str(path)
    return write


def frames_of(hosts, *cases):
    return [addressed(hosts, case) for case in cases]


def verdicts(explained):
    return [(packet["direction"], packet["verdict"]) for packet in explained]


GOES_OUT, COMES_IN, SPOOFED = CASES["encap_ok"], CASES["decap_ok"], CASES["plain_source"]
EXPECTED = [("out", "encap_ok"), ("in", "decap_ok"), ("in", "plain_source")]


@pytest.mark.parametrize("form", (pcap, pcapng))
def test_each_packet_is_explained_in_its_order(hosts, file, form):
    explained = explain(hosts.end, "-r", file(form(*frames_of(hosts, GOES_OUT, COMES_IN, SPOOFED))))
    assert verdicts(explained) == EXPECTED
    assert [packet["packet"] for packet in explained] == [1, 2, 3]


def test_bare_packets_go_the_way_that_their_addresses_say(hosts, file):
    other_way = quiet(INNER_A, "10.66.0.9")
    packets = [GOES_OUT.packet, COMES_IN.packet, SPOOFED.packet, other_way, about_ours(HOST),
               outer(quiet(INNER_A, INNER_B), src=A, dst=B)]
    explained = explain(hosts.end, "-r", file(pcap(*packets, link_type=RAW_IP)))
    assert verdicts(explained) == [*EXPECTED, ("out", None), ("in", "error_relayed"), ("out", None)]
    assert explained[-1]["meaning"] == "this host has wrapped it already"


def test_frames_of_other_hosts_go_the_way_that_their_addresses_say(hosts, file):
    frames = [bytes(12) + b"\x08\0" + case.packet for case in (GOES_OUT, COMES_IN, SPOOFED)]
    assert verdicts(explain(hosts.end, "-r", file(pcap(*frames)))) == EXPECTED


def test_a_word_says_the_way_of_all(hosts, file):
    name = file(pcap(*frames_of(hosts, GOES_OUT, COMES_IN)))
    assert verdicts(explain(hosts.end, "-r", name, "in")) == [("in", None), ("in", "decap_ok")]
    assert verdicts(explain(hosts.end, "out", "-r", name)) == [("out", "encap_ok"), ("out", None)]


def test_what_is_captured_on_the_device_itself(hosts, file):
    """What leaves is wrapped when it is seen there, what comes in not yet unwrapped."""
    with Capture(hosts.a, "eth0") as capture, Pinger(hosts.a, INNER_A, INNER_B) as pinger:
        assert pinger.ping() is not None
        frames = [frame.data for frame in capture.frames if frame.ethertype == 0x0800]
    explained = explain(hosts.end, "-r", file(pcap(*frames)))
    assert verdicts(explained) == [("out", None), ("in", "decap_ok")]
    assert explained[0]["meaning"] == "this host has wrapped it already"


def test_a_file_of_tcpdump(hosts, tmp_path):
    path = tmp_path / "eth0.pcap"
    command = ("tcpdump", "-Z", "root", "-i", "eth0", "-U", "-c", "2", "-w", path, "proto", "4")
    with hosts.a.entered(), subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as tcpdump:
        while "listening on" not in tcpdump.stderr.readline():
            assert tcpdump.poll() is None
        with Pinger(hosts.a, INNER_A, INNER_B) as pinger:
            assert pinger.ping() is not None
        assert tcpdump.wait(10) == 0
    assert verdicts(explain(hosts.end, "-r", str(path))) == [("out", None), ("in", "decap_ok")]


def test_standard_input(hosts):
    frames = pcap(*frames_of(hosts, GOES_OUT))
    done = subprocess.run([binary(), "-n", hosts.a.name, "explain", "eth0", "-r", "-"], input=frames, check=False,
                          capture_output=True, env=environment())
    assert (done.returncode, done.stderr) == (0, b"")
    assert b"verdict: encap_ok, carried" in done.stdout


def test_an_empty_capture(hosts, file):
    assert explain(hosts.end, "-r", file(pcap())) == []
    done = hosts.end.command("explain", "eth0", "-r", file(pcap()))
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_people_read_the_number_of_each_packet(hosts, file):
    done = hosts.end.command("explain", "eth0", "-r", file(pcap(*frames_of(hosts, GOES_OUT, SPOOFED))))
    assert [line for line in done.stdout.splitlines() if line.startswith("packet")] == [
        "packet 1: out of eth0", "packet 2: into eth0"]
    assert done.stdout.count("\n\n") == 1


def test_each_packet_is_judged_by_what_is_known_now_and_not_by_those_before_it(hosts, file):
    """The first is an error that the next one would draw, the third teaches a path MTU that would be too small."""
    big = Case(OUT, quiet(INNER_A, INNER_B, 1400))
    cases = [CASES[name] for name in ("error_kept", "encap_ok", "error_relayed")] + [big]
    assert [packet["verdict"] for packet in explain(hosts.end, "-r", file(pcap(*frames_of(hosts, *cases))))] == [
        "error_kept", "encap_ok", "error_relayed", "encap_ok"]


def test_the_rate_of_icmp_errors_is_not_used_up_by_a_file(hosts, file):
    frames = frames_of(hosts, *[CASES["encap_too_big"]] * 60)
    explained = explain(hosts.end, "-r", file(pcap(*frames)))
    assert len(explained) == 60 and all(packet["answer"] for packet in explained)
    assert explained[0]["answer"][0]["icmp_mtu"] == 1480
    assert "whether the rate of 'icmp' still allows this ICMP error" in explained[0]["unknown"]


def test_what_is_known_of_a_path_counts(file, two_hosts):
    end, _ = between_two_hosts(two_hosts, "tc")
    fits = addressed(two_hosts, Case(OUT, quiet(INNER_A, INNER_B, 1200)))
    name = file(pcap(fits))
    assert explain(end, "-r", name)[0]["verdict"] == "encap_ok"
    with counting(end) as count:
        send(two_hosts, CASES["error_relayed"])
    assert count.verdicts(end) == {"error_relayed": 1}
    explained, = explain(end, "-r", name)
    assert (explained["verdict"], explained["peer"]["effective"]["path_mtu"]) == ("encap_too_big", 1000)
    assert explained["answer"][0]["icmp_mtu"] == 980


@pytest.mark.parametrize("tags", ((TAG,), ((0x88A8, 7), TAG)))
def test_tagged_frames(hosts, file, tags):
    cases = [COMES_IN._replace(tags=tags), GOES_OUT._replace(tags=tags)]
    explained = explain(hosts.end, "-r", file(pcap(*frames_of(hosts, *cases))))
    assert verdicts(explained) == [("in", "decap_ok"), ("out", "tagged")]
    assert [packet["tagged"] for packet in explained] == [True, True]
    assert (explained[0]["result"][0]["src"], explained[0]["result"][0]["dst"]) == (INNER_B, INNER_A)


def test_a_tunnel_inside_of_the_tunnel(hosts, file):
    """What counts is the packet inside, whatever it carries itself."""
    nested = outer(quiet("10.1.1.1", "10.2.2.2"), src=INNER_B, dst=INNER_A)
    cases = [Case(IN, outer(nested)), Case(OUT, outer(quiet("10.2.2.2", "10.1.1.1"), src=INNER_A, dst=INNER_B))]
    came, went = explain(hosts.end, "-r", file(pcap(*frames_of(hosts, *cases))))
    assert (came["verdict"], came["prefix"]["dst"], came["back_route"]["to"]) == ("decap_ok", f"{INNER_B}/32", INNER_B)
    assert came["kernel_route"]["to"] == INNER_A and len(came["result"]) == 2
    assert (went["verdict"], went["prefix"]["dst"]) == ("encap_ok", f"{INNER_B}/32")
    assert went["kernel_route"]["to"] == INNER_B and len(went["result"]) == 3


def test_what_is_not_ipv4_is_told_so(hosts, file):
    frames = [bytes(12) + ARP + bytes(28), bytes(12) + IPV6 + b"\x60" + bytes(60), bytes(5),
              bytes(12) + b"\x08\0E" + bytes(10)]
    for explained in explain(hosts.end, "-r", file(pcap(*frames))):
        assert (explained["verdict"], explained["meaning"], explained["headers"]) == (None, "it is not IPv4", [])


def test_what_a_file_has_cut_off_counts_as_zeros(hosts, file):
    whole = frames_of(hosts, GOES_OUT, COMES_IN, CASES["encap_too_big"])
    cut = [frame[:62] for frame in whole]
    explained = explain(hosts.end, "-r", file(pcap(*cut, lengths=[len(frame) for frame in whole])))
    assert [packet["verdict"] for packet in explained] == ["encap_ok", "decap_ok", "encap_too_big"]


def incoming_of(size):
    return outer(quiet(INNER_B, INNER_A, size))


@pytest.mark.parametrize("size", (3100, 40000))
def test_packets_longer_than_any_frame(hosts, file, size):
    """Segments that the device or the stack has joined: what is right in them stays right, what is wrong wrong."""
    cases = [Case(IN, incoming_of(size)), Case(IN, broken(incoming_of(size), 10)),
             Case(IN, outer(quiet(INNER_B, INNER_A, size)[:-1])), Case(OUT, quiet(INNER_A, INNER_B, size))]
    explained = explain(hosts.end, "-r", file(pcap(*frames_of(hosts, *cases))))
    assert [packet["verdict"] for packet in explained] == ["decap_ok", "outer_bad", "inner_bad", "encap_too_big"]
    assert explained[0]["result"][0]["length"] == size + 28
    quoted = explained[3]["answer"][1]
    assert (quoted["quoted"], quoted["length"]) == (True, size + 28)
    assert "whether it is a GSO packet, which leaves in segments that may fit" in explained[3]["unknown"]


def check_refused(done, *named):
    assert done.returncode == FAILED, done.stderr
    lines = done.stderr.splitlines()
    assert len(lines) == 1 and lines[0].startswith("ipipbpf: ") and "warning" not in lines[0], done.stderr
    for thing in named:
        assert thing in lines[0], f"{thing!r} is not named: {lines[0]}"


def refused(hosts, name, *named, words=()):
    done = hosts.end.command("explain", "eth0", "-r", name, *words)
    check_refused(done, *named)
    assert done.stdout == ""


def test_files_that_are_none(hosts, file, tmp_path):
    refused(hosts, str(tmp_path / "absent.pcap"), "absent.pcap", "No such file")
    refused(hosts, str(tmp_path), str(tmp_path), "directory")
    for data in (b"", b"\xd4\xc3", b"this is no capture, but a text that is long enough\n" * 9, bytes(4096)):
        refused(hosts, file(data), "file.pcap", "tcpdump -w")
    refused(hosts, file(pcap(bytes(60), link_type=LINUX_COOKED)), "file.pcap", "LINUX_SLL", "tcpdump -i")
    refused(hosts, file(pcap(bytes(60), link_type=4242)), "file.pcap", "link type")


def test_a_file_that_ends_amid_a_packet_is_explained_so_far(hosts, file):
    whole = pcap(*frames_of(hosts, GOES_OUT, COMES_IN))
    name = file(whole[:-1])
    done = hosts.end.command("explain", "eth0", "-r", name)
    check_refused(done, name, "packet 2")
    assert "verdict: encap_ok" in done.stdout and "packet 2" not in done.stdout
    done = hosts.end.command("-j", "explain", "eth0", "-r", name)
    check_refused(done, name, "packet 2")
    assert verdicts(json.loads(done.stdout)) == [("out", "encap_ok")]


def test_a_pcapng_of_two_kinds_of_devices(hosts, file):
    name = file(pcapng(*frames_of(hosts, GOES_OUT), link_types=(1, RAW_IP)))
    done = hosts.end.command("explain", "eth0", "-r", name)
    check_refused(done, name, "interface")


def test_a_packet_that_is_longer_than_any(hosts, file):
    refused(hosts, file(pcap(bytes(100_000))), "packet 1", "100000 bytes")
