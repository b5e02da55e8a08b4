/* SPDX-License-Identifier: GPL-2.0-only */
/* Sending a packet straight on from TC ingress, by the kernel's neighbour code, whole as it is: GSO and checksum stay. */
#ifndef TC_FORWARD_H
#define TC_FORWARD_H

#include "forward.h"
#include "segments.h"
#include "tc_frame.h"

#define PACKET_HOST 0

/* What decrementing the TTL changes, as it lies in the header. */
struct ttl_and_checksum {
	__u8 ttl;
	__u8 protocol;
	__sum16 check;
};

static __always_inline bool tc_decrement_ttl(struct __sk_buff *skb, const struct iphdr *header)
{
	struct ttl_and_checksum changed = {
		.ttl = header->ttl - 1,
		.protocol = header->protocol,
		.check = ipv4_checksum_with_less_ttl(header),
	};

	return !bpf_skb_store_bytes(skb, sizeof(struct ethhdr) + __builtin_offsetof(struct iphdr, ttl), &changed,
				    sizeof(changed), 0);
}

/*
 * Sends a packet on that came untagged out of the tunnel. Returns the action; TC_ACT_UNSPEC if the stack is to
 * have it, which then is as it was.
 */
static __noinline int tc_forward(struct __sk_buff *skb, bool routed)
{
	struct bpf_redir_neigh next_hop = { .nh_family = AF_INET };
	struct frame frame = tc_frame(skb);
	struct forward forward;
	struct segments segments;
	struct meta *device;
	struct ipv4 ipv4;
	__u32 key = 0;

	device = bpf_map_lookup_elem(&meta, &key);
	/* Of a frame that a switch flooded, or a capture let in, this host is not the router. */
	if (!device || !features.fib_tells_mtu || skb->pkt_type != PACKET_HOST)
		return TC_ACT_UNSPEC;
	/* What was read of it to judge it lies in one piece still. */
	if (!ipv4_find(&frame, sizeof(struct ethhdr), &ipv4))
		return TC_ACT_UNSPEC;
	segments = segments_of(&frame, &ipv4, skb->gso_size);
	if (!forward_finds_way(skb, &frame, sizeof(struct ethhdr), device->ifindex, segments.longest, routed, 0, device,
			       &forward) ||
	    !tc_decrement_ttl(skb, forward.header))
		return TC_ACT_UNSPEC;
	next_hop.ipv4_nh = forward.fib.ipv4_dst;
	return bpf_redirect_neigh(forward.fib.ifindex, &next_hop, sizeof(next_hop), 0);
}

#endif
