/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What it takes to turn the packet in a TC program's hands into an ICMP error for an inner sender. All of it runs out of
 * the packets' usual way, in global functions: the verifier checks those once, and not for each way that leads to them.
 */
#ifndef TC_ICMP_H
#define TC_ICMP_H

#include "fib.h"
#include "icmp.h"
#include "tc_frame.h"

#define TC_ACT_UNSPEC (-1)
#define TC_ACT_SHOT 2

/* The longest message whose checksum is taken, in words: what an Ethernet frame of usual size can bring. */
#define ICMP_WORDS_MAX 375

/* The pointer, if `size` bytes are there to be read. In one register, as the verifier wants what it saw compared. */
static __always_inline void *tc_in_reach(const struct frame *frame, void *at, __u32 size)
{
	asm volatile("" : "+r"(at));
	return at + size <= frame->end ? at : NULL;
}

/* As long as its bounds can be told to the verifier by a mask. */
#define ICMP_BYTES_MASK 0x7ff

_Static_assert(ICMP_WORDS_MAX * sizeof(__u32) <= ICMP_BYTES_MASK, "the mask holds every length");

/* What the up to three bytes at `at` that are no whole word, the last of a message of `len`, add; -1: not in reach. */
static __always_inline long tc_sum_of_tail(const struct frame *frame, void *at, __u32 len)
{
	long sum = 0;

	if (len & sizeof(__u16)) {
		at = tc_in_reach(frame, at, sizeof(__u16));
		if (!at)
			return -1;
		sum = *(__u16 *)at;
		at += sizeof(__u16);
	}
	if (len & sizeof(__u8)) {
		at = tc_in_reach(frame, at, sizeof(__u8));
		if (!at)
			return -1;
		sum += bpf_htons(*(__u8 *)at << 8);
	}
	return sum;
}

/*
 * The ones' complement sum, not complemented, of the `len` bytes from `offset` on, which is at most 255; -1 if they are
 * not all in reach, or too many. The tail comes first: behind the loop, the verifier would look at it for every length.
 */
__noinline int tc_checksum(struct __sk_buff *skb, __u32 offset, __u32 len)
{
	struct frame frame = tc_frame(skb);
	void *at = frame_at(&frame, offset, 0);
	long sum;

	if (!at || len / sizeof(__u32) > ICMP_WORDS_MAX)
		return -1;
	sum = tc_sum_of_tail(&frame, at + (len & ICMP_BYTES_MASK & -sizeof(__u32)), len);
	if (sum < 0)
		return -1;
	for (__u32 i = 0; i < ICMP_WORDS_MAX && len >= sizeof(__u32); i++) {
		at = tc_in_reach(&frame, at, sizeof(__u32));
		if (!at)
			return -1;
		sum += *(__u32 *)at;
		at += sizeof(__u32);
		len -= sizeof(__u32);
	}
	return checksum_fold(sum);
}

/* Writes the checksum of the ICMP message of `len` bytes, all in reach, whose IPv4 header is `ip` bytes in. */
static __always_inline bool tc_write_icmp_checksum(struct __sk_buff *skb, __u32 ip, __u32 len)
{
	int sum = tc_checksum(skb, ip + sizeof(struct iphdr), len);
	__sum16 check = ~sum;

	return sum >= 0 &&
	       !bpf_skb_store_bytes(skb, ip + sizeof(struct iphdr) + __builtin_offsetof(struct icmphdr, checksum),
				    &check, sizeof(check), BPF_F_RECOMPUTE_CSUM);
}

/* Where an error for an inner sender goes. */
struct icmp_way {
	__u32 ifindex; /* 0: to this host's own stack */
	__be32 source; /* of the error */
};

/*
 * The way to the inner sender `to`: a host on another device hears it from that device's address (RFC 1812 4.3.2.4),
 * which the FIB tells since Linux 6.7, else from our outer one. A sender of this host's own, and all others while the FIB
 * is silent, by way of the ingress of our device, where an own address would be taken for a forgery: from `stand_in`.
 */
static __always_inline struct icmp_way icmp_way_to(hook_context *ctx, __be32 to, __be32 local, __be32 stand_in)
{
	struct icmp_way way = { .source = stand_in };
	struct bpf_fib_lookup fib = { .ipv4_dst = to, .tot_len = sizeof(struct iphdr) };
	long answer = fib_ask_with(ctx, &fib, BPF_FIB_LOOKUP_SRC);

	if (answer < 0) {
		fib = (struct bpf_fib_lookup){ .ipv4_dst = to, .tot_len = sizeof(struct iphdr) };
		answer = fib_ask(ctx, &fib);
		fib.ipv4_src = local;
	}
	if (!fib_has_route(answer) || !fib_names_device(&fib))
		return way;
	way.ifindex = fib.ifindex;
	way.source = fib.ipv4_src;
	return way;
}

#endif
