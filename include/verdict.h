/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The verdicts: why a packet was wrapped, stripped, left alone or dropped.
 *
 * This one list gives the counters' indexes, the names that users read, what happens to the packet and what the manual
 * says of it. It is append-only: an index is a key of the pinned map `verdicts`, and an older loader must read a newer
 * attachment's counters rightly.
 *
 * X(SYMBOL, "name", FATE, "what it means", "what to do about it")
 */
#ifndef VERDICT_H
#define VERDICT_H

/* What becomes of the packet: on to whoever comes next as it is, dropped, or carried through the tunnel. */
enum fate {
	FATE_UNTOUCHED,
	FATE_DROP,
	FATE_CARRY,
};

/* clang-format off */
#define VERDICTS(X)                                                                                                    \
	X(DECAP_OK, "decap_ok", CARRY,                                                                                 \
	  "unwrapped and handed to the stack",                                                                         \
	  "nothing: this is the tunnel at work")                                                                       \
	X(ENCAP_OK, "encap_ok", CARRY,                                                                                 \
	  "wrapped and sent to the peer",                                                                              \
	  "nothing: this is the tunnel at work")                                                                       \
	X(NOT_PEER, "not_peer", UNTOUCHED,                                                                             \
	  "IPIP whose outer source is no peer, or whose outer destination is not that peer's local address",           \
	  "add the peer, or correct its local address; the kernel answers such packets with an ICMP error")            \
	X(PLAIN_SOURCE, "plain_source", DROP,                                                                          \
	  "came without a tunnel, from an inner address that a peer's prefix holds",                                   \
	  "somebody spoofs, or the sender is not wrapped: a bare prefix or 'plain pass' lets it in")                   \
	X(OUTER_BAD, "outer_bad", DROP,                                                                                \
	  "outer header with a wrong length or checksum",                                                              \
	  "look at the underlay: a broken sender, or frames damaged on the way")                                       \
	X(OUTER_FRAGMENT, "outer_fragment", DROP,                                                                      \
	  "the outer packet came in fragments",                                                                        \
	  "let the peer set DF (pmtudisc) or lower its MTU; 'fragments stack' leaves them to the kernel")              \
	X(INNER_BAD, "inner_bad", DROP,                                                                                \
	  "inner packet is not IPv4, or has a wrong length or checksum, or TTL 0",                                     \
	  "look at what the sender put into the tunnel")                                                               \
	X(MARTIAN_SOURCE, "martian_source", DROP,                                                                      \
	  "inner source in 0.0.0.0/8, 127.0.0.0/8, 224.0.0.0/4 or 240.0.0.0/4",                                        \
	  "no honest packet has such a source: look at the peer")                                                      \
	X(RPF_PREFIX, "rpf_prefix", DROP,                                                                              \
	  "inner source is in no prefix of the peer that sent it",                                                     \
	  "add the prefix to that peer, let the sender use a listed source, or 'rpf loose'")                           \
	X(NO_ROUTE, "no_route", DROP,                                                                                  \
	  "no unicast route leads back to the inner source",                                                           \
	  "add the route ('ip route get SOURCE'), or run attach again if the link was down")                           \
	X(RPF_ROUTE, "rpf_route", DROP,                                                                                \
	  "the route back to the inner source leaves through another device",                                          \
	  "correct the route ('ip route get SOURCE'), or 'rpf loose' where paths are asymmetric")                      \
	X(FIB_UNAVAILABLE, "fib_unavailable", DROP,                                                                    \
	  "the kernel would not say which route leads back: net.ipv4.conf.lo.forwarding is 0",                         \
	  "run attach again: somebody set ip_forward to 0, and that cleared it")                                       \
	X(RPF_PREFIX_MON, "rpf_prefix_mon", CARRY,                                                                     \
	  "rpf_prefix, let through because of 'monitor'",                                                              \
	  "as rpf_prefix, before you take 'monitor' away")                                                             \
	X(NO_ROUTE_MON, "no_route_mon", CARRY,                                                                         \
	  "no_route, let through because of 'monitor'",                                                                \
	  "as no_route, before you take 'monitor' away")                                                               \
	X(RPF_ROUTE_MON, "rpf_route_mon", CARRY,                                                                       \
	  "rpf_route, let through because of 'monitor'",                                                               \
	  "as rpf_route, before you take 'monitor' away")                                                              \
	X(FIB_UNAVAILABLE_MON, "fib_unavailable_mon", CARRY,                                                           \
	  "fib_unavailable, let through because of 'monitor'",                                                         \
	  "as fib_unavailable, before you take 'monitor' away")                                                        \
	X(ECN_DROP, "ecn_drop", DROP,                                                                                  \
	  "outer header marked congested (CE), inner sender knows no ECN: dropped as RFC 6040 asks",                   \
	  "the path is congested; if this is frequent, the sender copies ECN wrongly: 'ecn' in its peer entry")        \
	X(DECAP_ERROR, "decap_error", DROP,                                                                            \
	  "the kernel refused to strip the outer header",                                                              \
	  "out of memory or a kernel limit: report it with the kernel's version")                                      \
	X(TAGGED, "tagged", UNTOUCHED,                                                                                 \
	  "a VLAN device sends this frame through ours: it is not wrapped",                                            \
	  "attach to the VLAN device if its traffic belongs into the tunnel")                                          \
	X(NO_PEER, "no_peer", DROP,                                                                                    \
	  "a prefix holds the destination, but names a peer that is not there",                                        \
	  "add the peer, or delete the prefix")                                                                        \
	X(PEER_INVALID, "peer_invalid", DROP,                                                                          \
	  "the peer's or prefix's entry has a value out of range, or a reserved byte that is not 0",                   \
	  "write the entry again ('ipipbpf peer set', or bpftool with the values of the manual)")                      \
	X(ENCAP_TTL, "encap_ttl", DROP,                                                                                \
	  "inner TTL is 0",                                                                                            \
	  "look at the sender: such a packet must not travel")                                                         \
	X(ENCAP_SOURCE, "encap_source", DROP,                                                                          \
	  "a forwarded packet claims one of the tunnel's own end points as its source",                                \
	  "somebody spoofs, or a route runs in a circle")                                                              \
	X(ENCAP_NO_ROUTE, "encap_no_route", DROP,                                                                      \
	  "no route to the peer's outer address",                                                                      \
	  "add the route ('ip route get REMOTE')")                                                                     \
	X(ENCAP_LOOP, "encap_loop", DROP,                                                                              \
	  "the route to the peer's outer address leads back into the tunnel",                                          \
	  "add a more specific route to REMOTE through the underlay")                                                  \
	X(ENCAP_TOO_BIG, "encap_too_big", DROP,                                                                        \
	  "with the outer header the packet exceeds the path's MTU, and must not be fragmented",                       \
	  "give the route an MTU of the path less 20 ('routes on' does)")                                              \
	X(ENCAP_ERROR, "encap_error", DROP,                                                                            \
	  "the kernel refused to add the outer header, or could not cut the packet into segments behind it",           \
	  "UDP_SEGMENT needs 'ethtool -K DEV tx on', TCP in vxlan 'ethtool -K vxlan0 tso off'; or no memory")                    \
	X(ENCAP_UNREACHABLE, "encap_unreachable", DROP,                                                                \
	  "an earlier ICMP error from inside the tunnel was owed to the peer's next sender, who gets it now",          \
	  "look at the path to the peer's outer address ('ip route get REMOTE', traceroute)")                          \
	X(ERROR_RELAYED, "error_relayed", CARRY,                                                                       \
	  "an ICMP error from inside the tunnel, turned into one about the inner packet for its sender",               \
	  "look at the path to the peer (MTU, TTL, reachability), and whether it has a tunnel for us")                 \
	X(ERROR_KEPT, "error_kept", UNTOUCHED,                                                                         \
	  "an ICMP error from inside the tunnel that quotes too little to name the inner sender",                      \
	  "as error_relayed; the next packet to that peer draws the error")                                            \
	X(ERROR_LIMITED, "error_limited", DROP,                                                                        \
	  "an ICMP error from inside the tunnel, beyond the rate of 'icmp'",                                           \
	  "as error_relayed; 'icmp' sets the rate")                                                                    \
	X(ERROR_IGNORED, "error_ignored", UNTOUCHED,                                                                   \
	  "an ICMP error about a tunnel packet that must not leave the tunnel, or contradicts what was sent",          \
	  "a port unreachable tells that the peer has no tunnel for us: add it there")                                 \
	X(ECN_ALARM, "ecn_alarm", CARRY,                                                                               \
	  "unwrapped, with a combination of inner and outer ECN that no sound sender or router makes",                 \
	  "the peer or a router between treats ECN wrongly; RFC 6040 lets the packet pass")                            \
	X(MARTIAN_DESTINATION, "martian_destination", DROP,                                                            \
	  "inner destination in 0.0.0.0/8, 127.0.0.0/8 or 240.0.0.0/4, but for 255.255.255.255",                       \
	  "nobody can be there: look at the sender")                                                                   \
	X(DECAP_FORWARDED, "decap_forwarded", CARRY,                                                                   \
	  "unwrapped and sent straight on to another host, past the stack ('forward on')",                             \
	  "nothing: this is the tunnel at work")                                                                       \
	X(ENCAP_NO_PREFIX, "encap_no_prefix", UNTOUCHED,                                                               \
	  "a route leads it into the tunnel, but no peer's prefix holds the destination: nobody will take it",         \
	  "add the prefix to a peer, or correct the route ('ip route get DESTINATION')")
/* clang-format on */

enum verdict {
#define X(symbol, name, fate, meaning, remedy) VERDICT_##symbol,
	VERDICTS(X)
#undef X
	VERDICT_COUNT,
};

/* Of a packet that failed the reverse-path check and was let through because of `monitor`. */
static inline int verdict_is_let_through(enum verdict verdict)
{
	return verdict == VERDICT_RPF_PREFIX_MON || verdict == VERDICT_NO_ROUTE_MON ||
	       verdict == VERDICT_RPF_ROUTE_MON || verdict == VERDICT_FIB_UNAVAILABLE_MON;
}

/* Room in the pinned map `verdicts`, so that a new verdict does not change its layout. */
#define VERDICT_ROOM 64

_Static_assert(VERDICT_COUNT <= VERDICT_ROOM, "the map `verdicts` is full: it needs a new name and a migration");

#endif
