/* SPDX-License-Identifier: GPL-2.0-only */
/* Encapsulation at TC egress, and decapsulation at TC ingress for devices that XDP does not suit. */
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>

typedef struct __sk_buff hook_context;

#include "decap.h"
#include "encap.h"
#include "neighbour.h"
#include "tc_answer.h"
#include "tc_forward.h"
#include "tc_frame.h"
#include "tc_refusal.h"
#include "tc_relay.h"

#define EALREADY 114
#define ENOTSUPP 524

char LICENSE[] SEC("license") = "GPL";

/*
 * Makes readable what judging a packet reads, and not a byte more: beyond its headers a GSO packet lies in pages, and to
 * pull those the kernel copies the header of a cloned packet (seen on Linux 6.18: half a microsecond).
 */
static __always_inline void tc_reach_judged(struct __sk_buff *skb, struct frame *frame, __u32 ip)
{
	struct ipv4 outer, inner;
	__u8 protocol;

	if (!ipv4_find(frame, ip, &outer))
		return;
	protocol = outer.header->protocol;
	if (protocol == IPPROTO_ICMP)
		tc_reach(skb, frame, ip + outer.header_len + sizeof(struct icmphdr) + sizeof(struct iphdr));
	else
		tc_reach(skb, frame, ip + outer.header_len + sizeof(struct tcphdr));
	if (protocol == IPPROTO_IPIP && ipv4_find(frame, ip + outer.header_len, &inner))
		tc_reach(skb, frame, inner.offset + inner.header_len + sizeof(struct tcphdr));
}

/*
 * Takes the outer header away. A tag that lies in the frame is in the way of bpf_skb_adjust_room(), which looks for
 * IPv4 behind the link header: it is lifted off, and put back. The outermost tag the kernel keeps beside the frame; in
 * test runs, as `explain` makes them, it lies in the frame.
 */
static __always_inline bool tc_shrink(struct __sk_buff *skb, const struct frame *frame, const struct decap *decap)
{
	__u64 flags = BPF_F_ADJ_ROOM_FIXED_GSO | BPF_F_ADJ_ROOM_NO_CSUM_RESET;
	bool in_band = decap->outer.offset > features.link_header;
	const struct vlan_hdr *tag;
	const struct ethhdr *eth;
	__be16 proto = 0;
	__u16 tci = 0;

	if (features.decap_l3_flag)
		flags |= BPF_F_ADJ_ROOM_DECAP_L3_IPV4;
	if (!in_band)
		return !bpf_skb_adjust_room(skb, -(int)decap->outer.header_len, BPF_ADJ_ROOM_MAC, flags);
	if (skb->vlan_present) {
		proto = skb->vlan_proto;
		tci = skb->vlan_tci;
	} else {
		eth = frame_at(frame, 0, sizeof(*eth));
		tag = frame_at(frame, sizeof(*eth), sizeof(*tag));
		if (!eth || !tag)
			return false;
		proto = eth->h_proto;
		tci = bpf_ntohs(tag->h_vlan_TCI);
	}
	return !bpf_skb_vlan_pop(skb) &&
	       !bpf_skb_adjust_room(skb, -(int)decap->outer.header_len, BPF_ADJ_ROOM_MAC, flags) &&
	       !bpf_skb_vlan_push(skb, proto, tci);
}

/* Cuts what lies behind the inner packet, writes the combined ECN, and takes the outer header away. */
static __always_inline bool tc_strip(struct __sk_buff *skb, const struct frame *frame, const struct decap *decap)
{
	__u32 end = decap->inner.offset + decap->inner.total_len;
	__u32 header = decap->inner.offset;
	__u8 tos = ecn_decapsulate(decap->outer.header->tos, decap->inner.header->tos);
	__sum16 check = ipv4_checksum_with_tos(decap->inner.header, tos);
	bool ecn_changes = tos != decap->inner.header->tos;

	if (!tc_shrink(skb, frame, decap))
		return false;
	header -= decap->outer.header_len;
	end -= decap->outer.header_len;
	/* Both writes together leave a checksum over the whole packet as it was: an IPv4 header sums up to nothing. */
	if (ecn_changes &&
	    (bpf_skb_store_bytes(skb, header + __builtin_offsetof(struct iphdr, tos), &tos, sizeof(tos), 0) ||
	     bpf_skb_store_bytes(skb, header + __builtin_offsetof(struct iphdr, check), &check, sizeof(check), 0)))
		return false;
	return skb->len <= end || !bpf_skb_change_tail(skb, end, 0);
}

/* Drops a packet that came in. */
static __always_inline int tc_drop(struct __sk_buff *skb, enum verdict verdict, __u32 packets, __be32 peer, bool known)
{
	if (refusal_begin(verdict, packets, peer, known))
		tc_tell(skb, EVENT_IN);
	decap_count_drop(verdict, packets, peer, known);
	return TC_ACT_SHOT;
}

