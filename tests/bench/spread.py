# SPDX-License-Identifier: GPL-2.0-only
"""What `spread on` gains where all of a tunnel comes in by one CPU: packets a second that are through the stack.

Live frames of many flows enter on one CPU. The firewall of the receiving host counts and drops them as the last thing
that the stack does; the more rules it has before that, the more there is to share.
"""
import contextlib
import json as json_library
from dataclasses import dataclass

from networks import topology, tunnels
from networks.topology import A, B, INNER_A, INNER_B
from scapy.compat import raw
from scapy.layers.inet import IP, TCP
from scapy.layers.l2 import Ether

from . import table
from .charts import Bars
from .frames import cpus
from .live_frames import Source, program_of
from .samples import Samples, rounds

PACKETS, FEW_PACKETS, FLOWS = 60_000, 20_000, 256
RULES = (0, 50, 200)
SPREADS = ("off", "on")
PORT = 2222


def _firewall(rules):
    return "\n".join(["table ip counted {", "  chain input {", "    type filter hook input priority 0",
                      *(f"    tcp dport {1 + number} drop" for number in range(rules)),
                      f"    tcp dport {PORT} counter drop", "  }", "}"])


@dataclass(frozen=True)
class Case:
    """A receiving host, the source of its packets, and how many rules they meet."""
    rules: int
    spread: str
    end: tunnels.End
    source: Source

    def _through(self):
        listed = json_library.loads(self.end.namespace.run("nft", "-j", "list", "table", "ip", "counted"))
        return next(word["counter"]["packets"] for entry in listed["nftables"] for word in entry.get("rule", {}).get(
            "expr", ()) if "counter" in word)

    def rate(self, count):
        before, unwrapped = self._through(), self.end.show()["verdicts"]["decap_ok"]
        frame = raw(Ether(dst=self.end.namespace.address_of("eth0").hex(":"), src="02:00:00:00:01:02") /
                    IP(src=A, dst=B, proto=4) / IP(src=INNER_A, dst=INNER_B) /
                    TCP(sport=0, dport=PORT, flags="A", urgptr=0xFFFF) / bytes(64))
        rate = self.source.rate({min(cpus()): frame}, count)
        through = self._through() - before
        if self.end.show()["verdicts"]["decap_ok"] - unwrapped != count or (self.spread == "off" and through != count):
            raise ValueError(f"{count} packets came, and {through} went through the stack: this measured something else")
        return rate * through / count


def _case(stack, rules, spread):
    network = stack.enter_context(topology.TwoHosts())
    _, end = tunnels.between_two_hosts(network, "native", "spread", spread)
    end.namespace.run("nft", "-f", "-", input=_firewall(rules))
    source = Source(end.namespace, "eth0", program_of(end.namespace, "eth0"), flows=FLOWS)
    return Case(rules, spread, end, stack.enter_context(contextlib.closing(source)))


def measure(effort):
    """{(rules, spread): Samples of packets a second}."""
    with contextlib.ExitStack() as stack:
        cases = [_case(stack, rules, spread) for rules in RULES for spread in SPREADS]
        found = {(case.rules, case.spread): Samples() for case in cases}
        for _, turns in rounds(effort.rounds, cases):
            for case in turns:
                found[case.rules, case.spread].append(case.rate(FEW_PACKETS if effort.quick else PACKETS))
    return found


def _gains(found):
    """{rules: what spreading gains, a ratio}."""
    return {rules: found[rules, "on"].against(found[rules, "off"]) for rules in RULES}


def _name(rules):
    return f"{rules} rules"


def show(found):
    rows = [[_name(rules), *(table.spread(Samples(rate / 1e6 for rate in found[rules, spread]), "{:.2f}")
                             for spread in SPREADS), table.middle(gain)] for rules, gain in _gains(found).items()]
    table.show(f"What comes in by one CPU of {len(cpus())}, 1,000,000 packets a second through the stack: median (min..max)",
               ["firewall", *(f"spread {spread}" for spread in SPREADS), "on against off"], rows)


def json(found):
    return {_name(rules): {**{f"spread {spread}": found[rules, spread].json() for spread in SPREADS}, "gain": gain.json()}
            for rules, gain in _gains(found).items()}


def charts(found):
    gains = _gains(found)
    yield Bars("spread", "What comes in by one CPU, spread over two", "packets a second against spread off",
               [_name(rules) for rules in gains],
               {"spread on": [(gain.median, *gain.quartiles) for gain in gains.values()]}, 1)
