/* SPDX-License-Identifier: GPL-2.0-only */
/* IPv4 headers: their checks (RFC 791, RFC 1812 5.2.2) and checksums (RFC 1071, RFC 1624). */
#ifndef IPV4_H
#define IPV4_H

#include "frame.h"

#define IPPROTO_ICMP 1
#define IPPROTO_IPIP 4
#define IPPROTO_TCP 6
#define IPPROTO_UDP 17

#define IPV4_DF 0x4000
#define IPV4_MF 0x2000
#define IPV4_OFFSET 0x1fff

#define ECN_MASK 3

/* The longest header: 15 words. */
#define IPV4_HEADER_MAX 60
#define IPV4_OPTION_WORDS_MAX 10

struct ipv4 {
	struct iphdr *header;
	__u32 offset;     /* of the header in the frame */
	__u32 header_len; /* 20..60 bytes */
	__u32 total_len;  /* bytes with the header */
};

/* Of an address in a pinned value (layout.h), where all are aligned: one load, and not one for each byte. */
static __always_inline __be32 address_of(const __u8 bytes[4])
{
	__be32 address;

	__builtin_memcpy(&address, __builtin_assume_aligned(bytes, sizeof(address)), sizeof(address));
	return address;
}

/* `sum` of fewer than 65,536 words of 32 bits: three folds then leave no carry. */
static __always_inline __u16 checksum_fold(__u64 sum)
{
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffff) + (sum >> 16);
	return (sum & 0xffff) + (sum >> 16);
}

static __always_inline __u64 checksum_of_20_bytes(const void *header)
{
	const __u32 *words = header;

	return (__u64)words[0] + words[1] + words[2] + words[3] + words[4];
}

/*
 * True if the checksum is right of a header with `words` words of options, `offset` bytes into the frame, the rest of
 * which adds up to `sum`. False too if they are not all in reach. A function of its own, so that the verifier goes on
 * with its two answers and not with each way out of the loop (seen on Linux 6.18: a million instructions). Static: in a
 * global one, Linux 5.10 does not know the context again behind libxdp's dispatcher.
 */
static __noinline bool options_complete_checksum(hook_context *ctx, __u32 offset, __u32 words, __u64 sum)
{
	struct frame frame = { .data = (void *)(long)ctx->data, .end = (void *)(long)ctx->data_end };

	for (__u32 i = 0; i < IPV4_OPTION_WORDS_MAX; i++) {
		const __u32 *option;

		if (i >= words)
			break;
		option = frame_at(&frame, offset + 4 * i, sizeof(*option));
		if (!option)
			return false;
		sum += *option;
	}
	return checksum_fold(sum) == 0xffff;
}

/* True if the checksum over header and options is right. False too if they are not all in reach. */
static __always_inline bool ipv4_checksum_is_right(hook_context *ctx, const struct ipv4 *ipv4)
{
	__u64 sum = checksum_of_20_bytes(ipv4->header);

	if (ipv4->header_len == sizeof(struct iphdr))
		return checksum_fold(sum) == 0xffff;
	return options_complete_checksum(ctx, ipv4->offset + sizeof(struct iphdr),
					 (ipv4->header_len - sizeof(struct iphdr)) / 4, sum);
}

/* Points at the 20 bytes of an IPv4 header without judging them. False if they are not there. */
static __always_inline bool ipv4_find(const struct frame *frame, __u32 offset, struct ipv4 *ipv4)
{
	ipv4->header = frame_at(frame, offset, sizeof(*ipv4->header));
	if (!ipv4->header)
		return false;
	ipv4->offset = offset;
	ipv4->header_len = ipv4->header->ihl * 4;
	ipv4->total_len = bpf_ntohs(ipv4->header->tot_len);
	return true;
}

/*
 * True if header length, total length (at most `available` bytes) and checksum are right. The total length of a GSO
 * packet beyond 65,535 bytes is written as 0 (BIG TCP, and ours): it then is all that is available.
 */
static __always_inline bool ipv4_is_right(hook_context *ctx, struct ipv4 *ipv4, __u32 available, bool gso)
{
	if (gso && !ipv4->total_len)
		ipv4->total_len = available;
	return ipv4->header->version == 4 && ipv4->header_len >= sizeof(struct iphdr) &&
	       ipv4->total_len >= ipv4->header_len && ipv4->total_len <= available && ipv4_checksum_is_right(ctx, ipv4);
}

static __always_inline bool ipv4_is_fragment(const struct iphdr *header)
{
	return header->frag_off & bpf_htons(IPV4_MF | IPV4_OFFSET);
}

/* 0/8, 127/8, 224/4, 240/4: no source of a packet that travels (RFC 1812 5.3.7, RFC 1122 3.2.1.3). */
static __always_inline bool source_is_martian(__be32 source)
{
	__u8 first = bpf_ntohl(source) >> 24;

	return first == 0 || first == 127 || first >= 224;
}

/*
 * 0/8, 127/8, 240/4: no destination of a packet that is forwarded (RFC 1812 5.3.7). The limited broadcast is none of
 * them: it may be for this host, and the kernel never forwards it.
 */
static __always_inline bool destination_is_martian(__be32 destination)
{
	__u8 first = bpf_ntohl(destination) >> 24;

	return first == 0 || first == 127 || (first >= 240 && destination != 0xffffffff);
}

/*
 * True if this is an ICMP error that tells of a packet's fate: unreachable, time exceeded, parameter problem. Redirects
 * and source quenches are none: RFC 2003 lets neither out of a tunnel.
 */
static __always_inline bool ipv4_is_icmp_error(const struct frame *frame, const struct ipv4 *ipv4)
{
	const __u8 *type;

	if (ipv4->header->protocol != IPPROTO_ICMP || ipv4->header->frag_off & bpf_htons(IPV4_OFFSET) ||
	    ipv4->total_len <= ipv4->header_len)
		return false;
	type = frame_at(frame, ipv4->offset + ipv4->header_len, sizeof(*type));
	return type && (*type == 3 || *type == 11 || *type == 12);
}

/* The header checksum after one byte of its first word, the TOS, has changed (RFC 1624, equation 3). */
static __always_inline __sum16 ipv4_checksum_with_tos(const struct iphdr *header, __u8 tos)
{
	return ~checksum_fold((__u64)(__u16)~header->check + (__u16)~bpf_htons(header->tos) + bpf_htons(tos));
}

#endif
