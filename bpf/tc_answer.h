/* SPDX-License-Identifier: GPL-2.0-only */
/* A packet that cannot be sent becomes the ICMP error about itself, for its sender. */
#ifndef TC_ANSWER_H
#define TC_ANSWER_H

#include "layout.h"
#include "tc_frame.h"
#include "tc_icmp.h"

/* Bytes of the quote that are taken away and written back: more than any IPv4 header. */
#define ANSWER_SAVED 80

struct answer_head {
	struct icmp_headers headers;
	__u8 saved[ANSWER_SAVED];
};

/* The head of an answer while it is made; too large for the stack of functions that call each other. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct answer_head);
} answer_head SEC(".maps");

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
	first_byte = frame_at(frame, ip + about.header_len, sizeof(*first_byte));
	return first_byte && icmp_may_tell(about.header, *first_byte);
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
 * Makes room for the headers of an error in front of the packet, and saves its head. A checksum that is left to the device
 * would be written into the quote: the kernel forgets it when the bytes that it covers are taken away, so the head goes
 * and comes back. A packet too short for that is padded meanwhile.
 */
static __always_inline bool answer_make_room(struct __sk_buff *skb, __u32 ip, __u32 quoted, struct answer_head *head)
{
	__u32 least = ANSWER_SAVED + sizeof(struct iphdr);

	return !bpf_skb_change_tail(skb, ip + (quoted > least ? quoted : least), 0) &&
	       !bpf_skb_load_bytes(skb, ip, head->saved, sizeof(head->saved)) &&
	       !bpf_skb_adjust_room(skb, -ANSWER_SAVED, BPF_ADJ_ROOM_MAC, 0) &&
	       !bpf_skb_adjust_room(skb, sizeof(*head), BPF_ADJ_ROOM_MAC, 0);
}

/*
 * Turns an untagged packet into the error `code` with `mtu` (RFC 792) about itself. `local` and `remote` are the tunnel's
 * ends. Returns the action that sends the error, or TC_ACT_SHOT.
 */
__noinline int tc_answer(struct __sk_buff *skb, __be32 local, __be32 remote, __u8 code, __u16 mtu)
{
	struct icmp_error error = { .code = code, .mtu = mtu };
	__u32 ip = features.link_header, quoted = skb->len - ip, key = 0;
	struct answer_head *head = bpf_map_lookup_elem(&answer_head, &key);
	struct icmp_way way;
	__be32 sender;

	if (quoted > ICMP_QUOTE_MAX)
		quoted = ICMP_QUOTE_MAX;
	if (!head || !answer_make_room(skb, ip, quoted, head))
		return TC_ACT_SHOT;
	__builtin_memcpy(&sender, head->saved + __builtin_offsetof(struct iphdr, saddr), sizeof(sender));
	way = icmp_way_to(skb, sender, local, remote);
	head->headers = icmp_headers(&error, way.source, sender, ICMP_HEADERS + quoted);
	if (bpf_skb_store_bytes(skb, ip, head, sizeof(*head), 0) ||
	    bpf_skb_change_tail(skb, ip + ICMP_HEADERS + quoted, 0) ||
	    !tc_write_icmp_checksum(skb, ip, sizeof(struct icmphdr) + quoted))
		return TC_ACT_SHOT;
	return answer_send(skb, &way);
}

#endif
