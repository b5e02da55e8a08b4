/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * ICMP errors that this host sends to inner senders: which it may (RFC 1812 4.3.2.7), how many (4.3.2.8), and their
 * headers (RFC 792).
 */
#ifndef ICMP_H
#define ICMP_H

#include "allowance.h"
#include "clock.h"
#include "ipv4.h"
#include "maps.h"

#define ICMP_UNREACHABLE 3
#define ICMP_TIME_EXCEEDED 11

/* Codes of ICMP_UNREACHABLE. */
#define ICMP_HOST_UNREACHABLE 1
#define ICMP_PORT_UNREACHABLE 3
#define ICMP_FRAGMENTATION_NEEDED 4
#define ICMP_SOURCE_ROUTE_FAILED 5
#define ICMP_UNREACHABLE_CODE_MAX 15

/* Code of ICMP_TIME_EXCEEDED. */
#define ICMP_TTL_EXCEEDED 0

/* The longest error, with its IPv4 header (RFC 1812 4.3.2.3), and what it quotes behind its two headers. */
#define ICMP_ERROR_MAX 576
#define ICMP_HEADERS (sizeof(struct iphdr) + sizeof(struct icmphdr))
#define ICMP_QUOTE_MAX (ICMP_ERROR_MAX - ICMP_HEADERS)

/* Precedence 6, internetwork control (RFC 1812 4.3.2.5). */
#define ICMP_TOS 0xc0
#define ICMP_TTL 64

/* Errors that may go out at once before `icmp_rate` holds them back; the default of net.ipv4.icmp_msgs_burst. */
#define ICMP_BURST 50

/* An error about a packet: always ICMP_UNREACHABLE. */
struct icmp_error {
	__u8 code;
	__u16 mtu; /* of the next hop, bytes of the inner packet; with ICMP_FRAGMENTATION_NEEDED alone */
};

/* When this CPU's allowance of errors will be full again, nanoseconds of CLOCK_MONOTONIC. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} icmp_full SEC(".maps");

/* True if `icmp_rate` lets this CPU send an error now, which is then taken from its allowance. */
static __always_inline bool icmp_rate_allows(const struct meta *device)
{
	__u32 key = 0;
	__u64 *full = bpf_map_lookup_elem(&icmp_full, &key);

	if (!full || !device->icmp_rate)
		return false;
	return allowance_take(full, bpf_ktime_get_ns(), SECOND_NS / device->icmp_rate, ICMP_BURST);
}

/* No errors about errors: any message but the queries that RFC 792, 950 and 1256 define. */
static __always_inline bool icmp_is_query(__u8 type)
{
	return type == 0 || (type >= 8 && type <= 10) || (type >= 13 && type <= 18);
}

/*
 * True if RFC 1812 4.3.2.7 allows an error about the packet of this header. `first_byte` lies behind it, NULL if it is
 * not there.
 */
static __always_inline bool icmp_may_tell(const struct iphdr *about, const __u8 *first_byte)
{
	__u8 destination = bpf_ntohl(about->daddr) >> 24;

	if (about->frag_off & bpf_htons(IPV4_OFFSET) || destination >= 224 || source_is_martian(about->saddr))
		return false;
	return about->protocol != IPPROTO_ICMP || (first_byte && icmp_is_query(*first_byte));
}

/* The headers of an error of `total_len` bytes. Source and ICMP checksum are still to come. */
struct icmp_headers {
	struct iphdr ip;
	struct icmphdr icmp;
};

static __always_inline struct icmp_headers icmp_headers(const struct icmp_error *error, __be32 from, __be32 to,
							__u32 total_len)
{
	struct icmp_headers headers = {
		.ip = {
			.version = 4,
			.ihl = sizeof(headers.ip) / 4,
			.tos = ICMP_TOS,
			.tot_len = bpf_htons(total_len),
			.frag_off = bpf_htons(IPV4_DF), /* atomic: its ID means nothing (RFC 6864 4.1) */
			.ttl = ICMP_TTL,
			.protocol = IPPROTO_ICMP,
			.saddr = from,
			.daddr = to,
		},
		.icmp = {
			.type = ICMP_UNREACHABLE,
			.code = error->code,
			.un.frag.mtu = bpf_htons(error->mtu),
		},
	};

	headers.ip.check = ~checksum_fold(checksum_of_20_bytes(&headers.ip));
	return headers;
}

#endif
