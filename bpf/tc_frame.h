/* SPDX-License-Identifier: GPL-2.0-only */
/* The frame that a TC program was handed: making its bytes readable, and finding the IPv4 header. */
#ifndef TC_FRAME_H
#define TC_FRAME_H

#include "frame.h"

/* Link header with an in-band tag, and an IPv4 header: what tells whether a packet is ours. */
#define NEEDED_TO_KNOW (sizeof(struct ethhdr) + sizeof(struct vlan_hdr) + sizeof(struct iphdr))

static __always_inline struct frame tc_frame(struct __sk_buff *skb)
{
	return (struct frame){
		.data = (void *)(long)skb->data,
		.end = (void *)(long)skb->data_end,
		.len = skb->len,
	};
}

/* Makes the first `bytes` readable, where the packet has them; the rest may lie in pages. */
static __always_inline void tc_reach(struct __sk_buff *skb, struct frame *frame, __u32 bytes)
{
	if (bytes > frame->len)
		bytes = frame->len;
	if (frame->data + bytes <= frame->end)
		return;
	bpf_skb_pull_data(skb, bytes);
	*frame = tc_frame(skb);
}

/*
 * Finds the IPv4 header, `*ip` bytes in, and makes its first 20 bytes readable. NULL if there is none. Programs here read
 * packets directly but write them by helpers alone: a direct write would have the kernel copy the header of every cloned
 * packet, also of those that are not ours.
 */
static __always_inline const struct iphdr *tc_find_ipv4(struct __sk_buff *skb, struct frame *frame, __u32 *ip)
{
	const struct iphdr *header;

	*frame = tc_frame(skb);
	tc_reach(skb, frame, NEEDED_TO_KNOW);
	header = frame_find_ipv4(frame, ip);
	/* The tag beside the frame is one of TAGS_MAX. */
	if (!header || (skb->vlan_present && *ip >= features.link_header + TAGS_MAX * sizeof(struct vlan_hdr)))
		return NULL;
	return header;
}

#endif
