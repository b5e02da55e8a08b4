/* SPDX-License-Identifier: GPL-2.0-only */
/* Decapsulation at XDP ingress, native or skb mode. */
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>

typedef struct xdp_md hook_context;

#include "decap.h"
#include "xdp_forward.h"
#include "xdp_frame.h"
#include "xdp_refusal.h"
#include "xdp_spread.h"
#include "xdp_wrap.h"

char LICENSE[] SEC("license") = "GPL";

/* An Ethernet header and its tags. */
#define LINK_HEADER_MAX (sizeof(struct ethhdr) + TAGS_MAX * sizeof(struct vlan_hdr))

/* Writes the combined ECN into the inner header. */
static __always_inline void xdp_write_ecn(struct decap *decap)
{
	struct iphdr *inner = decap->inner.header;
	__u8 tos = ecn_decapsulate(decap->outer.header->tos, inner->tos);

	if (tos == inner->tos)
		return;
	inner->check = ipv4_checksum_with_tos(inner, tos);
	inner->tos = tos;
}

/* Moves the link header, `len` bytes with its tags, `by` bytes towards the end. */
static __always_inline bool xdp_move_link_header(const struct frame *frame, __u32 len, __u32 by)
{
	/* Two bytes at a time: the compiler goes by the type, and would else copy single ones. */
	__u16 *from, *to;

	if (!len)
		return true;
	from = frame_at(frame, 0, LINK_HEADER_MAX);
	to = frame_at(frame, by, LINK_HEADER_MAX);
	if (!from || !to)
		return false;
	switch (len) {
	case sizeof(struct ethhdr):
		__builtin_memmove(to, from, sizeof(struct ethhdr));
		return true;
	case sizeof(struct ethhdr) + sizeof(struct vlan_hdr):
		__builtin_memmove(to, from, sizeof(struct ethhdr) + sizeof(struct vlan_hdr));
		return true;
	case LINK_HEADER_MAX:
		__builtin_memmove(to, from, LINK_HEADER_MAX);
		return true;
	default:
		return false;
	}
}

/* Takes the outer header out from under the link header, and cuts what lies behind the inner packet. */
static __always_inline bool xdp_strip(struct xdp_md *ctx, const struct frame *frame, const struct decap *decap)
{
	__u32 trailer = frame->len - decap->inner.offset - decap->inner.total_len;

	if (!xdp_move_link_header(frame, decap->outer.offset, decap->outer.header_len))
		return false;
	if (trailer && bpf_xdp_adjust_tail(ctx, -(int)trailer))
		return false;
	return !bpf_xdp_adjust_head(ctx, decap->outer.header_len);
}

/* A function of its own, with room on the stack for the event. */
static __noinline int xdp_drop(struct xdp_md *ctx, enum verdict verdict, __u32 packets, __be32 peer, bool known)
{
	if (refusal_begin(verdict, packets, peer, known))
		xdp_tell(ctx);
	decap_count_drop(verdict, packets, peer, known);
	return XDP_DROP;
}

/* It came out of a tunnel and goes into another: what it counts as shows once it is wrapped. No action has this number. */
#define XDP_INTO_NEXT_TUNNEL (-2)

/* A packet of which the rules of decapsulation say nothing: is it for a tunnel, and may it go straight on into it? */
static __always_inline bool xdp_may_wrap(struct xdp_md *ctx, const struct iphdr *header, __u32 ip,
					 const struct meta *device)
{
	const struct prefix *prefix;

	if (!device_forwards(device) || ip != sizeof(struct ethhdr) || source_is_martian(header->saddr) ||
	    !decap_is_due(device, HOOK_XDP, xdp_frame(ctx).len - ip))
		return false;
	prefix = prefix_find(device, header->daddr);
	return prefix && !prefix_is_bare(prefix);
}

/*
 * What becomes of a frame that concerns the rules of decapsulation: XDP's action, or one of the two that are not. Beside
 * the function that wraps and not around it, so that their variables lie one over the other in the 512 bytes of stack that
 * they have.
 */
static __noinline int xdp_decap(struct xdp_md *ctx, const struct meta *device, __u32 ip)
{
	struct frame frame = xdp_frame(ctx);
	struct decap decap;
	int action = XDP_PASS;

	if (!decap_is_due(device, HOOK_XDP, frame.len - ip))
		return XDP_PASS;
	decap_judge(ctx, &frame, ip, device, ip > features.link_header, 0, &decap);
	if (!decap.counted)
		return XDP_PASS;
	if (decap.fate == FATE_CARRY) {
		if (verdict_is_let_through(decap.verdict) && refusal_begin(decap.verdict, 1, decap.peer, true))
			xdp_tell(ctx);
		xdp_write_ecn(&decap);
		if (!xdp_strip(ctx, &frame, &decap))
			decap_decide(&decap, VERDICT_DECAP_ERROR);
		else if (decap.onward)
			action = xdp_forward(ctx, decap.onward == ONWARD, false);
		if (action == XDP_TX || action == XDP_REDIRECT)
			decap_goes_straight_on(&decap);
	}
	if (action == XDP_INTO_TUNNEL && decap.verdict == VERDICT_DECAP_OK) {
		decap_count_of_peer(&decap);
		return XDP_INTO_NEXT_TUNNEL;
	}
	if (decap.fate == FATE_DROP) {
		decap_forget(&decap, frame.len);
		return xdp_drop(ctx, decap.verdict, decap.segments.count, decap.peer, decap.known);
	}
	decap_count(&decap);
	if (decap.fate == FATE_CARRY && action == XDP_PASS && ip == sizeof(struct ethhdr) && spread_is_due(device))
		return xdp_spread(ctx);
	return action;
}

/* Frames in several buffers: the loader sets the flag for them where the kernel knows it (Linux 5.18). */
SEC("xdp")
int decap_xdp(struct xdp_md *ctx)
{
	struct frame frame = xdp_first_buffer(ctx);
	const struct iphdr *header;
	struct meta *device;
	__u32 key = 0, ip;
	int next, action;

	device = bpf_map_lookup_elem(&meta, &key);
	header = frame_find_ipv4(&frame, &ip);
	if (!device || !header)
		return XDP_PASS;
	/* One way on for all numbers of tags. */
	if (decap_concerns(header, device))
		next = xdp_decap(ctx, device, forgotten(ip, frame.len));
	else
		next = xdp_may_wrap(ctx, header, ip, device) ? xdp_forward(ctx, false, true) : XDP_PASS;
	if (next >= 0)
		return next;
	action = xdp_wrap(ctx);
	if (next == XDP_INTO_NEXT_TUNNEL)
		count_verdict(action == XDP_PASS ? VERDICT_DECAP_OK : VERDICT_DECAP_FORWARDED, 1);
	return action;
}
