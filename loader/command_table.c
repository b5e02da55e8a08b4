/* SPDX-License-Identifier: GPL-2.0-only */
#include "command_table.h"
#include "commands.h"
#include "layouts.h"

#define PEER_WORDS                                                                                                     \
	"DEV remote ADDR|any [type ipip] [local ADDR] [src ADDR]\n"                                                    \
	"           [rpf strict|loose|off [monitor]] [ttl N|inherit] [tos N|inherit]\n"                                \
	"           [ecn normal|compat] [pmtudisc|nopmtudisc] [prefix P]..."

/* clang-format off */
const struct command commands[] = {
	{ "attach", NULL, attach_run,
	  "DEV [local ADDR] [src ADDR] [mode auto|native|skb|tc]\n"
	  "           [rpf strict|loose|off [monitor]] [plain drop|pass]\n"
	  "           [ttl N|inherit] [tos N|inherit] [ecn normal|compat]\n"
	  "           [pmtudisc|nopmtudisc] [mtu_expires SECS] [icmp N]\n"
	  "           [fragments drop|stack] [routes on|off] [cache MS]\n"
	  "           [forward on|off] [spread on|off]",
	  "carry tunnels on a device, or put an attachment right",
	  "  local        source of the outer header; default: the device's first global address\n"
	  "  src          preferred source of the kernel routes into the tunnels\n"
	  "  mode         where packets are unwrapped; auto: native XDP where the driver gains from it, else tc\n"
	  "  rpf          check of the inner source: strict (default) wants a prefix of the sending peer and the\n"
	  "               route back through the device, loose any route back; monitor counts and lets through\n"
	  "  plain        packets from a peer's prefix that came without a tunnel; default: drop under strict\n"
	  "  ttl, tos     of the outer header; inherit (default): from the inner one\n"
	  "  ecn          ECN of the outer header: normal (default) copies the inner one's, compat sets none, for\n"
	  "               a far end that would lose a mark of congestion\n"
	  "  pmtudisc     the outer header forbids fragments (default); nopmtudisc is refused with a fixed ttl\n"
	  "  mtu_expires  seconds for which a path MTU that an ICMP error told is believed (default: 600)\n"
	  "  icmp         ICMP errors that each CPU may send to inner senders in a second (default: 1000); 0: none\n"
	  "  fragments    outer fragments: drop (default), or leave them to the stack\n"
	  "  routes       whether a prefix brings its kernel route (default: on)\n"
	  "  cache        milliseconds for which each CPU remembers whose prefix an address is in (default: 0, not at\n"
	  "               all); what ipipbpf changes counts at once all the same, what bpftool changes after that time\n"
	  "  forward      packets for other hosts go straight on, past the stack and its firewall (default: off)\n"
	  "  spread       inner flows are spread over the CPUs, in mode native (default: off)\n"
	  "Attaching again keeps what is not given, exchanges the programs under traffic, and puts back routes,\n"
	  "neighbour and sysctl that went missing.\n"
	  "\n"
	  "  ipipbpf attach eth0\n"
	  "  ipipbpf attach eth0 rpf strict monitor\n"
	  "  ipipbpf -n blue attach eth0 local 172.16.16.22 mode tc\n" },
	{ "detach", NULL, detach_run, "DEV",
	  "take everything off a device again",
	  "Programs, routes, neighbour, sysctl and pins go, also when the device or its namespace is gone.\n"
	  "\n"
	  "  ipipbpf detach eth0\n" },
	{ "peer", "add", peer_add_run, PEER_WORDS,
	  "add the far end of a tunnel",
	  "  remote     its outer address; any: every remote without a peer of its own, which only receives\n"
	  "  prefix     an inner prefix that is reached through it and accepted from it; may be repeated\n"
	  "The other words are those of 'attach'; what is not given is as the device has it.\n"
	  "\n"
	  "  ipipbpf peer add eth0 remote 172.16.1.62 prefix 192.168.1.254 src 192.168.1.1\n"
	  "  ipipbpf peer add eth0 remote any rpf loose\n" },
	{ "peer", "set", peer_set_run, PEER_WORDS,
	  "change a peer",
	  "What is not given stays as it is. 'prefix' replaces the whole list.\n"
	  "\n"
	  "  ipipbpf peer set eth0 remote 172.16.1.62 ttl 64\n" },
	{ "peer", "del", peer_del_run, "DEV remote ADDR|any",
	  "delete a peer and its prefixes",
	  "\n"
	  "  ipipbpf peer del eth0 remote 172.16.1.62\n" },
	{ "prefix", "add", prefix_add_run, "DEV P remote ADDR|any [src ADDR]  |  DEV P bare",
	  "add an inner prefix to a peer, or an exception",
	  "A prefix has one owner. A bare prefix goes through no tunnel: inside a peer's it needs a route of\n"
	  "its own, which leads elsewhere. An address alone is a /32.\n"
	  "\n"
	  "  ipipbpf prefix add eth0 10.0.0.0/8 remote 172.16.1.62 src 192.168.1.1\n"
	  "  ipipbpf prefix add eth0 10.1.0.0/16 bare\n" },
	{ "prefix", "replace", prefix_replace_run, "DEV P remote ADDR|any [src ADDR]  |  DEV P bare",
	  "add a prefix, or move it to another owner",
	  "\n"
	  "  ipipbpf prefix replace eth0 10.0.0.0/8 remote 172.16.1.63\n" },
	{ "prefix", "del", prefix_del_run, "DEV P",
	  "delete a prefix",
	  "\n"
	  "  ipipbpf prefix del eth0 10.0.0.0/8\n" },
	{ "apply", NULL, apply_run, "[--dry-run] [--confirm SECS] FILE",
	  "make a device what a file says, by the difference alone",
	  "The file is the whole truth: what it does not name goes, or is as 'attach' has it by default. All is done,\n"
	  "or nothing. The device is FILE's name without .conf, or the file's 'Device ='.\n"
	  "  --dry-run    print what would change, a line each (+ comes, - goes, ~ becomes another), change nothing\n"
	  "  --confirm    put back what was there before, unless 'ipipbpf confirm DEV' comes within SECS (1..86400)\n"
	  "\n"
	  "  ipipbpf apply --dry-run /etc/ipipbpf/eth0.conf\n"
	  "  ipipbpf apply /etc/ipipbpf/eth0.conf\n"
	  "  ipipbpf apply --confirm 60 /etc/ipipbpf/eth0.conf\n" },
	{ "confirm", NULL, confirm_run, "DEV",
	  "keep what 'apply --confirm' changed",
	  "\n"
	  "  ipipbpf confirm eth0\n" },
	{ "export", NULL, export_run, "DEV",
	  "print an attachment as the file that 'apply' reads",
	  "\n"
	  "  ipipbpf export eth0 >/etc/ipipbpf/eth0.conf\n" },
	{ "migrate", NULL, migrate_run, "DEV layout N",
	  "make an attachment one that an older version of ipipbpf can take over",
	  "  layout  of its maps, the one that 'ipipbpf -j show' of the older version knows; this version's own is "
	  LAYOUT_TEXT(LAYOUT) "\n"
	  "Programs are exchanged under traffic; peers, prefixes and counters stay. Do it before you install the older\n"
	  "version. A newer version needs no such step: 'attach' and 'apply' take up what an older one left.\n"
	  "\n"
	  "  ipipbpf migrate eth0 layout 1\n" },
	{ "show", NULL, show_run, "[DEV]",
	  "attachments, peers, prefixes and counters of this namespace",
	  "With -j as JSON.\n"
	  "\n"
	  "  ipipbpf show\n"
	  "  ipipbpf -j show eth0\n" },
	{ "check", NULL, check_run, "[--fix] [DEV]",
	  "what stands in the way of the tunnels, and the command that mends it",
	  "Of DEV, attached or not; or of all attachments of this namespace, with the pins that are left of others.\n"
	  "Exit status: 0 nothing is in the way, 1 there are warnings, 2 there are errors or it could not look.\n"
	  "  --fix        mend what 'attach' again, the JIT and dead pins come to, and say so: no firewall, no route of\n"
	  "               others, no setting of the device\n"
	  "With -j as JSON.\n"
	  "\n"
	  "  ipipbpf check\n"
	  "  ipipbpf check eth0\n"
	  "  ipipbpf check --fix eth0\n" },
	{ "stats", NULL, stats_run, "[DEV] [openmetrics | -w SECS]",
	  "counters of peers and verdicts, or how fast they move",
	  "  openmetrics  the metrics that Prometheus and node_exporter's textfile collector read; also --openmetrics\n"
	  "  -w           every SECS seconds a block of lines with packets and bytes per second, until interrupted\n"
	  "With -j as JSON; with -w too, one array a line.\n"
	  "\n"
	  "  ipipbpf stats eth0\n"
	  "  ipipbpf stats -w 5\n"
	  "  ipipbpf stats openmetrics\n" },
	{ "top", NULL, top_run, "[DEV]",
	  "watch the peers on a terminal, the busiest first",
	  "Once a second: packets and bits per second of each peer, and why packets are dropped. q quits.\n"
	  "\n"
	  "  ipipbpf top\n"
	  "  ipipbpf -n blue top eth0\n" },
	{ "explain", NULL, explain_run,
	  "DEV from ADDR to ADDR [in|out] [via REMOTE|none]\n"
	  "           [proto udp|tcp|icmp|N] [sport N] [dport N] [len N] [ttl N]\n"
	  "           [tos N] [df]  |  DEV -r FILE [in|out]",
	  "what becomes of a packet, and why",
	  "  from, to     addresses of the inner packet\n"
	  "  in, out      its way through the device; without: out if a peer's prefix holds 'to', else in if one\n"
	  "               holds 'from'\n"
	  "  via          the outer address that a packet comes in from, default: the peer's whose prefix holds\n"
	  "               'from'; none: it comes without a tunnel\n"
	  "  proto        of the inner packet, by name or number; default: icmp, an echo request\n"
	  "  sport, dport ports of tcp or udp\n"
	  "  len          bytes of the inner packet with its header (default: 84)\n"
	  "  ttl, tos     of the inner packet (default: 64, 0)\n"
	  "  df           it must not be fragmented\n"
	  "  -r           explain each packet of a capture file (pcap or pcapng; -: standard input)\n"
	  "The programs run over the packet as they would on the device, once more and apart: no counter moves, and\n"
	  "nothing is sent. The exit status is 0 whatever the verdict is. With -j as JSON.\n"
	  "\n"
	  "  ipipbpf explain eth0 from 192.168.1.1 to 192.168.1.254\n"
	  "  ipipbpf explain eth0 from 192.168.1.254 to 192.168.1.1 via 172.16.1.62 proto tcp dport 443\n"
	  "  ipipbpf -j explain eth0 -r eth0.pcap\n" },
	{ "monitor", NULL, monitor_run, "[DEV] [-w FILE]",
	  "print each packet that is refused, as it happens",
	  "A line for each packet that is dropped, or that 'rpf ... monitor' let through, until interrupted: time,\n"
	  "device, direction, verdict, peer, outer and inner addresses, ports, length. Each CPU tells of at most 1000\n"
	  "a second; how many were left out is said. With -j as JSON, an object a line.\n"
	  "  -w           write the packets' headers to FILE as pcapng, with the verdicts as comments; -: to a pipe\n"
	  "\n"
	  "  ipipbpf monitor\n"
	  "  ipipbpf -j monitor eth0\n"
	  "  ipipbpf monitor eth0 -w refused.pcapng\n"
	  "  ipipbpf monitor eth0 -w - | tcpdump -n -r -\n" },
};
/* clang-format on */

const size_t command_count = sizeof(commands) / sizeof(*commands);
