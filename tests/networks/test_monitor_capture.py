# SPDX-License-Identifier: GPL-2.0-only
"""`monitor -w`: captures that tshark and tcpdump read, with the verdicts as comments."""
import json
import os
import pty
import signal
import struct
import subprocess
import time

import pytest

from .listening import FORGED, ended, monitoring, tunnel_with_a_forger, wait_until
from .program import End, binary, counting, environment, ipipbpf
from .topology import A, B, INNER_A, cable
from .traffic import send_raw
from .wire import ethernet, ipv4_packet, send_frame, udp_datagram

UDP, IPIP = 17, 4
MOST = 192
# Where the format's document has them: the length of the section header block, its magic, its version.
SECTION_HEADER, MAGIC = 0x0A0D0D0A, 0x1A2B3C4D


@pytest.fixture(scope="module")
def tunnel():
    with tunnel_with_a_forger() as network:
        yield network


@pytest.fixture
def end(tunnel):
    return tunnel.a_end


def forged(payload=b"data"):
    return ipv4_packet(FORGED, INNER_A, UDP, udp_datagram(1, 9, payload))


def fields(path, *names):
    """What tshark reads of each packet, one list a packet; it must have nothing to complain about."""
    done = subprocess.run(["tshark", "-n", "-r", path, "-T", "json", "-x", "-o", "ip.check_checksum:TRUE",
                           *(word for name in names for word in ("-e", name))], capture_output=True, text=True,
                          check=False, env={**os.environ, "LC_ALL": "C.UTF-8"})
    assert done.returncode == 0, done.stderr
    assert [line for line in done.stderr.splitlines() if "superuser" not in line and "root" not in line] == []
    return [[packet["_source"]["layers"].get(name) for name in names] for packet in json.loads(done.stdout)]


def captured(end, path, count, send):
    """Runs `monitor -w` while packets are sent of which so many are refused."""
    with monitoring(end, "eth0", "-w", path) as process, counting(end) as count_of:
        send()
        count_of.settle(lambda seen: sum(seen.verdicts(end).values()) >= count)
        process.terminate()
        return ended(process)


def test_tshark_reads_the_packets_as_they_came_with_their_verdicts(tunnel, end, tmp_path):
    path = str(tmp_path / "refused.pcapng")
    started = time.time()
    assert captured(end, path, 2, lambda: [send_raw(tunnel.b, forged()), send_raw(tunnel.b, forged())]) == (0, "")
    comment = f"rpf_prefix (dropped) peer {B}: inner source is in no prefix of the peer that sent it"
    packets = fields(path, "frame.comment", "frame.interface_name", "ip.src", "ip.dst", "udp.dstport", "frame.len",
                     "frame.packet_flags_direction", "ip.checksum.status", "frame.time_epoch")
    assert len(packets) == 2
    for *told, moment in packets:
        assert told == [[comment], ["eth0"], [B, FORGED], [A, INNER_A], ["9"], ["66"], ["0x00000001"], ["1", "1"]]
        assert started - 0.01 < float(moment[0]) < time.time()
    assert os.stat(path).st_mode & 0o777 == 0o600


def test_a_long_packet_is_cut_and_its_length_told(tunnel, end, tmp_path):
    path = str(tmp_path / "refused.pcapng")
    captured(end, path, 1, lambda: send_raw(tunnel.b, forged(bytes(1000))))
    assert fields(path, "frame.len", "frame.cap_len") == [[[str(14 + 20 + 28 + 1000)], [str(MOST)]]]


def test_a_packet_on_its_way_out_is_marked_so(tunnel, end, tmp_path):
    path = str(tmp_path / "refused.pcapng")
    end.peer("10.66.0.1", "prefix", "10.67.0.0/16")
    captured(end, path, 1, lambda: send_raw(tunnel.a, ipv4_packet(INNER_A, "10.67.0.1", 1, bytes(8))))
    end.do("peer del", "remote", "10.66.0.1")
    packet, = fields(path, "frame.packet_flags_direction", "ip.dst", "frame.comment")
    assert packet[:2] == [["0x00000002"], ["10.67.0.1"]] and packet[2][0].startswith("encap_no_route (dropped) peer ")


def test_the_tag_stands_where_it_was_on_the_wire(tunnel, end, tmp_path):
    path = str(tmp_path / "refused.pcapng")
    frame = ethernet(tunnel.a.address_of("eth0"), tunnel.router.address_of("to-a"),
                     ipv4_packet(B, A, IPIP, forged()), tags=((0x8100, 0x6007),))
    captured(end, path, 1, lambda: send_frame(tunnel.router, "to-a", frame))
    assert fields(path, "vlan.id", "vlan.priority", "ip.src", "frame.len") == [
        [["7"], ["3"], [B, FORGED], [str(len(frame))]]]


def test_tcpdump_reads_it_from_a_pipe_while_it_goes_on(tunnel, end):
    with monitoring(end, "eth0", "-w", "-") as process:
        with subprocess.Popen(["tcpdump", "-n", "-l", "-r", "-"], stdin=process.stdout, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True) as reader:
            process.stdout.close()
            send_raw(tunnel.b, forged())
            line = reader.stdout.readline()
            reader.send_signal(signal.SIGTERM)
        send_raw(tunnel.b, forged())
        assert ended(process) == (0, "")
    assert f"IP {B} > {A}: IP {FORGED}.1 > {INNER_A}.9: UDP, length 4" in line


