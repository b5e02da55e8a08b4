/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The rules of sending a packet for another host straight on, past the stack: may it go so, and where to? In any doubt
 * it may not: the stack then forwards it, or answers it, as without these rules.
 */
#ifndef FORWARD_H
#define FORWARD_H

#include "ipv4.h"
#include "ports.h"
#include "prefix.h"
#include "reverse_path.h"

struct forward {
	struct iphdr *header;
	bool into_tunnel; /* a prefix of ours holds the destination, and the route leads to DEV */
	struct bpf_fib_lookup fib;
};

/* The header checksum after the TTL, the upper byte of its word, went down by one (RFC 1624, equation 3). */
static __always_inline __sum16 ipv4_checksum_with_less_ttl(const struct iphdr *header)
{
	return ~checksum_fold((__u64)(__u16)~header->check + (__u16)~bpf_htons(1 << 8));
}

/*
 * Options are the stack's to read, and a TTL of 1 is its to answer. The FIB would send a multicast by a default route.
 */
static __always_inline bool forward_may_travel(const struct iphdr *header)
{
	__u8 first = bpf_ntohl(header->daddr) >> 24;

	return header->version == 4 && header->ihl == sizeof(*header) / 4 && header->ttl > 1 && first && first != 127 &&
	       first < 224;
}

/*
 * Finds the way of a packet that came in by device `from`; false: it is the stack's. The FIB is asked as for a packet
 * from that device, so that it answers only where the host forwards. `longest`: bytes of its longest segment. `routed`:
 * a unicast route back to its source is known to exist; else one must, and through the device `back` unless that is 0.
 */
static __always_inline bool forward_finds_way(hook_context *ctx, const struct frame *frame, __u32 ip, __u32 from,
					      __u32 longest, bool routed, __u32 back, const struct meta *device,
					      struct forward *forward)
{
	const struct prefix *prefix;
	struct ports ports;
	struct ipv4 ipv4;

	if (!ipv4_find(frame, ip, &ipv4) || !forward_may_travel(ipv4.header) ||
	    (!routed && route_back(ctx, ipv4.header, back) != VERDICT_DECAP_OK))
		return false;
	forward->fib = (struct bpf_fib_lookup){
		.family = AF_INET,
		.l4_protocol = ipv4.header->protocol,
		.tos = ipv4.header->tos,
		.tot_len = longest,
		.ipv4_src = ipv4.header->saddr,
		.ipv4_dst = ipv4.header->daddr,
		.ifindex = from,
	};
	ports = ports_of(frame, &ipv4);
	forward->fib.sport = ports.source;
	forward->fib.dport = ports.destination;
	if (bpf_fib_lookup(ctx, &forward->fib, sizeof(forward->fib), 0) != BPF_FIB_LKUP_RET_SUCCESS)
		return false;
	forward->header = ipv4.header;
	forward->into_tunnel = false;
	if (forward->fib.ifindex == device->ifindex) {
		prefix = prefix_find(device, ipv4.header->daddr);
		forward->into_tunnel = prefix && !prefix_is_bare(prefix);
	}
	return true;
}

#endif
