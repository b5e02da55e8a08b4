# SPDX-License-Identifier: GPL-2.0-only
"""The end of a tunnel, for probes: a gateway between a wire and a network, where all else is frames made by hand.

The same packets go into an end of the kernel's own making and into ipipbpf's. What came of them is what is seen on the
wire, in the network, and in the end's counters.
"""

import itertools
import socket
import struct
import subprocess

from networks.listening import lines_until, monitoring
from networks.program import End
from networks.topology import A, B, Gateways, Network, cable
from networks.traffic import send_raw
from networks.wire import (ETH_P_IP, ETHERNET_HEADER, PACKET_VNET_HDR, PROTO_IPIP, PROTO_UDP, SOL_PACKET,
                           VNET_HEADER, VNET_NEEDS_CHECKSUM, Capture, IPv4, ethernet, ipv4_packet, udp_datagram)

from .errors import ROUTER

# A second far end, with a network of its own.
C, NET_C, LAN_C = "172.16.1.63", "192.168.3.0/24", "192.168.3.10"
NET_B, LAN_A, LAN_B, GATEWAY_A = "192.168.2.0/24", Gateways.LAN_A, Gateways.LAN_B, Gateways.GATEWAY_A
# Behind the router, and in no tunnel.
OUTSIDE = "198.51.100.1"
MARKER_PORT = 4040
VNET_TCPV4 = 1
SECONDS = 10


class Refused(Exception):
    """The end has no such setting."""


class Seen:
    """The packets that an end put on the wire and into the network behind it, and the counters that moved."""

    def __init__(self, wire, lan, counters):
        self.wire, self.lan, self.counters, self.logged = wire, lan, counters, 0

    @property
    def wrapped(self):
        """What left in the tunnel."""
        return [packet for packet in self.wire if packet.protocol == PROTO_IPIP]


def _is_marker(packet):
    return packet.protocol == PROTO_UDP and packet.payload[2:4] == struct.pack("!H", MARKER_PORT)


def _address(namespace, device):
    """The device's MAC address."""
    with namespace.socket(socket.AF_PACKET, socket.SOCK_RAW, 0) as link, namespace.entered():
        link.bind((device, 0))
        return link.getsockname()[4]


def _logged(words):
    """How many times the kernel has written these words."""
    return subprocess.run(["dmesg"], capture_output=True, text=True, check=True).stdout.count(words)


