# SPDX-License-Identifier: GPL-2.0-only
"""What the standards require of an IPIP tunnel, line by line. A test for 2003-1 is called test_2003_1_...

A line has a test unless `untested` says why there is none. `limit` says what of a tested line is not met.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Line:
    requirement: str
    untested: str = ""
    limit: str = ""


NO_AS_PATHS = "not offered: prefixes are what the user lists, and nothing here knows routes between networks"

RFC_2003 = {
    "2003-1": Line("outer header: version 4, header length, total length, checksum over itself alone"),
    "2003-2": Line("outer protocol 4"),
    "2003-3": Line("outer TOS is the inner one"),
    "2003-4": Line("outer source and destination are the tunnel's entry and exit"),
    "2003-5": Line("inner DF sets outer DF"),
    "2003-6": Line("outer DF without inner DF is a policy"),
    "2003-7": Line("inner options are not copied"),
    "2003-8": Line("inner TTL goes down by one if and only if the packet is forwarded"),
    "2003-9": Line("if that ends the TTL: discarded, with Time Exceeded to the sender"),
    "2003-10": Line("a packet of TTL 0 is not wrapped"),
    "2003-11": Line("unwrapping leaves the inner TTL alone"),
    "2003-12": Line("a packet that comes out with TTL 0 is discarded"),
    "2003-13": Line("an exit that forwards takes one off the inner TTL, once"),
    "2003-14": Line("the inner packet is not changed but for TTL, checksum and ECN"),
    "2003-15": Line("an outer TTL that reaches the exit"),
    "2003-16": Line("a forwarded packet from an address of the entry's own is discarded"),
    "2003-17": Line("a forwarded packet from the exit's address is discarded"),
    "2003-18": Line("net unreachable inside the tunnel: the sender gets host unreachable"),
    "2003-19": Line("host unreachable inside the tunnel is relayed"),
    "2003-20": Line("protocol unreachable from the exit: the sender gets net or host unreachable"),
    "2003-21": Line("port unreachable is not relayed"),
    "2003-22": Line("fragmentation needed inside the tunnel is relayed, with the MTU less the outer header"),
    "2003-23": Line("source route failed is not relayed"),
    "2003-24": Line("source quench is not relayed"),
    "2003-25": Line("redirect is not relayed"),
    "2003-26": Line("time exceeded inside the tunnel: the sender gets host unreachable"),
    "2003-27": Line("parameter problem is not relayed"),
    "2003-28": Line("soft state: an error that cannot be relayed meets the next packet's sender"),
    "2003-29": Line("path MTU discovery by soft state; the sender is told the path's MTU less the outer header"),
    "2003-30": Line("outer DF is set as a rule; fragments are made before wrapping"),
    "2003-31": Line("only packets of configured far ends are unwrapped"),
}

RFC_6040 = {
    "6040-1": Line("entry, normal mode: the ECN field is copied, CE too"),
    "6040-2": Line("entry, compatibility mode: the outer ECN field is Not-ECT"),
    "6040-3": Line("exit, inner Not-ECT: stays; dropped with outer CE"),
    "6040-4": Line("exit, inner ECT(0): the stronger of both"),
    "6040-5": Line("exit, inner ECT(1): stays, CE with outer CE"),
    "6040-6": Line("exit, inner CE: stays"),
    "6040-7": Line("combinations that no sound entry makes are logged, or counted"),
    "6040-8": Line("inner checksum right after every combination, with every code point"),
    "6040-9": Line("the exit does the same whatever the entry's mode"),
    "6040-10": Line("the drop for ECN has a counter of its own"),
    "9601-1": Line("an entry can be told to clear the outer ECN field"),
    "2983-1": Line("the code point copied or set, whichever is chosen, apart from ECN",
                   limit="chosen at the entry; the exit always keeps the inner code point"),
}

RFC_6864_791 = {
    "6864-1": Line("DF set, no more fragments, offset 0: an atomic packet, with any identification"),
    "6864-2": Line("else no identification comes again in a packet's lifetime",
                   limit="none comes again within 65,536 packets to a far end, however long those take"),
    "6864-3": Line("a sender keeps to a rate at which that holds, or sets DF",
                   limit="the default sets DF; with `nopmtudisc` the rate is not limited"),
    "6864-4": Line("what has DF is not fragmented, and DF is not cleared"),
    "6864-5": Line("copies of a packet that may be fragmented have identifications of their own"),
    "6864-6": Line("the identification of an atomic packet is ignored on receipt"),
    "6864-7": Line("the outer identification is the entry's own, as any source's"),
    "791-1": Line("checksums made anew at every change, and verified for both headers"),
    "791-2": Line("fragments in units of 8 bytes; 68 bytes pass in one piece; 576 are accepted"),
    "791-3": Line("headers of 5 to 15 words"),
    "791-4": Line("a total length that lies is discarded; what lies behind it is cut"),
}

RFC_1191_4459 = {
    "1191-1": Line("fragmentation needed carries the next hop's MTU"),
    "1191-2": Line("the estimate never falls below 68"),
    "1191-3": Line("an MTU of 0 in the message: a plateau below the packet's length"),
    "1191-4": Line("the estimate is not raised for some minutes"),
    "1191-5": Line("a message about a packet that was not sent changes nothing"),
    "1191-6": Line("an MTU that is not below the estimate changes nothing"),
    "4459-1": Line("fragments of outer packets: both ends can, or refuse them loudly",
                   limit="refused: counted as `encap_too_big` and `outer_fragment`"),
    "4459-2": Line("the source is told the lower MTU"),
    "4459-3": Line("full packets pass where the network between has room for the outer header"),
    "4459-4": Line("a packet without DF is fragmented inside"),
    "4459-5": Line("a GSO packet is judged by its segments"),
}

RFC_3704 = {
    "3704-1": Line("strict: the best route to the inner source leads back to the peer",
                   limit="of a route over several devices the kernel names one, and that one alone is right"),
    "3704-2": Line("loose: any route leads back to the inner source"),
    "3704-3": Line("a default route, or one that leads nowhere, does not count",
                   limit="a default route does: the kernel does not tell a program which route answered"),
    "3704-4": Line("feasible: any route to the source may lead to the peer",
                   untested="not offered: a prefix has one peer; `rpf loose` is for sources with several"),
    "3704-5": Line("0.0.0.0 as a source never comes through a tunnel"),
    "8704-1": Line("EFP-uRPF, algorithm A: all prefixes of the networks that the peer speaks for",
                   untested=NO_AS_PATHS),
    "8704-2": Line("algorithm B: those of a group of customers", untested=NO_AS_PATHS),
    "8704-3": Line("a list from outside, exchanged in one step",
                   untested="not offered: `peer set ... prefix` and the map's entries change one after the other"),
    "8704-4": Line("monitor: what would be dropped is counted"),
}

RFC_1812_1122 = {
    "1812-1": Line("bad headers are discarded silently"),
    "1812-2": Line("no packet from 0/8, 127/8, multicast, 240/4 or the limited broadcast is forwarded"),
    "1812-3": Line("no packet to 0/8, 127/8 or 240/4 is forwarded"),
    "1812-4": Line("martians are logged, with addresses and interface"),
    "1812-5": Line("source validation is silent, and can be switched off",
                   limit="on by default, where a router's is off: a tunnel's end knows which sources each peer has"),
    "1812-6": Line("forwarding that ends the TTL draws Time Exceeded, but not about multicast"),
    "1812-7": Line("an ICMP error quotes as much as fits into 576 bytes"),
    "1812-8": Line("an ICMP error comes from an address of the device that sends it, with precedence 6",
                   limit="for a socket of this host it is the peer's outer address, since its own is refused on entry"),
    "1812-9": Line("no ICMP error about an ICMP error, a later fragment, a broadcast or multicast, an invalid source"),
    "1812-10": Line("the rate of ICMP errors is a setting"),
    "1122-1": Line("127/8 never comes in as a source"),
    "1122-2": Line("an ICMP error quotes the header and 8 bytes at least, and one with no more is understood"),
}

LINES = {**RFC_2003, **RFC_6040, **RFC_6864_791, **RFC_1191_4459, **RFC_3704, **RFC_1812_1122}
