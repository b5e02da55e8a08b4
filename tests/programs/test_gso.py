# SPDX-License-Identifier: GPL-2.0-only
"""GSO packets, mostly of TCP, over veth devices, which carry them whole: test runs have none that the kernel would wrap."""

import contextlib
import os
import socket
import struct
import subprocess

import pytest
from scapy.compat import raw
from scapy.layers.inet import IP, TCP, UDP
from scapy.layers.l2 import GRE

from . import verdicts
from .attachment import TC_SHOT
from .bpf import MAP_TYPE_ARRAY, MAP_TYPE_PROG_ARRAY, PROG_TYPE_SCHED_CLS, create_map, instruction, load_program
from .frames import arriving, icmp_error, leaving, options, outer, wrapped
from .tables import NOPMTUDISC, Counters
from .tagging import (CALL, EXIT, JUMP_IF_NOT, LOAD, LOAD_MAP, MAP_FD, MOVE, MOVE_IMMEDIATE, R0, R1, R2, R3, R4, R5, R6,
                      STORE, TAIL_CALL)
from .underlay import BEHIND_GATEWAY, DEV, GATEWAY, LOCAL, OTHER
from .wire import EGRESS, INGRESS, Offload, Wire, attached, redirecting

STORE_WORD, ADD, R10, MAP_VALUE = 0x62, 0x07, 10, 2
CSUM_LEVEL, CSUM_LEVEL_INC = 135, 1
ADJUST_ROOM, LOAD_BYTES, STORE_BYTES, ROOM_MAC = 50, 26, 9, 1
MARK, PROTOCOL = 8, 16  # in struct __sk_buff
FIXED_GSO, ENCAP_L3_IPV4, ENCAP_L4_GRE, ENCAP_L4_UDP = 1 << 0, 1 << 1, 1 << 3, 1 << 4
HERE, THERE = "192.168.8.8", "192.168.1.9"
SIZE = 1000
NEEDS_CHECKSUM, TCPV4, UDPV4 = 1, 1, 5
UDP_SEGMENT = 103


def segment(payload, src=HERE, dst=THERE, tcp_options=0, flags="DF", **fields):
    """A TCP packet. Its options are of one byte each."""
    segment = TCP(sport=1111, dport=2222, flags="A", options=[("NOP", None)] * tcp_options)
    return IP(raw(IP(src=src, dst=dst, id=0xBEEF, flags=flags, **fields) / segment / payload))


def datagram(payload):
    return IP(raw(IP(src=HERE, dst=THERE, flags="DF") / UDP(sport=1111, dport=2222) / payload))


def offload(packet, gso_size=SIZE):
    """What the kernel is told of a GSO packet in a frame."""
    start = 14 + packet.ihl * 4
    return Offload(NEEDS_CHECKSUM, TCPV4, start + packet[TCP].dataofs * 4, gso_size, start, 16)


def udp_offload(packet):
    return Offload(NEEDS_CHECKSUM, UDPV4, 14 + packet.ihl * 4 + 8, SIZE, 14 + packet.ihl * 4, 6)