/* Beside tc_relay() and not around it, so that their variables lie one over the other in 512 bytes of stack. */
static __noinline int tc_decap(struct __sk_buff *skb, const struct meta *device, __u32 ip)
{
	struct frame frame = tc_frame(skb);
	struct decap decap;
	int action;

	tc_reach_judged(skb, &frame, ip);
	decap_judge(skb, &frame, ip, device, skb->vlan_present || ip > features.link_header, skb->gso_size, &decap);
	if (!decap.counted)
		return TC_ACT_UNSPEC;
	action = TC_ACT_UNSPEC;
	if (decap.fate == FATE_CARRY) {
		if (verdict_is_let_through(decap.verdict) &&
		    refusal_begin(decap.verdict, decap.segments.count, decap.peer, true))
			tc_tell(skb, EVENT_IN);
		if (!tc_strip(skb, &frame, &decap))
			decap_decide(&decap, VERDICT_DECAP_ERROR);
		else if (decap.onward)
			action = tc_forward(skb, decap.onward == ONWARD);
		if (action != TC_ACT_UNSPEC)
			decap_goes_straight_on(&decap);
	}
	if (decap.fate == FATE_DROP) {
		decap_forget(&decap, frame.len);
		return tc_drop(skb, decap.verdict, decap.segments.count, decap.peer, decap.known);
	}
	decap_count(&decap);
	return action;
}

/* An ICMP packet, `ip` bytes in. Returns an action, or TC_NOT_RELAYED if it is no error from inside the tunnel. */
static __always_inline int tc_relay_if_due(struct __sk_buff *skb, struct frame *frame, __u32 ip)
{
	int action;

	if (!tc_may_relay(skb, frame, ip))
		return TC_NOT_RELAYED;
	action = tc_relay(skb);
	return action <= TC_RELAY_REFUSED ? tc_drop(skb, TC_RELAY_REFUSED - action, 1, 0, false) : action;
}

SEC("tc")
int decap_tc(struct __sk_buff *skb)
{
	const struct iphdr *header;
	struct meta *device;
	struct frame frame;
	__u32 key = 0, ip;
	int action;

	device = bpf_map_lookup_elem(&meta, &key);
	header = tc_find_ipv4(skb, &frame, &ip);
	if (!device || !header)
		return TC_ACT_UNSPEC;
	if (header->protocol == IPPROTO_ICMP) {
		action = tc_relay_if_due(skb, &frame, ip);
		if (action != TC_NOT_RELAYED)
			return action;
		frame = tc_frame(skb);
		header = frame_at(&frame, ip, sizeof(*header));
	}
	if (!header || !decap_is_due(device, HOOK_TC, frame.len - ip) || !decap_concerns(header, device))
		return TC_ACT_UNSPEC;
	/* One way on for all numbers of tags. */
	return tc_decap(skb, device, forgotten(ip, frame.len));
}

/*
 * Whether a packet would be lost once there is room: a GSO packet of UDP whose checksum nobody has begun. Since Linux 6.11
 * sockets give such to a device that does not sum up. They note where the checksum is to go, and pskb_expand_head() moves
 * that place for a checksum that is begun alone (CHECKSUM_PARTIAL), so that __udp_gso_segment() finds it elsewhere. No
 * helper tells CHECKSUM_NONE; but what a level more makes CHECKSUM_UNNECESSARY, was that.
 */
static __always_inline bool tc_cannot_be_cut(struct __sk_buff *skb, const struct ipv4 *inner)
{
	if (!skb->gso_size || inner->header->protocol != IPPROTO_UDP || bpf_csum_level(skb, BPF_CSUM_LEVEL_QUERY) >= 0)
		return false;
	bpf_csum_level(skb, BPF_CSUM_LEVEL_INC);
	return bpf_csum_level(skb, BPF_CSUM_LEVEL_QUERY) >= 0;
}

/*
 * Whether the kernel could cut a GSO packet of `protocol` that bears the mark of being wrapped: one of IPIP, or out of an
 * IPIP tunnel. What a device of another kind has wrapped (vxlan, gre) lacks the mark of IPIP, which no helper sets, and
 * ipip_gso_segment() would drop it. Of UDP the kernel tells which it is: without BPF_F_ADJ_ROOM_FIXED_GSO it makes room
 * for TCP in a tunnel, and not for UDP of several segments, which it leaves as it was.
 */
static __always_inline bool tc_can_be_cut_again(struct __sk_buff *skb, __u8 protocol)
{
	if (protocol != IPPROTO_UDP)
		return protocol == IPPROTO_TCP || protocol == IPPROTO_IPIP;
	return bpf_skb_adjust_room(skb, sizeof(struct iphdr), BPF_ADJ_ROOM_MAC, BPF_F_ADJ_ROOM_NO_CSUM_RESET) ==
	       -ENOTSUPP;
}

