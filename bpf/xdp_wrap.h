/* SPDX-License-Identifier: GPL-2.0-only */
/* Wrapping a frame at XDP that came by DEV and goes into a tunnel there: a hub's, or one from a router beside it. */
#ifndef XDP_WRAP_H
#define XDP_WRAP_H

#include "encap.h"
#include "neighbour.h"
#include "xdp_forward.h"

struct wrapped_headers {
	struct ethhdr eth;
	struct iphdr outer;
} __attribute__((packed));

/* Can XDP send it, and now? The rest is for the program at TC egress, which finds it as it was. */
static __always_inline bool wrap_is_possible(const struct encap *encap)
{
	return encap->counted && encap->verdict == VERDICT_ENCAP_OK && encap->resolved &&
	       !neighbour_is_due(encap->counters) && bpf_map_lookup_elem(&devices, &encap->ifindex);
}

/* Puts the headers before the packet, and cuts the padding behind it. False, and nothing is changed: there is no room. */
static __always_inline bool xdp_put_on_top(struct xdp_md *ctx, const struct wrapped_headers *headers, __u32 padding)
{
	struct wrapped_headers *at;
	struct frame frame;

	if (bpf_xdp_adjust_head(ctx, -(int)sizeof(headers->outer)))
		return false;
	if (padding)
		bpf_xdp_adjust_tail(ctx, -(int)padding);
	frame = xdp_frame(ctx);
	at = frame_at(&frame, 0, sizeof(*at));
	if (at)
		*at = *headers;
	return true;
}

/* Puts back the header whose TTL was taken one off. */
static __always_inline int xdp_leave_to_the_stack(struct xdp_md *ctx, const struct iphdr *before)
{
	struct frame frame = xdp_frame(ctx);
	struct iphdr *inner = frame_at(&frame, sizeof(struct ethhdr), sizeof(*inner));

	if (inner)
		*inner = *before;
	return XDP_PASS;
}

/*
 * Wraps an untagged frame whose IPv4 packet may go straight on, and sends it. Returns the action; XDP_PASS if it is the
 * stack's, and then as it was.
 */
static __noinline int xdp_wrap(struct xdp_md *ctx)
{
	struct wrapped_headers headers = {};
	struct iphdr *inner, before, outer = {};
	struct frame frame = xdp_frame(ctx);
	struct encap encap;
	struct meta *device;
	__u32 key = 0;

	device = bpf_map_lookup_elem(&meta, &key);
	inner = frame_at(&frame, sizeof(struct ethhdr), sizeof(*inner));
	if (!device || !inner)
		return XDP_PASS;
	before = *inner;
	inner->check = ipv4_checksum_with_less_ttl(inner);
	inner->ttl--;
	encap_judge(ctx, &frame, sizeof(struct ethhdr), device, false, true, 0, &encap, &outer);
	/* The error that judging it has paid is owed to its sender still. */
	if (encap.counted && encap.verdict == VERDICT_ENCAP_UNREACHABLE)
		path_owe_error(encap.remote);
	if (!wrap_is_possible(&encap))
		return xdp_leave_to_the_stack(ctx, &before);
	__builtin_memcpy(headers.eth.h_dest, encap.fib.dmac, sizeof(headers.eth.h_dest));
	__builtin_memcpy(headers.eth.h_source, encap.fib.smac, sizeof(headers.eth.h_source));
	headers.eth.h_proto = bpf_htons(ETH_P_IP);
	headers.outer = outer;
	if (!xdp_put_on_top(ctx, &headers, frame.len - sizeof(struct ethhdr) - encap.inner.total_len))
		return xdp_leave_to_the_stack(ctx, &before);
	encap_count(&encap);
	return xdp_send(encap.ifindex, device);
}

#endif
