/* SPDX-License-Identifier: GPL-2.0-only */
/* What a packet will be on the wire: a GSO packet is as many as its segments, each with headers of its own. */
#ifndef SEGMENTS_H
#define SEGMENTS_H

#include "ipv4.h"

struct segments {
	__u32 count;
	__u32 bytes;   /* sum of their IPv4 total lengths */
	__u32 longest; /* the longest one's total length */
};

/* A "size" of the kernel's own: the pieces lie in a list, each as long as it is (SCTP). */
#define GSO_BY_FRAGS 0xffff

static __always_inline __u32 transport_header_len(const struct frame *frame, const struct ipv4 *ipv4)
{
	const struct tcphdr *tcp;

	if (ipv4->header->protocol != IPPROTO_TCP)
		return sizeof(struct udphdr);
	tcp = frame_at(frame, ipv4->offset + ipv4->header_len, sizeof(*tcp));
	return tcp ? tcp->doff * 4 : sizeof(*tcp);
}

/* What each segment has before its payload: the IPv4 header, one more where that is a tunnel's, and the transport's. */
static __always_inline __u32 segment_headers_len(const struct frame *frame, const struct ipv4 *ipv4)
{
	struct ipv4 nested;

	if (ipv4->header->protocol != IPPROTO_IPIP || !ipv4_find(frame, ipv4->offset + ipv4->header_len, &nested))
		return ipv4->header_len + transport_header_len(frame, ipv4);
	return ipv4->header_len + nested.header_len + transport_header_len(frame, &nested);
}

/* `gso_size`: bytes of payload in a segment, 0 if the packet is but one. */
static __always_inline struct segments segments_of(const struct frame *frame, const struct ipv4 *ipv4, __u32 gso_size)
{
	struct segments segments = { .count = 1, .bytes = ipv4->total_len, .longest = ipv4->total_len };
	__u32 headers;

	if (!gso_size)
		return segments;
	/* Nothing tells the longest: no question of MTU, since the kernel wraps and strips none of them. */
	if (gso_size == GSO_BY_FRAGS) {
		segments.longest = ipv4->header_len;
		return segments;
	}
	headers = segment_headers_len(frame, ipv4);
	if (ipv4->total_len <= headers + gso_size)
		return segments;
	segments.count = (ipv4->total_len - headers + gso_size - 1) / gso_size;
	segments.bytes += (segments.count - 1) * headers;
	segments.longest = headers + gso_size;
	return segments;
}

#endif
