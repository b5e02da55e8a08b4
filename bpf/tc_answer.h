/* SPDX-License-Identifier: GPL-2.0-only */
/* A packet that cannot be sent becomes the ICMP error about itself, for its sender. */
#ifndef TC_ANSWER_H
#define TC_ANSWER_H

#include "layout.h"
#include "tc_frame.h"
#include "tc_icmp.h"

/* What is left of a packet while its room is changed: the kernel leaves no less than an IPv4 header. */
#define ANSWER_KEPT sizeof(struct iphdr)

/* bpf_skb_adjust_room() moves no more at once, and adds nothing to a packet of more than some 16,000 bytes. */
#define ROOM_CHANGE_MAX 4095
#define ROOM_CHANGES_MAX 3

/* Of ICMP_QUOTE_MAX the verifier understands as much as a mask of bits tells it. */
#define QUOTE_MASK 0x3ff
#define QUOTE_ROOM (QUOTE_MASK + 1 + sizeof(struct iphdr))

/* An error while it is made; too large for the stack of functions that call each other. */
struct answer {
	struct icmp_headers headers;
	__u8 quote[QUOTE_ROOM];
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct answer);
} answers SEC(".maps");

/* May the packet whose IPv4 header is `ip` bytes in be answered with an error? */
static __always_inline bool tc_may_answer(struct __sk_buff *skb, struct frame *frame, __u32 ip)
{
	struct ipv4 about;
	const __u8 *first_byte;

	if (!ipv4_find(frame, ip, &about))
		return false;
	tc_reach(skb, frame, ip + about.header_len + sizeof(*first_byte));
	if (!ipv4_find(frame, ip, &about))
		return false;
	first_byte = about.total_len > about.header_len ? frame_at(frame, ip + about.header_len, 1) : NULL;
	return icmp_may_tell(about.header, first_byte);
}

/*
 * Puts an error on its way. This host's own stack gets it at the ingress of the device, over the addresses of the
 * packet's link header turned about.
 */
static __always_inline int answer_send(struct __sk_buff *skb, const struct icmp_way *way)
{
	struct {
		__u8 h_dest[6];
		__u8 h_source[6];
	} link = { .h_source = NEXT_HOP_MAC };

	if (way->ifindex)
		return bpf_redirect_neigh(way->ifindex, NULL, 0, 0);
	if (features.link_header &&
	    (bpf_skb_load_bytes(skb, __builtin_offsetof(struct ethhdr, h_source), link.h_dest, sizeof(link.h_dest)) ||
	     bpf_skb_store_bytes(skb, 0, &link, sizeof(link), 0)))
		return TC_ACT_SHOT;
	return bpf_redirect(skb->ifindex, BPF_F_INGRESS);
}

/*
 * Makes a packet of any kind and length one of `total_len` bytes, which are still to be written. All of it is taken away
 * from the front but a few bytes: that is how the kernel forgets a checksum that is left to the device, which would be
 * written into the quote. From the back it would not take anything away that came out of another tunnel.
 */
static __always_inline bool answer_resize(struct __sk_buff *skb, __u32 ip, __u32 total_len)
{
	__u32 excess;

	/* The one way to make a single packet of a GSO packet, and to begin with one that may not grow. */
	if ((skb->gso_size || skb->len > ROOM_CHANGES_MAX * ROOM_CHANGE_MAX) &&
	    bpf_skb_change_tail(skb, ip + ICMP_ERROR_MAX, 0))
		return false;
	if (bpf_skb_adjust_room(skb, ANSWER_KEPT, BPF_ADJ_ROOM_MAC, 0))
		return false;
	excess = skb->len - ip - ANSWER_KEPT;
	for (__u32 i = 0; i < ROOM_CHANGES_MAX && excess; i++) {
		__s32 change = excess < ROOM_CHANGE_MAX ? excess : ROOM_CHANGE_MAX;

		if (bpf_skb_adjust_room(skb, -change, BPF_ADJ_ROOM_MAC, 0))
			return false;
		excess -= change;
	}
	return !excess && !bpf_skb_adjust_room(skb, total_len - ANSWER_KEPT, BPF_ADJ_ROOM_MAC, 0);
}

/* Saves what is quoted of the packet, nothing of what lies behind it; returns how much, 0 if that cannot be. */
static __always_inline __u64 answer_save(struct __sk_buff *skb, __u32 ip, struct answer *answer)
{
	__be16 total_len;
	__u64 quoted;

	if (bpf_skb_load_bytes(skb, ip + __builtin_offsetof(struct iphdr, tot_len), &total_len, sizeof(total_len)))
		return 0;
	/* 0: a GSO packet too long for the field. */
	quoted = bpf_ntohs(total_len) ?: skb->len - ip;
	if (quoted > ICMP_QUOTE_MAX)
		quoted = ICMP_QUOTE_MAX;
	/* An IPv4 header at least; said so that Linux 5.10 understands it is not 0. */
	quoted -= sizeof(struct iphdr);
	asm volatile("%0 &= %1" : "+r"(quoted) : "i"(QUOTE_MASK));
	quoted += sizeof(struct iphdr);
	return bpf_skb_load_bytes(skb, ip, answer->quote, quoted) ? 0 : quoted;
}

/*
 * Turns an untagged packet into the error `code` with `mtu` (RFC 792) about itself. `local` and `remote` are the tunnel's
 * ends. Returns the action that sends the error, or TC_ACT_SHOT.
 */
__noinline int tc_answer(struct __sk_buff *skb, __be32 local, __be32 remote, __u8 code, __u16 mtu)
{
	struct icmp_error error = { .code = code, .mtu = mtu };
	__u32 ip = features.link_header, key = 0;
	struct answer *answer = bpf_map_lookup_elem(&answers, &key);
	struct icmp_way way;
	__be32 sender;
	__u64 quoted;

	if (!answer)
		return TC_ACT_SHOT;
	quoted = answer_save(skb, ip, answer);
	if (!quoted || !answer_resize(skb, ip, ICMP_HEADERS + quoted))
		return TC_ACT_SHOT;
	__builtin_memcpy(&sender, answer->quote + __builtin_offsetof(struct iphdr, saddr), sizeof(sender));
	way = icmp_way_to(skb, sender, local, remote);
	answer->headers = icmp_headers(&error, way.source, sender, ICMP_HEADERS + quoted);
	if (bpf_skb_store_bytes(skb, ip, answer, ICMP_HEADERS + quoted, BPF_F_RECOMPUTE_CSUM) ||
	    !tc_write_icmp_checksum(skb, ip, sizeof(struct icmphdr) + quoted))
		return TC_ACT_SHOT;
	return answer_send(skb, &way);
}

#endif
