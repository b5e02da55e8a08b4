/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Checksums that are only begun. Between devices of one machine the sum of a packet may be left to the last of them, and
 * its field then has that of the pseudo header alone. The kernel notes it beside the packet, where XDP cannot see it, and
 * forgets it when XDP sends the frame elsewhere.
 */
#ifndef CHECKSUM_BEGUN_H
#define CHECKSUM_BEGUN_H

#include "ipv4.h"

/*
 * False if the checksum behind the IPv4 header is known to be whole. Of UDP nothing tells: it may carry another tunnel, and
 * that one's inner checksum be left.
 */
static __always_inline bool checksum_may_be_begun(const struct frame *frame, const struct ipv4 *ipv4)
{
	const struct iphdr *header = ipv4->header;
	const struct tcphdr *tcp;

	if (!features.software)
		return false;
	if (ipv4_is_fragment(header))
		return true;
	if (header->protocol != IPPROTO_TCP)
		return header->protocol != IPPROTO_ICMP;
	tcp = frame_at(frame, ipv4->offset + ipv4->header_len, sizeof(*tcp));
	return !tcp || tcp->check == checksum_fold((__u64)header->saddr + header->daddr + bpf_htons(IPPROTO_TCP) +
						   bpf_htons(ipv4->total_len - ipv4->header_len));
}

#endif