def on_wire(packet, size=SIZE):
    """As how many packets a packet is sent, and the sum of their total lengths."""
    headers = packet.ihl * 4 + packet[TCP].dataofs * 4
    count = -(-(len(packet) - headers) // size)
    return count, len(packet) + (count - 1) * headers


def counted(attachment):
    return {verdicts.NAMES[index]: count for index, count in enumerate(attachment.verdicts()) if count}


@contextlib.contextmanager
def wires(*devices):
    with contextlib.ExitStack() as stack:
        yield [stack.enter_context(contextlib.closing(Wire(device))) for device in devices]


def load_once(name, change):
    """A TC program that does that to each packet, whose context is R6: once, for what goes by way of the kernel's
    neighbour code comes to it again."""
    change = [instruction(MOVE_IMMEDIATE, R2, immediate=1), instruction(STORE, R6, R2, MARK), *change]
    return load_program(PROG_TYPE_SCHED_CLS, name, [
        instruction(MOVE, R6, R1), instruction(LOAD, R2, R6, MARK), instruction(JUMP_IF_NOT, R2, offset=len(change)),
        *change, instruction(MOVE_IMMEDIATE, R0, immediate=-1), instruction(EXIT)])


@contextlib.contextmanager
def wrapping(headers, kind=0):
    """A TC program that puts headers before each packet as they are, and tells the kernel of which kind they are."""
    size = -(-len(headers) // 4) * 4
    words = [instruction(STORE_WORD, R10, offset=4 * at - size, immediate=word)
             for at, word in enumerate(struct.unpack(f"<{size // 4}i", headers.ljust(size, bytes(1))))]
    grow = [instruction(MOVE, R1, R6), instruction(MOVE_IMMEDIATE, R2, immediate=len(headers)),
            instruction(MOVE_IMMEDIATE, R3, immediate=ROOM_MAC),
            instruction(MOVE_IMMEDIATE, R4, immediate=FIXED_GSO | ENCAP_L3_IPV4 | kind),
            instruction(CALL, immediate=ADJUST_ROOM)]
    store = [instruction(MOVE, R1, R6), instruction(MOVE_IMMEDIATE, R2, immediate=14), instruction(MOVE, R3, R10),
             instruction(ADD, R3, immediate=-size), instruction(MOVE_IMMEDIATE, R4, immediate=len(headers)),
             instruction(MOVE_IMMEDIATE, R5), instruction(CALL, immediate=STORE_BYTES)]
    program = load_once("wrapping", grow + words + store)
    yield program
    os.close(program.fd)


@pytest.fixture(params=[(payload, inner, transport) for payload in (SIZE + 1, 5 * SIZE - 1, 5 * SIZE, 5 * SIZE + 1)
                        for inner, transport in ((0, 0), (8, 12), (40, 40))], ids=str)
def shape(request):
    """Bytes of payload, of IP options and of TCP options."""
    payload, inner, transport = request.param
    return {"payload": os.urandom(payload), "options": options(inner), "tcp_options": transport}


# Egress

@pytest.fixture
def cable(encap, dataplane):
    """DEV's cable, from where packets are wrapped to the far end."""
    with wires(DEV, f"far-{DEV}") as cable, attached(encap.ifindex, EGRESS, dataplane.programs["egress"]):
        encap.peer(BEHIND_GATEWAY, "192.168.1.0/24")
        yield cable


def carried(cable, packet):
    near, far = cable
    near.send(leaving(packet), offload(packet))
    return far.receive()


def test_a_gso_packet_is_wrapped_whole_and_counts_as_its_segments(encap, cable, shape):
    packet = segment(**shape)
    count, size = on_wire(packet)
    for sent in (1, 2):  # the first goes by way of the kernel's neighbour code
        told, frame = carried(cable, packet)
        assert frame[14:] == wrapped(packet)[14:]
        assert (told.kind, told.gso_size, told.checksum_start) == (TCPV4, SIZE, offload(packet).checksum_start + 20)
        assert counted(encap) == {"encap_ok": sent * count}
        assert encap.counters() == {BEHIND_GATEWAY: Counters(tx_packets=sent * count, tx_bytes=sent * size)}


def test_a_gso_packet_takes_an_identification_for_each_segment(encap, cable):
    """The kernel counts upward from the first."""
    encap.device(df=NOPMTUDISC)
    frames = [carried(cable, segment(bytes(5 * SIZE), flags=0))[1] for _ in range(3)]
    found = [int.from_bytes(frame[18:20], "big") for frame in frames]
    assert [(after - before) % 0x10000 for before, after in zip(found, found[1:])] == [5, 5]


def test_udp_segments_are_wrapped_whole(encap, cable):
    packet = datagram(bytes(2 * SIZE + 1))
    near, far = cable
    near.send(leaving(packet), udp_offload(packet))
    told, frame = far.receive()
    assert (frame[14:], told.kind, told.gso_size) == (wrapped(packet)[14:], UDPV4, SIZE)
    assert counted(encap) == {"encap_ok": 3}


@pytest.fixture
def sums_up_nothing(underlay_ifindex):
    """DEV without checksums, and a neighbour there: until its address is known a packet does not reach the program."""
    subprocess.run(["ethtool", "-K", DEV, "tx", "off"], check=True, stdout=subprocess.DEVNULL)
    subprocess.run(["ip", "-batch", "-"], check=True, text=True,
                   input=f"route add {THERE} dev {DEV}\nneigh add {THERE} lladdr 02:00:00:00:00:09 dev {DEV}\n")
    yield
    subprocess.run(["ip", "-batch", "-"], check=True, text=True,
                   input=f"neigh del {THERE} dev {DEV}\nroute del {THERE} dev {DEV}\n")
    subprocess.run(["ethtool", "-K", DEV, "tx", "on"], check=True, stdout=subprocess.DEVNULL)


def send_udp_segments():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.sendmsg([bytes(2 * SIZE + 1)], [(socket.IPPROTO_UDP, UDP_SEGMENT, struct.pack("H", SIZE))], 0, (THERE, 9))


def test_udp_segments_whose_checksum_nobody_has_begun_are_refused(encap, cable, sums_up_nothing):
    """With room for another header in them the kernel could not cut them, and would lose them."""
    send_udp_segments()
    assert counted(encap) == {"encap_error": 3}
    assert encap.counters() == {BEHIND_GATEWAY: Counters(drops=3)}


@pytest.fixture
def checked_before(dataplane):
    """A program that says of each packet that somebody has checked its sum, and goes over into the egress program."""
    tested = create_map(MAP_TYPE_PROG_ARRAY, "tested", 4, 4, 1)
    tested[bytes(4)] = struct.pack("=I", dataplane.programs["egress"].fd)
    program = load_program(PROG_TYPE_SCHED_CLS, "checked", [
        instruction(MOVE, R6, R1), instruction(MOVE_IMMEDIATE, R2, immediate=CSUM_LEVEL_INC),
        instruction(CALL, immediate=CSUM_LEVEL), instruction(MOVE, R1, R6),
        instruction(LOAD_MAP, R2, MAP_FD, immediate=tested.fd), instruction(0), instruction(MOVE_IMMEDIATE, R3),
        instruction(CALL, immediate=TAIL_CALL), instruction(MOVE_IMMEDIATE, R0), instruction(EXIT)])
    yield program
    os.close(program.fd)
    os.close(tested.fd)


def test_udp_segments_whose_checksum_somebody_has_checked_are_wrapped(encap, checked_before, sums_up_nothing):
    """As those are that a card has merged, and that the kernel forwards."""
    encap.peer(BEHIND_GATEWAY, "192.168.1.0/24")
    with attached(encap.ifindex, EGRESS, checked_before):
        send_udp_segments()
    assert counted(encap) == {"encap_ok": 3}


@pytest.fixture
def widest_mtu(underlay_ifindex):
    """DEV and its far end as wide as IPv4 can use them."""
    def set_mtu(mtu):
        subprocess.run(["ip", "-batch", "-"], check=True, text=True,
                       input=f"link set {DEV} mtu {mtu}\nlink set far-{DEV} mtu {mtu}\n")

    set_mtu(65535)
    yield
    set_mtu(1500)


@pytest.mark.parametrize("longest, verdict", [(65515, "encap_ok"), (65516, "encap_too_big")])
def test_no_segment_grows_beyond_what_its_length_field_can_say(encap, cable, widest_mtu, longest, verdict):
    near, _ = cable
    packet = segment(bytes(65535 - 40))
    near.send(leaving(packet), offload(packet, gso_size=longest - 40))
    assert counted(encap) == {verdict: 2}
    if verdict == "encap_too_big":
        _, error = near.receive()
        assert struct.unpack_from("!BBHHH", error, 14 + 20)[::4] == (3, 65515)


@pytest.mark.parametrize("length", [4095, 4096, 3 * 4095 - 14, 3 * 4095 - 13, 3 * 4095 + 1, 16300, 65535])
def test_a_long_packet_is_quoted_as_any_other(encap, cable, widest_mtu, length):
    """The kernel takes away 4,095 bytes of it at once, and lets no more than some 16,000 grow. It is one segment, whatever
    this file has otherwise."""
    near, _ = cable
    encap.path(BEHIND_GATEWAY, mtu=1400, mtu_for=60)
    packet = segment(bytes(length - 40))
    near.send(leaving(packet))
    assert counted(encap) == {"encap_too_big": 1}
    _, error = near.receive()
    assert struct.unpack_from("!BBHHH", error, 14 + 20)[::4] == (3, 1380)
    assert error[14 + 28:] == raw(packet)[:576 - 28]


@pytest.fixture
def total_length():
    """A program that notes the total length of each packet of IPv4, and the map of that, in which it is as it lies in the
    header."""
    found = create_map(MAP_TYPE_ARRAY, "found", 4, 2, 1)
    program = load_program(PROG_TYPE_SCHED_CLS, "total_length", [
        instruction(LOAD, R2, R1, PROTOCOL), instruction(JUMP_IF_NOT, R2, offset=5, immediate=8),
        instruction(MOVE_IMMEDIATE, R2, immediate=14 + 2), instruction(LOAD_MAP, R3, MAP_VALUE, immediate=found.fd),
        instruction(0), instruction(MOVE_IMMEDIATE, R4, immediate=2), instruction(CALL, immediate=LOAD_BYTES),
        instruction(MOVE_IMMEDIATE, R0, immediate=TC_SHOT), instruction(EXIT)])
    yield program, found
    os.close(program.fd)
    os.close(found.fd)


@pytest.mark.parametrize("length, field", [(65514, 65534), (65515, 65535), (65516, 0)])
def test_the_longest_gso_packet_has_its_length_in_its_header(encap, dataplane, total_length, length, field):
    """Also devices that cut it themselves get it so."""
    encap.peer(BEHIND_GATEWAY, "192.168.1.0/24")
    program, found = total_length
    packet = segment(bytes(length - 40))
    with attached(encap.ifindex, EGRESS, dataplane.programs["egress"], program), wires(DEV) as (near,):
        for _ in range(2):  # the first goes by way of the kernel's neighbour code
            near.send(leaving(packet), offload(packet))
    assert struct.unpack("!H", found[bytes(4)]) == (field,)


@pytest.fixture
def marked_as_wrapped():
    """A program that leaves on each packet the kernel's mark of being wrapped, as one has that came out of a tunnel."""
    change = [[instruction(MOVE, R1, R6), instruction(MOVE_IMMEDIATE, R2, immediate=by),
               instruction(MOVE_IMMEDIATE, R3, immediate=ROOM_MAC), instruction(MOVE_IMMEDIATE, R4, immediate=flags),
               instruction(MOVE_IMMEDIATE, R5), instruction(CALL, immediate=ADJUST_ROOM)]
              for by, flags in ((20, FIXED_GSO | ENCAP_L3_IPV4), (-20, FIXED_GSO))]
    program = load_once("marked", [*change[0], *change[1]])
    yield program
    os.close(program.fd)


@pytest.mark.parametrize("length", [1500, 9000, 3 * 4095 - 14])
def test_so_is_a_packet_out_of_another_tunnel(encap, dataplane, marked_as_wrapped, widest_mtu, length):
    """The kernel cuts nothing off its end."""
    encap.peer(BEHIND_GATEWAY, "192.168.1.0/24")
    encap.path(BEHIND_GATEWAY, mtu=1400, mtu_for=60)
    packet = segment(bytes(length - 40))
    with attached(encap.ifindex, EGRESS, marked_as_wrapped, dataplane.programs["egress"]), wires(DEV) as (near,):
        near.send(leaving(packet))
        _, error = near.receive()
    assert counted(encap) == {"encap_too_big": 1}
    assert struct.unpack_from("!BBHHH", error, 14 + 20)[::4] == (3, 1380)
    assert error[14 + 28:] == raw(packet)[:576 - 28]


def test_one_that_is_too_long_to_be_quoted_is_counted_alone(encap, dataplane, marked_as_wrapped, widest_mtu):
    encap.peer(BEHIND_GATEWAY, "192.168.1.0/24")
    encap.path(BEHIND_GATEWAY, mtu=1400, mtu_for=60)
    too_big, other = segment(bytes(1500)), segment(b"for no tunnel", dst="192.168.2.9")
    with attached(encap.ifindex, EGRESS, marked_as_wrapped, dataplane.programs["egress"]), \
            wires(DEV, f"far-{DEV}") as (near, far):
        for packet in (segment(b"neither quoted nor sent".ljust(3 * 4095)), too_big, other):
            near.send(leaving(packet))
        _, error = near.receive()
        _, arrived = far.receive()
    assert counted(encap) == {"encap_too_big": 2, "encap_no_prefix": 1}
    assert error[14 + 28:] == raw(too_big)[:576 - 28]
    assert arrived[14:] == raw(other)


def test_a_packet_that_the_kernel_does_not_let_grow_is_refused(encap, cable, widest_mtu):
    near, _ = cable
    near.send(leaving(segment(bytes(16384 - 40))))
    assert counted(encap) == {"encap_error": 1}


@contextlib.contextmanager
def behind(encap, dataplane, program):
    """DEV's cable, where a program has each packet before the one under test."""
    encap.peer(BEHIND_GATEWAY, "192.168.1.0/24")
    with attached(encap.ifindex, EGRESS, program, dataplane.programs["egress"]), \
            wires(DEV, f"far-{DEV}") as (near, far):
        yield near, far


VXLAN = ENCAP_L4_UDP, UDP(sport=5555, dport=4789, chksum=0) / bytes(8 + 14)
GRE_TUNNEL = ENCAP_L4_GRE, GRE(proto=0x800)
PIECES = bytes(3 * SIZE - 100)


@contextlib.contextmanager
def in_a_tunnel(encap, dataplane, inside, kind=0, header=None):
    """The wire's ends, and the packet as that tunnel's device sends it whose own it is."""
    around = IP(raw(IP(src=HERE, dst=THERE, flags="DF") / header / inside if header else
                    IP(src=HERE, dst=THERE, flags="DF", proto=4) / raw(inside)))
    with wrapping(raw(around)[:len(around) - len(inside)], kind) as wrap, \
            behind(encap, dataplane, wrap) as (near, far):
        yield near, far, around


@pytest.mark.parametrize("tunnel, inside, told", [
    (VXLAN, segment(PIECES), offload), (GRE_TUNNEL, segment(PIECES), offload),
    (GRE_TUNNEL, datagram(PIECES), udp_offload),
], ids=["tcp in vxlan", "tcp in gre", "udp in gre"])
def test_segments_in_a_tunnel_of_another_kind_are_refused(encap, dataplane, tunnel, inside, told):
    """The kernel is told of one kind of tunnel, and cuts what is in another in none of IPIP."""
    with in_a_tunnel(encap, dataplane, inside, *tunnel) as (near, _, _):
        near.send(leaving(inside), told(inside))
    assert counted(encap) == {"encap_error": 3}


@pytest.mark.parametrize("tunnel", [VXLAN, GRE_TUNNEL, ()], ids=["vxlan", "gre", "ipip"])
def test_a_single_packet_in_a_tunnel_of_any_kind_is_carried(encap, dataplane, tunnel):
    inside = segment(b"no segments")
    with in_a_tunnel(encap, dataplane, inside, *tunnel) as (near, far, around):
        near.send(leaving(inside))
        _, frame = far.receive()
    assert frame[14:] == wrapped(around)[14:]
    assert counted(encap) == {"encap_ok": 1}


@pytest.mark.parametrize("inside, told, headers", [(segment(PIECES), offload, 40), (datagram(PIECES), udp_offload, 28)],
                         ids=["tcp", "udp"])
def test_segments_in_a_tunnel_of_ipip_are_carried_and_count_with_the_headers_of_both(encap, dataplane, inside, told,
                                                                                     headers):
    with in_a_tunnel(encap, dataplane, inside) as (near, far, around):
        near.send(leaving(inside), told(inside))
        offloaded, frame = far.receive()
    assert frame[14:] == wrapped(around)[14:] and offloaded.gso_size == SIZE
    assert counted(encap) == {"encap_ok": 3}
    size = len(around) + 2 * (20 + headers)
    assert encap.counters() == {BEHIND_GATEWAY: Counters(tx_packets=3, tx_bytes=size)}


@pytest.mark.parametrize("packet, told", [(segment(PIECES), offload), (datagram(PIECES), udp_offload)],
                         ids=["tcp", "udp"])
def test_segments_out_of_another_tunnel_are_carried(encap, dataplane, marked_as_wrapped, packet, told):
    with behind(encap, dataplane, marked_as_wrapped) as (near, far):
        near.send(leaving(packet), told(packet))
        offloaded, frame = far.receive()
    assert frame[14:] == wrapped(packet)[14:]
    assert (offloaded.kind, offloaded.gso_size) == (told(packet).kind, SIZE)
    assert counted(encap) == {"encap_ok": 3}


# Ingress

@pytest.fixture
def receiver(decap_tc, dataplane):
    """A function that has a packet wrapped by the far end and sent to DEV; it tells what comes out there.

    From DEV what is stripped goes on, out of another device.
    """
    program = dataplane.programs["tc"]

    def send(packet, **fields):
        header = raw(outer(packet, **fields))[:20]
        with wrapping(header) as wrap, attached(socket.if_nametoindex(f"far-{DEV}"), EGRESS, wrap):
            far.send(arriving(packet), offload(packet))
        return other.receive()

    with wires(f"far-{DEV}", f"far-{OTHER}") as (far, other), redirecting(socket.if_nametoindex(OTHER)) as on, \
            attached(decap_tc.ifindex, INGRESS, program, on):
        decap_tc.peer(BEHIND_GATEWAY, "192.168.1.0/24")
        yield send


def test_a_gso_packet_is_stripped_whole_and_counts_as_its_segments(decap_tc, receiver, shape):
    packet = segment(src=THERE, dst=HERE, **shape)
    count, size = on_wire(packet)
    told, frame = receiver(packet)
    assert frame == arriving(packet)
    assert (told.kind, told.gso_size, told.checksum_start) == (TCPV4, SIZE, offload(packet).checksum_start)
    assert counted(decap_tc) == {"decap_ok": count}
    assert decap_tc.counters() == {BEHIND_GATEWAY: Counters(rx_packets=count, rx_bytes=size)}


def test_an_error_that_the_kernel_does_not_cut_is_dropped(decap_tc, dataplane, marked_as_wrapped):
    """As one is that came out of another tunnel."""
    decap_tc.peer(BEHIND_GATEWAY, "192.168.1.0/24")
    ours = outer(segment(bytes(1000)), remote=LOCAL, local=BEHIND_GATEWAY)
    with attached(decap_tc.ifindex, INGRESS, marked_as_wrapped, dataplane.programs["tc"]), \
            wires(f"far-{DEV}") as (far,):
        for quote, count in ((500, {"error_relayed": 1}), (1000, {"error_relayed": 1, "decap_error": 1})):
            far.send(arriving(icmp_error(ours, src=GATEWAY, quote=quote)))
            assert counted(decap_tc) == count


def test_a_stripped_gso_packet_bears_the_ecn_of_both_headers(receiver):
    packet = segment(bytes(5 * SIZE), src=THERE, dst=HERE, tos=2)
    _, frame = receiver(packet, tos=3)
    packet.tos, packet.chksum = 3, None
    assert frame == arriving(packet)
