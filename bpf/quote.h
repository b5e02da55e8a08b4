/* SPDX-License-Identifier: GPL-2.0-only */
/* ICMP errors about outer packets: what a router of the underlay quotes of them. */
#ifndef QUOTE_H
#define QUOTE_H

#include "peer.h"

/* True if a packet is an ICMP error about an outer packet that this host has sent to a peer; `*outer` is the quote. */
static __always_inline bool quote_finds_ours(const struct frame *frame, const struct ipv4 *carrier,
					     const struct meta *device, struct ipv4 *outer)
{
	const struct peer *peer;

	if (!ipv4_is_icmp_error(frame, carrier) ||
	    !ipv4_find(frame, carrier->offset + carrier->header_len + sizeof(struct icmphdr), outer) ||
	    outer->header->version != 4 || outer->header->protocol != IPPROTO_IPIP)
		return false;
	/* The peer `any` is sent nothing. */
	peer = outer->header->daddr ? peer_find(outer->header->daddr) : NULL;
	return peer && outer->header->saddr == peer_local(peer, device);
}

#endif
