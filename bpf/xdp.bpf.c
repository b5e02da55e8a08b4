/* SPDX-License-Identifier: GPL-2.0-only */
/* Decapsulation at XDP ingress, native or skb mode. */
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>

typedef struct xdp_md hook_context;

#include "decap.h"
#include "xdp_forward.h"
#include "xdp_frame.h"
#include "xdp_spread.h"
#include "xdp_wrap.h"

char LICENSE[] SEC("license") = "GPL";

/* An Ethernet header and its tags. */
struct link_header {
	__u8 bytes[sizeof(struct ethhdr) + TAGS_MAX * sizeof(struct vlan_hdr)];
};

static __always_inline bool copy_link_header(void *to, const void *from, __u32 len)
{
	switch (len) {
	case 0:
		return true;
	case sizeof(struct ethhdr):
		__builtin_memcpy(to, from, sizeof(struct ethhdr));
		return true;
	case sizeof(struct ethhdr) + sizeof(struct vlan_hdr):
		__builtin_memcpy(to, from, sizeof(struct ethhdr) + sizeof(struct vlan_hdr));
		return true;
	case sizeof(struct link_header):
		__builtin_memcpy(to, from, sizeof(struct link_header));
		return true;
	default:
		return false;
	}
}

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

/* Cuts what lies behind the inner packet, and the outer header out from under the link header. */
static __always_inline bool xdp_strip(struct xdp_md *ctx, const struct frame *frame, const struct decap *decap)
{
	__u32 trailer = frame->len - decap->inner.offset - decap->inner.total_len;
	__u32 link_len = decap->outer.offset;
	struct link_header link;
	struct frame stripped;
	void *at;

	at = frame_at(frame, 0, sizeof(link));
	if (!at || !copy_link_header(&link, at, link_len))
		return false;
	if (trailer && bpf_xdp_adjust_tail(ctx, -(int)trailer))
		return false;
	if (bpf_xdp_adjust_head(ctx, decap->outer.header_len))
		return false;
	stripped = xdp_frame(ctx);
	at = frame_at(&stripped, 0, sizeof(link));
	return at && copy_link_header(at, &link, link_len);
}

/* It came out of a tunnel and goes into another: what it counts as shows once it is wrapped. No action has this number. */
#define XDP_INTO_NEXT_TUNNEL (-2)

/* A packet that came without a tunnel: is it for one, and may it go straight on into it? */
static __always_inline bool xdp_may_wrap(const struct meta *device, const struct decap *plain)
{
	const struct prefix *prefix;

	if (device->forward != SWITCH_ON || !plain->outer.header || plain->outer.offset != sizeof(struct ethhdr) ||
	    source_is_martian(plain->outer.header->saddr))
		return false;
	prefix = prefix_find(plain->outer.header->daddr);
	return prefix && !prefix_is_bare(prefix);
}

/*
 * What becomes of a frame: XDP's action, or one of the two that are not. Beside the function that wraps and not around it, so that their
 * variables lie one over the other in the 512 bytes of stack that they have.
 */
static __noinline int xdp_decap(struct xdp_md *ctx)
{
	struct frame frame = xdp_frame(ctx);
	struct decap decap;
	struct meta *device;
	__u32 key = 0, ip;
	int action = XDP_PASS;

	device = bpf_map_lookup_elem(&meta, &key);
	if (!device || !frame_finds_ipv4(&frame, &ip) || !decap_is_due(device, HOOK_XDP, frame.len - ip))
		return XDP_PASS;
	decap_judge(ctx, &frame, ip, device, ip > features.link_header, 0, &decap);
	if (!decap.counted)
		return xdp_may_wrap(device, &decap) ? xdp_forward(ctx, false, true) : XDP_PASS;
	if (decap.fate == FATE_CARRY) {
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
	decap_count(&decap);
	if (decap.fate == FATE_DROP)
		return XDP_DROP;
	if (decap.fate == FATE_CARRY && action == XDP_PASS && ip == sizeof(struct ethhdr) && spread_is_due(device))
		return xdp_spread(ctx);
	return action;
}

/* Frames in several buffers: the loader sets the flag for them where the kernel knows it (Linux 5.18). */
SEC("xdp")
int decap_xdp(struct xdp_md *ctx)
{
	int next = xdp_decap(ctx), action;

	if (next >= 0)
		return next;
	action = xdp_wrap(ctx);
	if (next == XDP_INTO_NEXT_TUNNEL)
		count_verdict(action == XDP_PASS ? VERDICT_DECAP_OK : VERDICT_DECAP_FORWARDED, 1);
	return action;
}
