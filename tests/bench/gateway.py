# SPDX-License-Identifier: GPL-2.0-only
"""What a gateway unwraps and forwards: packets by live frames into the device, counted at the end of the cable behind it.

All ways have the same frames and the same source of them, which hands them to the device's XDP program or to the stack.
"""
import contextlib
import struct
from dataclasses import dataclass

from networks.program import End
from networks.topology import A, B, Gateways
from programs import bpf
from programs.attachment import Dataplane
from scapy.compat import raw
from scapy.layers.inet import IP, TCP
from scapy.layers.l2 import Ether

from . import compiled, in_machine, least
from .goals import Goal
from .live_frames import Source, program_of
from .paths import IPIP, RULES
from .speeds import Speeds

# From Linux 6.3 on a device tells whether it takes frames from XDP.
KERNEL = "6.12"
STACK, FORWARD = "ipipbpf native", "ipipbpf native, forward on"
FLOOR = "least XDP program"
WAYS = (IPIP, STACK, FORWARD, FLOOR, RULES)
FIGURE = "forwarded"
# So many that what it takes to begin and end a test run does not count.
PACKETS, ODD_SHARE = 50_000, 200
AT_LEAST_OF_IPIP = 3
NET_A, NET_B = "192.168.1.0/24", "192.168.2.0/24"


def _set_program(host, device, section):
    host.run("ip", "link", "set", "dev", device, "xdpdrv", "obj", compiled.bpf_object("ends"), "sec", section)


def _kernel_ipip(_, network):
    """The stack unwraps and forwards what the device's program leaves it."""
    network.b.ip(f"link add tunnel0 type ipip local {B} remote {A} dev eth0", "link set tunnel0 up",
                 f"route add {NET_A} dev tunnel0")
    _set_program(network.b, "eth0", "xdp.frags/pass")


def _floor(stack, network):
    _set_program(network.b, "eth0", "xdp.frags/pass")
    found = bpf.Object(compiled.bpf_object("floor_forward"), {})
    stack.callback(found.close)
    out, = network.b.ip_json("link", "show", "dev", "lan0")
    link = network.lan_b.address_of("eth0") + network.b.address_of("lan0") + b"\x08\x00"
    found.maps["way"][bytes(4)] = struct.pack("=I", out["ifindex"]) + link + bytes(2)
    return found.program("floor_forward")


def _by_the_rules(stack, network):
    """The calls alone that the rules demand of each packet that goes straight on, of the dataplane's own maps."""
    _set_program(network.b, "eth0", "xdp.frags/pass")
    network.b.sysctl("net.ipv4.conf.lo.forwarding", 1)
    router = network.router.address_of("to-b").hex(":")
    network.b.ip(f"neighbour replace {least.NEXT_HOP} lladdr {router} nud permanent dev eth0",
                 f"route add {NET_A} via {least.NEXT_HOP} dev eth0 onlink")
    dataplane = stack.enter_context(contextlib.closing(Dataplane()))
    least.set_tables(dataplane.maps, network.b, (B, A), (NET_B, NET_A))
    return stack.enter_context(contextlib.closing(dataplane.load_beside(compiled.bpf_object("parts")))).program(
        "least_forward")


def _ipipbpf(*words):
    def make(_, network):
        end = End(network.b)
        end.attach("mode", "native", "src", Gateways.GATEWAY_B, *words)
        end.peer(A, "prefix", NET_A)
        return program_of(network.b, "eth0")
    return make


# Under which verdict the packets are counted.
VERDICTS = {STACK: "decap_ok", FORWARD: "decap_forwarded"}
MAKERS = {IPIP: _kernel_ipip, STACK: _ipipbpf("forward", "off"), FORWARD: _ipipbpf("forward", "on"),
          FLOOR: _floor, RULES: _by_the_rules}


@dataclass(frozen=True)
class Way:
    """A gateway and the source of its packets."""
    name: str
    network: Gateways
    source: Source
    mode: str = "native"

    def _seen(self):
        """Packets that arrived behind the gateway, and that the programs say to have sent there on the way in question."""
        link, = self.network.lan_b.ip_json("-s", "link", "show", "dev", "eth0")
        arrived = link["stats64"]["rx"]["packets"]
        verdict = VERDICTS.get(self.name)
        return arrived, End(self.network.b).show()["verdicts"][verdict] if verdict else arrived

    def rate(self):
        gateway = self.network.b.address_of("eth0").hex(":")
        inner = IP(src=Gateways.LAN_A, dst=Gateways.LAN_B) / TCP(sport=1111, dport=2222, flags="A") / bytes(64)
        frame = raw(Ether(dst=gateway, src="02:00:00:00:01:02") / IP(src=A, dst=B, proto=4) / inner)
        before = self._seen()
        rate = self.source.rate({0: frame}, PACKETS)
        for now, then in zip(self._seen(), before):
            # One now and then is for the stack, so that its neighbours stay known, and an ARP packet may come between.
            if abs(now - then - PACKETS) > PACKETS / ODD_SHARE:
                raise ValueError(f"{self.name}: of {PACKETS} packets {now - then} went this way")
        return rate


def _way(stack, name):
    network = stack.enter_context(Gateways())
    # Frames that XDP sends out of a veth are taken at its other end if that has an XDP program too.
    _set_program(network.lan_b, "eth0", "xdp.frags/drop")
    link = network.lan_b.address_of("eth0").hex(":")
    network.b.ip(f"neighbour replace {Gateways.LAN_B} lladdr {link} nud permanent dev lan0")
    program = MAKERS[name](stack, network)
    return Way(name, network, stack.enter_context(contextlib.closing(Source(network.b, "eth0", program))))


@contextlib.contextmanager
def _made(names):
    with contextlib.ExitStack() as stack:
        yield [_way(stack, name) for name in names]


def measure_inside(effort):
    return Speeds(WAYS).measure([lambda way, _: {FIGURE: way.rate()}], effort, _made)


def measure(effort):
    return in_machine.measure(KERNEL, "gateway", effort)


def show(found):
    print(f"\nA gateway in an emulated machine with Debian's kernel {KERNEL}, timed by instructions.")
    found.show(IPIP, (STACK, FLOOR, RULES))


def json(found):
    return {"kernel": KERNEL, **found.json()}


def goals(found):
    yield Goal(f"gateway, {FORWARD} against {IPIP}, emulated", found.ratio(FIGURE, FORWARD, IPIP).median,
               at_least=AT_LEAST_OF_IPIP,
               floor=found.ratio(FIGURE, RULES, IPIP))


def charts(found):
    yield found.chart("gateway", f"A gateway, packets a second (emulated, by instructions, Linux {KERNEL})", IPIP,
                      (FIGURE,), WAYS)
