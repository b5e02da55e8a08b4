/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The rules of sending a packet for another host straight on, past the stack: may it go so, and where to? In any doubt
 * it may not: the stack then forwards it, or answers it, as without these rules.
 */
#ifndef FORWARD_H
#define FORWARD_H

#include "peer.h"
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
 * True if the checksum behind the IPv4 header is known to be whole. Between devices of one machine it may be left to the
 * last of them, and then the field has the sum of the pseudo header alone; who sends frames past the stack never hears of
 * it. UDP may carry another tunnel, whose inner checksum it is that is left: nothing tells.
 */
static __always_inline bool forward_has_whole_checksum(const struct frame *frame, const struct ipv4 *ipv4)
{
	const struct iphdr *header = ipv4->header;
	const struct tcphdr *tcp;

	if (ipv4_is_fragment(header))
		return false;
	if (header->protocol == IPPROTO_ICMP)
		return true;
	if (header->protocol != IPPROTO_TCP)
		return false;
	tcp = frame_at(frame, ipv4->offset + sizeof(*header), sizeof(*tcp));
	return tcp && tcp->check != checksum_fold((__u64)header->saddr + header->daddr + bpf_htons(IPPROTO_TCP) +
						  bpf_htons(ipv4->total_len - sizeof(*header)));
}

/* Ports decide where routes have several ways, or rules ask for them. */
static __always_inline void forward_name_ports(const struct frame *frame, const struct ipv4 *ipv4,
					       struct bpf_fib_lookup *fib)
{
	const struct udphdr *udp;

	if ((ipv4->header->protocol != IPPROTO_TCP && ipv4->header->protocol != IPPROTO_UDP) ||
	    ipv4_is_fragment(ipv4->header))
		return;
	udp = frame_at(frame, ipv4->offset + sizeof(*ipv4->header), sizeof(*udp));
	if (!udp)
		return;
	fib->sport = udp->source;
	fib->dport = udp->dest;
}

/*
 * Finds the way of a packet that came in by device `from`; false: it is the stack's. The FIB is asked as for a packet
 * from that device, so that it answers only where the host forwards. `longest`: bytes of its longest segment. `routed`:
 * a unicast route back to its source is known to exist.
 */
static __always_inline bool forward_finds_way(hook_context *ctx, const struct frame *frame, __u32 ip, __u32 from,
					      __u32 longest, bool routed, const struct meta *device,
					      struct forward *forward)
{
	const struct prefix *prefix;
	struct ipv4 ipv4;

	if (!ipv4_find(frame, ip, &ipv4) || !forward_may_travel(ipv4.header) ||
	    (!routed && route_back(ctx, ipv4.header, 0) != VERDICT_DECAP_OK))
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
	forward_name_ports(frame, &ipv4, &forward->fib);
	if (bpf_fib_lookup(ctx, &forward->fib, sizeof(forward->fib), 0) != BPF_FIB_LKUP_RET_SUCCESS)
		return false;
	forward->header = ipv4.header;
	forward->into_tunnel = false;
	if (forward->fib.ifindex == device->ifindex) {
		prefix = prefix_find(ipv4.header->daddr);
		forward->into_tunnel = prefix && !prefix_is_bare(prefix);
	}
	return true;
}

#endif