def test_tshark_reads_it_from_a_pipe(tunnel, end):
    with monitoring(end, "eth0", "-w", "-") as process:
        send_raw(tunnel.b, forged())
        with subprocess.Popen(["tshark", "-n", "-l", "-i", "-", "-c", "1", "-T", "fields", "-e", "frame.comment"],
                              stdin=process.stdout, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              text=True) as reader:
            process.stdout.close()
            assert reader.stdout.readline().startswith("rpf_prefix (dropped)")
            reader.terminate()


def test_what_is_left_out_is_told_with_the_next_packet_and_at_the_end(tunnel, end, tmp_path):
    """Its reader stops while more packets come than the rate allows; one more comes when that is accounted for."""
    path = str(tmp_path / "refused.pcapng")
    packet = forged()
    with monitoring(end, "eth0", "-w", path) as process, counting(end) as count:
        process.send_signal(signal.SIGSTOP)
        with tunnel.b.socket(2, 3, 255) as raw:
            for _ in range(20_000):
                raw.sendto(packet, (INNER_A, 0))
        count.settle(lambda seen: seen.verdicts(end).get("rpf_prefix") == 20_000)
        process.send_signal(signal.SIGCONT)
        size = [-1, -2]

        def settled():
            size[:] = [os.stat(path).st_size, size[0]]
            time.sleep(1.1)
            return size[0] == size[1]
        wait_until(settled)
        send_raw(tunnel.b, packet)
        count.settle(lambda seen: seen.verdicts(end).get("rpf_prefix") == 20_001)
        process.terminate()
        status, said = ended(process)
    dropped = [int(packet[0][0]) if packet[0] else 0 for packet in fields(path, "frame.drop_count")]
    left_out = 20_001 - len(dropped)
    assert left_out > 0 and sum(dropped) == left_out and dropped[-1] > 0
    assert (status, said) == (0, f"ipipbpf: warning: {left_out} refused packets were left out\n")


def test_the_file_is_made_of_whole_blocks(tunnel, end, tmp_path):
    """Each block's length stands at both of its ends, and they fill the file."""
    path = tmp_path / "refused.pcapng"
    captured(end, str(path), 1, lambda: send_raw(tunnel.b, forged()))
    data, at, kinds = path.read_bytes(), 0, []
    while at < len(data):
        kind, length = struct.unpack_from("=II", data, at)
        assert length % 4 == 0 and struct.unpack_from("=I", data, at + length - 4) == (length,)
        kinds.append(kind)
        at += length
    assert kinds == [SECTION_HEADER, 1, 6, 5] and at == len(data)
    assert struct.unpack_from("=IHHq", data, 8) == (MAGIC, 1, 0, -1)


def test_a_device_without_link_header_is_raw_ip(network, tmp_path):
    """And beside it one with: each packet is read as what it is."""
    host, other = network.host("A"), network.host("B")
    cable(host, "eth0 10.5.0.1/24", other, "eth0 10.5.0.2/24")
    host.ip("tuntap add name tun0 mode tun", "addr add 10.6.0.1/24 dev tun0", "link set tun0 up")
    ends = [End(host, "eth0"), End(host, "tun0")]
    for each, remote in zip(ends, ("10.5.0.2", "10.6.0.2")):
        each.attach("routes", "off")
        each.peer(remote)
        each.do("prefix add", f"{remote.replace('10.', '10.7')}/32", "remote", remote)
    host.ip("route add 10.76.0.2/32 dev tun0", "route add unreachable 10.6.0.2/32")
    path = str(tmp_path / "refused.pcapng")
    with monitoring(ends[0], "-w", path, ends=ends) as process, counting(*ends) as count:
        send_raw(host, ipv4_packet("10.6.0.1", "10.76.0.2", 1, bytes(8)))
        send_raw(other, ipv4_packet("10.5.0.2", "10.5.0.1", IPIP, forged()))
        count.settle(lambda seen: sum(map(lambda end: sum(seen.verdicts(end).values()), ends)) == 2)
        process.terminate()
        assert ended(process) == (0, "")
    assert sorted(fields(path, "frame.interface_name", "ip.dst", "frame.encap_type")) == [
        [["eth0"], ["10.5.0.1", INNER_A], ["1"]], [["tun0"], ["10.76.0.2"], ["7"]]]


def test_a_full_disk_is_told(end):
    done = ipipbpf("-n", end.namespace.name, "monitor", "-w", "/dev/full")
    assert (done.returncode, done.stderr) == (1, "ipipbpf: cannot write to /dev/full: No space left on device\n")


def test_a_file_that_cannot_be_made_is_told(end, tmp_path):
    done = end.command("monitor", "-w", str(tmp_path / "nowhere/x"))
    assert done.returncode == 1 and done.stderr.startswith(f"ipipbpf: cannot make {tmp_path}/nowhere/x: ")


def test_a_capture_is_not_written_on_a_terminal(end):
    terminal, far = pty.openpty()
    try:
        done = subprocess.run([binary(), "-n", end.namespace.name, "monitor", "-w", "-"], stdout=far, text=True,
                              stderr=subprocess.PIPE, env=environment(), check=False)
    finally:
        os.close(terminal)
        os.close(far)
    assert done.returncode == 1 and "let a pipe take it" in done.stderr


def test_a_file_that_is_there_is_made_anew(tunnel, end, tmp_path):
    path = tmp_path / "refused.pcapng"
    path.write_bytes(b"something else" * 1000)
    captured(end, str(path), 1, lambda: send_raw(tunnel.b, forged()))
    assert len(fields(str(path), "frame.comment")) == 1