class TunnelEnd(Network):
    """The gateway, and what is to be sent to it and seen of it. One tunnel leads to C; one to B is laid, and laid anew,
    with some words.
    """

    def __init__(self):
        super().__init__()
        self.gateway, self.wire, self.lan = self.router("gateway"), self.host("wire"), self.host("lan")
        cable(self.gateway, f"eth0 {A}/20", self.wire, "eth0")
        cable(self.gateway, f"lan0 {GATEWAY_A}/24", self.lan, "eth0")
        self._links = {"wire": (self.wire, _address(self.gateway, "eth0"), _address(self.wire, "eth0")),
                       "lan": (self.lan, _address(self.gateway, "lan0"), _address(self.lan, "eth0"))}
        self.gateway.ip(f"neigh add {ROUTER} lladdr {self._links['wire'][2].hex(':')} dev eth0 nud permanent",
                        f"neigh add {LAN_A} lladdr {self._links['lan'][2].hex(':')} dev lan0 nud permanent",
                        f"route add 172.16.0.0/20 via {ROUTER}", f"route add {OUTSIDE}/32 via {ROUTER}")
        self._raw = {where: self._open(namespace) for where, (namespace, *_) in self._links.items()}
        self._captures = {where: Capture(link[0], "eth0") for where, link in self._links.items()}
        self._looked_at, self._markers = dict.fromkeys(self._captures, 0), itertools.count(1)
        self.words = None

    @staticmethod
    def _open(namespace):
        """A socket that sends frames as they are, each behind the header that says what a device is to do to it."""
        raw = namespace.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
        raw.setsockopt(SOL_PACKET, PACKET_VNET_HDR, 1)
        with namespace.entered():
            raw.bind(("eth0", 0))
        return raw

    def __exit__(self, *_):
        for each in (*self._captures.values(), *self._raw.values()):
            each.close()
        super().__exit__()

    def lay(self, words):
        """Lays the tunnel with these words; what an earlier one has learnt is forgotten."""
        if self.words is not None:
            self.take_up()
        self.words = None
        self.make_tunnel(words.split())
        try:
            self._check_that_it_carries(udp_datagram(MARKER_PORT - 1, MARKER_PORT - 1))
        except AssertionError:
            self.take_up()
            raise
        self.words = words

    def _check_that_it_carries(self, datagram):
        """Else it would pass each probe that asks for silence."""
        there = ipv4_packet(LAN_A, LAN_B, PROTO_UDP, datagram)
        back = ipv4_packet(B, A, PROTO_IPIP, ipv4_packet(LAN_B, LAN_A, PROTO_UDP, datagram))
        seen = self.see(("lan", there), ("wire", back))
        carried = [packet.inner.payload for packet in seen.wrapped], [packet.payload for packet in seen.lan]
        assert carried == ([datagram], [datagram]), f"it carries nothing: {seen.wire}, {seen.lan}"

    def _send(self, where, packet, offload=bytes(VNET_HEADER.size)):
        if where == "own":
            send_raw(self.gateway, packet)
        else:
            _, target, source = self._links[where]
            self._raw[where].send(offload + ethernet(target, source, packet))

    def _settle(self):
        """Sends packets past the tunnel, both ways, and waits for them: what was sent before has gone its way by then.

        Twice, since what is unwrapped may wait in a queue of its own, which the second pair finds empty.
        """
        for _ in range(2):
            marker = udp_datagram(MARKER_PORT, MARKER_PORT, b"marker %d." % next(self._markers))
            self._send("lan", ipv4_packet(LAN_A, OUTSIDE, PROTO_UDP, marker))
            self._send("wire", ipv4_packet(OUTSIDE, LAN_A, PROTO_UDP, marker))
            for where, capture in self._captures.items():
                capture.wait_for(marker, SECONDS, self._looked_at[where])

    def _news(self, where):
        frames = self._captures[where].frames
        news, self._looked_at[where] = frames[self._looked_at[where]:], len(frames)
        return [frame.ip for frame in news
                if frame.ethertype == ETH_P_IP and not frame.outgoing and not _is_marker(frame.ip)]

    def see(self, *sent, counting=False):
        """What comes of packets, each (from where, bytes): from the "wire", the "lan", or the gateway's "own"."""
        before = self.counters() if counting else {}
        for where, packet in sent:
            self._send(where, packet)
        self._settle()
        after = self.counters() if counting else {}
        moved = {name: after[name] - before.get(name, 0) for name in after if after[name] != before.get(name, 0)}
        return Seen(self._news("wire"), self._news("lan"), moved)

    def witness(self, *sent, log):
        """As `see`, with what the end's counters, and the kernel's log, say of packets."""
        before = _logged(log)
        seen = self.see(*sent, counting=True)
        seen.logged = _logged(log) - before
        return seen

    def forward(self, *packets):
        """Packets that the host behind the gateway sends into the tunnel."""
        return self.see(*(("lan", packet) for packet in packets))

    def forward_gso(self, packet, segment):
        """A packet of TCP from the host behind the gateway, for a device to cut into segments of that size."""
        transport = ETHERNET_HEADER + 20
        offload = VNET_HEADER.pack(VNET_NEEDS_CHECKSUM, VNET_TCPV4, transport + 20, segment, transport, 16)
        self._send("lan", packet, offload)
        return self.see()

    def own(self, *packets):
        """Packets that the gateway itself sends into the tunnel."""
        return self.see(*(("own", packet) for packet in packets))

    def receive(self, *packets):
        """Packets that come from the wire."""
        return self.see(*(("wire", packet) for packet in packets))


