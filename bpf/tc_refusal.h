/* SPDX-License-Identifier: GPL-2.0-only */
/* The frame of a refused packet, as a TC program tells it. */
#ifndef TC_REFUSAL_H
#define TC_REFUSAL_H

#include "refusal.h"

/* Completes and gives out the event that was begun. */
__noinline int tc_tell(struct __sk_buff *skb, __u32 direction)
{
	struct event_draft *draft = event_draft_find();
	__u64 captured = skb->len;
	struct event *event;

	if (!draft)
		return 0;
	event = &draft->event;
	event->direction = direction;
	event->len = captured;
	if (skb->vlan_present) {
		event->vlan_proto = bpf_ntohs(skb->vlan_proto);
		event->vlan_tci = skb->vlan_tci;
	}
	if (captured > EVENT_BYTES)
		captured = EVENT_BYTES;
	/* What came here has an IPv4 header; said so that Linux 5.10 understands it is not 0. */
	if (captured >= sizeof(struct iphdr) && !bpf_skb_load_bytes(skb, 0, event->bytes, captured))
		event->captured = captured;
	return refusal_tell();
}

#endif
