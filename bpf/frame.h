/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A frame in reach of a program, the one bounds check of the dataplane, and the way past the link header.
 *
 * Whoever includes this has first said what the kernel hands to a program of its hook: typedef struct ... hook_context.
 */
#ifndef FRAME_H
#define FRAME_H

#include "vmlinux.h"
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "features.h"

#define ETH_P_IP 0x0800
#define ETH_P_8021Q 0x8100
#define ETH_P_8021AD 0x88a8

/* Tags that decapsulation reads past: none, one (802.1Q) or two (802.1ad). */
#define TAGS_MAX 2

/* Written by the loader before it loads the object. */
const volatile struct features features = {};

struct frame {
	void *data; /* first byte of the link header */
	void *end;  /* behind the last byte that can be read directly */
	__u32 len;  /* bytes of the whole frame, also of those that cannot */
};

/*
 * The `size` bytes at `offset`, or NULL if they are not all there. `size` is a constant, and offset at most 255: link
 * header, tags, and two headers with options are all that is ever read.
 */
static __always_inline void *frame_at(const struct frame *frame, __u64 offset, __u32 size)
{
	void *at;

	/*
	 * In assembly, because the compiler knows these bounds and would leave the mask out; the verifier forgets them when
	 * a register is spilled. Likewise it needs the very pointer that it saw compared, not one computed twice.
	 */
	if (!__builtin_constant_p(offset))
		asm volatile("%0 &= 0xff" : "+r"(offset));
	at = frame->data + offset;
	asm volatile("" : "+r"(at));
	return at + size <= frame->end ? at : NULL;
}

static __always_inline bool eth_is_sent_to(const struct ethhdr *eth, const volatile __u8 *mac)
{
#pragma unroll
	for (__u32 i = 0; i < sizeof(eth->h_dest); i++)
		if (eth->h_dest[i] != mac[i])
			return false;
	return true;
}

/*
 * The first 20 bytes of the IPv4 header, which lies behind the link header and its tags, `*ip` bytes into the frame. NULL
 * if the frame carries something else.
 */
static __always_inline const struct iphdr *frame_find_ipv4(const struct frame *frame, __u32 *ip)
{
	const struct iphdr *header;
	const struct ethhdr *eth;
	__u32 offset = 0;
	__be16 proto;

	if (features.link_header) {
		eth = frame_at(frame, 0, sizeof(*eth));
		if (!eth)
			return NULL;
		proto = eth->h_proto;
		offset = sizeof(*eth);
#pragma unroll
		for (int i = 0; i < TAGS_MAX; i++) {
			const struct vlan_hdr *tag;

			if (proto != bpf_htons(ETH_P_8021Q) && proto != bpf_htons(ETH_P_8021AD))
				break;
			tag = frame_at(frame, offset, sizeof(*tag));
			if (!tag)
				return NULL;
			proto = tag->h_vlan_encapsulated_proto;
			offset += sizeof(*tag);
		}
		if (proto != bpf_htons(ETH_P_IP))
			return NULL;
	}
	header = frame_at(frame, offset, sizeof(*header));
	*ip = offset;
	return header && header->version == 4 ? header : NULL;
}

#endif