class Ipip(TunnelEnd):
    """The kernel's own tunnel devices, tun0 to B and tun1 to C."""

    # The words of ipipbpf's that are settings of the kernel's routing here.
    SYSCTLS = {f"rpf {word}": ("net.ipv4.conf.tun0.rp_filter", value)
               for word, value in (("off", 0), ("strict", 1), ("loose", 2))}

    def __init__(self):
        super().__init__()
        self._add("tun1", C, NET_C, "10.255.0.2")

    def make_tunnel(self, words):
        sysctl = self.SYSCTLS.get(" ".join(words))
        try:
            self._add("tun0", B, NET_B, "10.255.0.1", *(() if sysctl else words))
        except AssertionError as error:
            raise Refused(str(error)) from error
        if sysctl:
            self.gateway.sysctl(*sysctl)

    def _add(self, device, remote, prefix, address, *words):
        # Without an address of the device's own the kernel's loose check refuses everything.
        self.gateway.ip(f"tunnel add {device} mode ipip local {A} remote {remote} {' '.join(words)}",
                        f"link set {device} up", f"addr add {address}/32 dev {device}",
                        f"route add {prefix} dev {device} src {GATEWAY_A}")

    def take_up(self):
        self.gateway.ip("link del tun0", "route flush cache")

    def counters(self):
        device = self.gateway.ip_json("-s", "-s", "link", "show", "dev", "tun0")[0]["stats64"]
        return {f"{way}_{name}": value for way in device for name, value in device[way].items()}

    # Beside packets: for how long a path MTU that was told is still believed, the rate of ICMP errors, and a packet's line
    # in the log, with the setting that it takes.
    def path_mtu_seconds(self):
        return self.gateway.ip_json("route", "get", B)[0]["expires"]

    def limit_errors(self, limited):
        self.gateway.sysctl("net.ipv4.icmp_ratelimit", 1000 if limited else 0)

    LOG = "net.ipv4.conf.all.log_martians=1"

    def logs_martian(self, packet):
        """Whether the log names this packet's address and the device."""
        self.gateway.sysctl("net.ipv4.conf.all.log_martians", 1)
        seen = self.witness(("wire", packet), log=f"from {IPv4(packet).inner.src}, on dev tun0")
        self.gateway.sysctl("net.ipv4.conf.all.log_martians", 0)
        return bool(seen.logged)


class Ipipbpf(TunnelEnd):
    """ipipbpf on the gateway's eth0, as a user attaches it. The words are those of its peers."""

    def __init__(self):
        super().__init__()
        self.end = End(self.gateway)
        self.end.attach()
        self.end.peer(C, "prefix", NET_C, "src", GATEWAY_A)

    def make_tunnel(self, words):
        done = self.end.command("peer", "add", "eth0", "remote", B, "src", GATEWAY_A, "prefix", NET_B, *words)
        if done.returncode:
            raise Refused(done.stderr)

    def take_up(self):
        self.end.do("peer del", "remote", B)
        self.gateway.ip("route flush cache")

    def counters(self):
        return self.end.show()["verdicts"]

    def path_mtu_seconds(self):
        return self.end.show()["peers"][0]["path_mtu_expires"]

    def limit_errors(self, limited):
        self.end.attach("icmp", "1" if limited else "65535")

    LOG = "ipipbpf monitor"

    def logs_martian(self, packet):
        """Whether it names this packet's addresses and the device."""
        with monitoring(self.end, options=("-j",)) as process:
            self.receive(packet)
            line, = lines_until(process, 1)
        told = {"ifname": "eth0", "verdict": "martian_source", "outer_src": B, "inner_src": IPv4(packet).inner.src}
        return line.items() >= told.items()


IMPLEMENTATIONS = {"ipip": Ipip, "ipipbpf": Ipipbpf}
