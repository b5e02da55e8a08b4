/* SPDX-License-Identifier: GPL-2.0-only */
/* An ICMP error from inside the tunnel becomes one about the inner packet, for its sender. */
#ifndef TC_RELAY_H
#define TC_RELAY_H

#include "count.h"
#include "relay.h"
#include "tc_frame.h"
#include "tc_icmp.h"

/* tc_relay() found no error about a packet of ours. No action of TC has this number. */
#define TC_NOT_RELAYED (-2)

/* This, less the verdict: it refused one, which is still to be counted and dropped. */
#define TC_RELAY_REFUSED (-3)

/* A first look at an ICMP packet, without a call: is this an untagged, whole error? */
static __always_inline bool tc_may_relay(struct __sk_buff *skb, struct frame *frame, __u32 ip)
{
	struct ipv4 carrier;

	if (skb->vlan_present || ip > features.link_header || !ipv4_find(frame, ip, &carrier) ||
	    ipv4_is_fragment(carrier.header))
		return false;
	tc_reach(skb, frame, ip + carrier.header_len + sizeof(struct icmphdr));
	return ipv4_find(frame, ip, &carrier) && ipv4_is_icmp_error(frame, &carrier);
}

/* Finds an error about a packet of ours, with right checksums, and makes all readable that is judged. */
static __always_inline bool relay_finds(struct __sk_buff *skb, struct frame *frame, const struct meta *device,
					struct relay *relay)
{
	__u32 ip = features.link_header;
	int sum;

	*frame = tc_frame(skb);
	if (!ipv4_find(frame, ip, &relay->carrier))
		return false;
	tc_reach(skb, frame, ip + relay->carrier.total_len);
	if (!ipv4_find(frame, ip, &relay->carrier) || !ipv4_is_right(skb, &relay->carrier, frame->len - ip, false) ||
	    !quote_finds_ours(frame, &relay->carrier, device, &relay->outer))
		return false;
	if (relay->outer.offset + sizeof(struct iphdr) > ip + relay->carrier.total_len ||
	    relay->outer.header_len != sizeof(struct iphdr) ||
	    relay->outer.header->saddr != relay->carrier.header->daddr)
		return false;
	sum = tc_checksum(skb, ip + relay->carrier.header_len, relay->carrier.total_len - relay->carrier.header_len);
	return sum == 0xffff;
}

/* Takes the carrier's header away, so that those of the error and of the quoted outer header can be written over. */
static __always_inline int relay_rewrite(struct __sk_buff *skb, const struct relay *relay)
{
	__u32 ip = features.link_header, total_len = relay->carrier.total_len - relay->carrier.header_len;
	__be32 sender = relay->inner.header->saddr;
	__be32 local = relay->outer.header->saddr;
	__be32 router = relay->carrier.header->saddr;
	struct icmp_headers headers;
	struct icmp_way way;

	if (total_len > ICMP_ERROR_MAX)
		total_len = ICMP_ERROR_MAX;
	if (bpf_skb_adjust_room(skb, -(int)relay->carrier.header_len, BPF_ADJ_ROOM_MAC, 0))
		return TC_ACT_SHOT;
	way = icmp_way_to(skb, sender, local, router);
	headers = icmp_headers(&relay->error, way.source, sender, total_len);
	if (bpf_skb_store_bytes(skb, ip, &headers, sizeof(headers), BPF_F_RECOMPUTE_CSUM) ||
	    (skb->len > ip + total_len && bpf_skb_change_tail(skb, ip + total_len, 0)) ||
	    !tc_write_icmp_checksum(skb, ip, total_len - sizeof(struct iphdr)))
		return TC_ACT_SHOT;
	return way.ifindex ? bpf_redirect_neigh(way.ifindex, NULL, 0, 0) : TC_ACT_UNSPEC;
}

/*
 * Carries out and counts what is due for an error from inside the tunnel. Returns an action, TC_NOT_RELAYED, or by
 * TC_RELAY_REFUSED a verdict: beyond here Linux 5.10 leaves no stack to tell of it.
 */
__noinline int tc_relay(struct __sk_buff *skb)
{
	struct meta *device;
	struct relay relay;
	struct frame frame;
	enum verdict verdict;
	int action = TC_ACT_UNSPEC;
	__u32 key = 0;

	device = bpf_map_lookup_elem(&meta, &key);
	if (!device || !relay_finds(skb, &frame, device, &relay))
		return TC_NOT_RELAYED;
	verdict = relay_judge(&frame, device, &relay);
	if (verdict == VERDICT_ERROR_RELAYED)
		action = relay_rewrite(skb, &relay);
	if (action == TC_ACT_SHOT)
		verdict = VERDICT_DECAP_ERROR;
	if (fate_of(verdict) == FATE_DROP)
		return TC_RELAY_REFUSED - (int)verdict;
	count_verdict(verdict, 1);
	return action;
}

#endif
