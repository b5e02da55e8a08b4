/* SPDX-License-Identifier: GPL-2.0-only */
/* Decapsulation at XDP ingress, native or skb mode. */
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>

typedef struct xdp_md hook_context;

#include "decap.h"

char LICENSE[] SEC("license") = "GPL";

/* An Ethernet header and its tags. */
#define LINK_HEADER_MAX (sizeof(struct ethhdr) + TAGS_MAX * sizeof(struct vlan_hdr))

static __always_inline struct frame xdp_frame(struct xdp_md *ctx)
{
	struct frame frame = { .data = (void *)(long)ctx->data, .end = (void *)(long)ctx->data_end };

	frame.len = features.xdp_buff_len ? bpf_xdp_get_buff_len(ctx) : frame.end - frame.data;
	return frame;
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

/* Frames in several buffers: the loader sets the flag for them where the kernel knows it (Linux 5.18). */
SEC("xdp")
int decap_xdp(struct xdp_md *ctx)
{
	struct frame frame = xdp_frame(ctx);
	struct decap decap;
	struct meta *device;
	__u32 key = 0, ip;

	device = bpf_map_lookup_elem(&meta, &key);
	if (!device || !frame_finds_ipv4(&frame, &ip) || !decap_is_due(device, HOOK_XDP, frame.len - ip) ||
	    !decap_concerns(&frame, ip, device))
		return XDP_PASS;
	decap_judge(ctx, &frame, ip, device, ip > features.link_header, 0, &decap);
	if (decap.fate == FATE_CARRY) {
		xdp_write_ecn(&decap);
		if (!xdp_strip(ctx, &frame, &decap))
			decap_decide(&decap, VERDICT_DECAP_ERROR);
	}
	decap_count(&decap);
	return decap.fate == FATE_DROP ? XDP_DROP : XDP_PASS;
}
