/* SPDX-License-Identifier: GPL-2.0-only */
/* The ports of a packet, by which flows between two hosts are told apart. */
#ifndef PORTS_H
#define PORTS_H

#include "ipv4.h"

struct ports {
	__be16 source;
	__be16 destination;
};

/* 0 where there are none, and in all fragments: but for the first they have none, and go where it goes. */
static __always_inline struct ports ports_of(const struct frame *frame, const struct ipv4 *ipv4)
{
	const struct iphdr *header = ipv4->header;
	const struct ports none = {}, *ports;

	if ((header->protocol != IPPROTO_TCP && header->protocol != IPPROTO_UDP) || ipv4_is_fragment(header))
		return none;
	ports = frame_at(frame, ipv4->offset + ipv4->header_len, sizeof(*ports));
	return ports ? *ports : none;
}

#endif
