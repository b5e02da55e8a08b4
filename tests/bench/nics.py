# SPDX-License-Identifier: GPL-2.0-only
"""Where decapsulation runs best on network cards: those that the emulated machine has and whose drivers have native XDP.

Two cards are joined by a cable, on which nothing is merged. What native XDP takes from a driver's own offloads does not
show here, since neither card gets packets merged by another.
"""
import contextlib
import json as text
import subprocess

from networks import topology, tunnels
from networks.topology import A, B, INNER_A, INNER_B

from . import in_machine, table, traffic
from .charts import Bars
from .paths import AUTO, NATIVE, PLAIN_1480, TC, Path
from .speeds import Speeds

# Driver: the model of the card, and a kernel where the driver has native XDP.
CARDS = {"virtio_net": ("virtio-net-pci", "6.1"), "vmxnet3": ("vmxnet3", "6.12")}
PATHS = (PLAIN_1480, TC, NATIVE, AUTO)
FIGURES = ("tcp1", "udp64")


def _cards():
    """{address: name} of the machine's devices."""
    said = subprocess.run(["ip", "-j", "link"], check=True, capture_output=True, text=True).stdout
    return {link["address"]: link["ifname"] for link in text.loads(said) if "address" in link}


class CabledHosts(topology.Network):
    """A and B, each with one of a pair of cards as its eth0, and nothing between them but the cable."""

    device = "eth0"

    def __init__(self, cards, pair):
        super().__init__()
        self.a, self.b = self.host("A"), self.host("B")
        for end, host, address, there in ((0, self.a, A, "172.16.0.0/20"), (1, self.b, B, "172.16.16.0/20")):
            card = cards[f"52:54:00:00:{pair:02x}:{end:02x}"]
            subprocess.run(["ip", "link", "set", card, "netns", host.name], check=True)
            host.ip(f"link set {card} name {self.device}", f"link set {self.device} up",
                    f"addr add {address}/20 dev {self.device}",
                    f"route add {there} dev {self.device} mtu 1480")
        self.a.ip(f"addr add {INNER_A}/32 dev lo")
        self.b.ip(f"addr add {INNER_B}/32 dev lo")


def _path(network, name):
    if name == PLAIN_1480:
        return Path(name, network.a, A, network.b, B)
    a, _ = tunnels.between_two_hosts(network, name.split()[-1])
    return Path(name, network.a, INNER_A, network.b, INNER_B, a.show()["mode"])


@contextlib.contextmanager
def _made(names):
    cards = _cards()
    with contextlib.ExitStack() as stack:
        yield [_path(stack.enter_context(CabledHosts(cards, pair)), name) for pair, name in enumerate(names)]


def measure_inside(effort, driver):
    subprocess.run(["modprobe", driver], check=True)
    return Speeds(PATHS).measure([traffic.RUNS[kind] for kind in FIGURES], effort, _made)


def measure(effort):
    """{driver: Speeds}."""
    return {driver: in_machine.measure(kernel, "nics", effort, driver, options=("--pairs", model, str(len(PATHS))))
            for driver, (model, kernel) in CARDS.items()}


def show(found):
    for driver, speeds in found.items():
        print(f"\nCards with the driver {driver}, in an emulated machine with Debian's kernel {CARDS[driver][1]}, timed by "
              "instructions.")
        speeds.show(TC, (PLAIN_1480,))
    rows = [[driver, *(table.middle(speeds.ratio(figure, NATIVE, TC)) for figure in FIGURES), speeds.auto]
            for driver, speeds in found.items()]
    table.show("Native XDP against TC", ["driver", *(traffic.FIGURES[figure].short for figure in FIGURES), "auto takes"],
               rows)


def json(found):
    return {driver: speeds.json() for driver, speeds in found.items()}


def charts(found):
    ratios = {driver: [speeds.ratio(figure, NATIVE, TC) for figure in FIGURES] for driver, speeds in found.items()}
    yield Bars("nics", "Native XDP against TC, by driver (emulated, by instructions)", "against tc",
               [traffic.FIGURES[figure].short for figure in FIGURES],
               {driver: [(ratio.median, *ratio.quartiles) for ratio in of] for driver, of in ratios.items()}, line=1)