/*
 * Makes room for the outer header. A packet that came out of another tunnel still bears the kernel's mark of being
 * wrapped, and its inner offsets, which are right: the kernel then refuses to set them anew.
 */
static __always_inline bool tc_grow(struct __sk_buff *skb, __u8 protocol)
{
	__u64 flags = BPF_F_ADJ_ROOM_FIXED_GSO | BPF_F_ADJ_ROOM_NO_CSUM_RESET;
	long error = bpf_skb_adjust_room(skb, sizeof(struct iphdr), BPF_ADJ_ROOM_MAC,
					 flags | BPF_F_ADJ_ROOM_ENCAP_L3_IPV4);

	if (error != -EALREADY)
		return !error;
	if (skb->gso_size && !tc_can_be_cut_again(skb, protocol))
		return false;
	return !bpf_skb_adjust_room(skb, sizeof(struct iphdr), BPF_ADJ_ROOM_MAC, flags);
}

/* What comes before the inner packet. Aligned, as the compiler would copy single bytes without that. */
struct outer_headers {
	__u8 unused[2];
	struct ethhdr eth;
	struct iphdr ip;
} __attribute__((aligned(4)));

_Static_assert(sizeof(struct outer_headers) == 2 + sizeof(struct ethhdr) + sizeof(struct iphdr), "no gap in between");

/* Puts the outer header in place, and over an Ethernet header the next hop's addresses. */
static __always_inline bool tc_wrap(struct __sk_buff *skb, const struct encap *encap, struct outer_headers *headers)
{
	struct ethhdr *eth = &headers->eth;

	if (!tc_grow(skb, encap->inner.header->protocol))
		return false;
	if (!features.link_header || !encap->resolved)
		return !bpf_skb_store_bytes(skb, features.link_header, &headers->ip, sizeof(headers->ip), 0);
	__builtin_memcpy(eth->h_dest, encap->fib.dmac, sizeof(eth->h_dest));
	__builtin_memcpy(eth->h_source, encap->fib.smac, sizeof(eth->h_source));
	eth->h_proto = bpf_htons(ETH_P_IP);
	return !bpf_skb_store_bytes(skb, 0, eth, sizeof(*eth) + sizeof(headers->ip), 0);
}

/*
 * Sends a wrapped packet on: as it is, out of our own device, or by the kernel's neighbour code, which routes it
 * afresh, waits for an unresolved next hop, and runs the egress chain of the device it takes.
 */
static __always_inline int tc_send(const struct encap *encap, const struct meta *device)
{
	if (encap->ifindex == device->ifindex && (encap->resolved || !features.link_header))
		return TC_ACT_UNSPEC;
	return bpf_redirect_neigh(encap->ifindex, NULL, 0, 0);
}

/* Drops a packet that cannot be sent, and tells its sender where that is due. */
static __always_inline int tc_refuse(struct __sk_buff *skb, const struct encap *encap, const struct meta *device)
{
	struct frame frame = tc_frame(skb);
	struct icmp_error error;

	if (refusal_begin(encap->verdict, encap->segments.count, encap->remote, true))
		tc_tell(skb, EVENT_OUT);
	encap_count(encap);
	if (!encap_finds_error(encap, &error) || !tc_may_answer(skb, &frame, encap->inner.offset) ||
	    !icmp_rate_allows(device))
		return TC_ACT_SHOT;
	return tc_answer(skb, encap->local, encap->remote, error.code, error.mtu);
}

SEC("tc")
int encap(struct __sk_buff *skb)
{
	struct outer_headers headers = {};
	struct encap encap;
	struct meta *device;
	struct frame frame;
	__u32 key = 0, ip;

	device = bpf_map_lookup_elem(&meta, &key);
	if (!device || !tc_find_ipv4(skb, &frame, &ip))
		return TC_ACT_UNSPEC;
	encap_judge(skb, &frame, ip, device, skb->vlan_present || ip > features.link_header, skb->ingress_ifindex,
		    skb->gso_size, &encap, &headers.ip);
	if (!encap.counted)
		return TC_ACT_UNSPEC;
	if (encap.verdict == VERDICT_ENCAP_OK) {
		if (neighbour_is_due(encap.counters)) {
			neighbour_is_asked(encap.counters);
			encap.resolved = false;
		}
		/* A device without link header has no neighbours, and a packet of its own no room for another's header. */
		if (tc_cannot_be_cut(skb, &encap.inner) || !tc_wrap(skb, &encap, &headers) ||
		    (!features.link_header && encap.ifindex != device->ifindex))
			encap.verdict = VERDICT_ENCAP_ERROR;
	}
	if (encap.verdict == VERDICT_ENCAP_OK) {
		encap_count(&encap);
		return tc_send(&encap, device);
	}
	if (fate_of(encap.verdict) == FATE_DROP)
		return tc_refuse(skb, &encap, device);
	encap_count(&encap);
	return TC_ACT_UNSPEC;
}
