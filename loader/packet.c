/* SPDX-License-Identifier: GPL-2.0-only */
#include <arpa/inet.h>
#include <net/ethernet.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/ip_icmp.h>
#include <netinet/tcp.h>
#include <netinet/udp.h>
#include <string.h>

#include "packet.h"

#define TAG_BYTES 4
#define TAGS_MAX 2
#define TTL_DEFAULT 64

static __u16 checksum(const void *bytes, size_t size)
{
	const __u8 *at = bytes;
	__u32 sum = 0;

	for (size_t i = 0; i + 1 < size; i += 2)
		sum += (__u32)at[i] << 8 | at[i + 1];
	if (size & 1)
		sum += (__u32)at[size - 1] << 8;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return htons((__u16)~sum);
}

static void write_header(__u8 *at, const struct packet_wish *wish)
{
	struct iphdr header = {
		.version = 4,
		.ihl = sizeof(header) / 4,
		.tos = wish->tos,
		.tot_len = htons((__u16)wish->total_len),
		.frag_off = htons(wish->df ? IP_DF : 0),
		.ttl = wish->ttl,
		.protocol = wish->protocol,
	};

	memcpy(&header.saddr, wish->src, sizeof(header.saddr));
	memcpy(&header.daddr, wish->dst, sizeof(header.daddr));
	header.check = checksum(&header, sizeof(header));
	memcpy(at, &header, sizeof(header));
}

static size_t transport_size(__u8 protocol)
{
	switch (protocol) {
	case IPPROTO_TCP:
		return sizeof(struct tcphdr);
	case IPPROTO_UDP:
		return sizeof(struct udphdr);
	case IPPROTO_ICMP:
		return sizeof(struct icmphdr);
	default:
		return 0;
	}
}

__u32 packet_least(__u8 protocol)
{
	return (__u32)(sizeof(struct iphdr) + transport_size(protocol));
}

static void write_transport(__u8 *at, const struct packet_wish *wish)
{
	size_t size = wish->total_len - sizeof(struct iphdr);
	struct tcphdr tcp = { .source = htons(wish->sport), .dest = htons(wish->dport), .doff = 5, .syn = 1 };
	struct udphdr udp = { .source = tcp.source, .dest = tcp.dest, .len = htons((__u16)size) };
	struct icmphdr icmp = { .type = ICMP_ECHO };

	switch (wish->protocol) {
	case IPPROTO_TCP:
		memcpy(at, &tcp, sizeof(tcp));
		break;
	case IPPROTO_UDP:
		memcpy(at, &udp, sizeof(udp));
		break;
	case IPPROTO_ICMP:
		icmp.checksum = checksum(&icmp, sizeof(icmp));
		memcpy(at, &icmp, sizeof(icmp));
		break;
	}
}

void frame_build(struct frame *frame, const struct packet_wish *wish)
{
	struct ether_header link = { .ether_type = htons(ETHERTYPE_IP) };

	memset(frame, 0, sizeof(*frame));
	memcpy(frame->bytes, &link, sizeof(link));
	write_header(frame->bytes + sizeof(link), wish);
	write_transport(frame->bytes + sizeof(link) + sizeof(struct iphdr), wish);
	frame->size = sizeof(link) + wish->total_len;
	frame->ip = sizeof(link);
	frame->ipv4 = true;
}

void frame_wrap(struct frame *frame, const __u8 src[4], const __u8 dst[4])
{
	__u8 *ip = frame->bytes + frame->ip;
	struct packet_wish outer = {
		.protocol = IPPROTO_IPIP,
		.ttl = TTL_DEFAULT,
		.tos = ip[1],
		.df = true,
		.total_len = (__u32)(frame->size - frame->ip + sizeof(struct iphdr)),
	};

	memcpy(outer.src, src, 4);
	memcpy(outer.dst, dst, 4);
	memmove(ip + sizeof(struct iphdr), ip, frame->size - frame->ip);
	write_header(ip, &outer);
	frame->size += sizeof(struct iphdr);
}

static __u16 word(const __u8 *at)
{
	return (__u16)(at[0] << 8 | at[1]);
}

void frame_find_ip(struct frame *frame)
{
	size_t at = sizeof(struct ether_header);
	__u16 type = frame->size >= at ? word(frame->bytes + at - 2) : 0;

	frame->tagged = false;
	for (int tags = 0; tags < TAGS_MAX && (type == ETHERTYPE_VLAN || type == 0x88a8); tags++) {
		at += TAG_BYTES;
		type = frame->size >= at ? word(frame->bytes + at - 2) : 0;
		frame->tagged = true;
	}
	frame->ip = at;
	frame->ipv4 = type == ETHERTYPE_IP && frame->size >= at + sizeof(struct iphdr) && frame->bytes[at] >> 4 == 4;
}

/* The checksum after one word of the header has changed (RFC 1624). */
static __u16 changed_checksum(__u16 check, __u16 old, __u16 new)
{
	__u32 sum = (__u16)~check + (__u32)(__u16)~old + new;

	sum = (sum & 0xffff) + (sum >> 16);
	return (__u16) ~((sum & 0xffff) + (sum >> 16));
}

/* Fits the total length to the bytes that are left from the header on, of which there were `before`. */
static void shorten_header(struct iphdr *header, size_t left, size_t before)
{
	size_t length = ntohs(header->tot_len);
	__be16 new = htons((__u16)(length > before ? left + 1 : left));

	if (length <= left)
		return;
	header->check = changed_checksum(header->check, header->tot_len, new);
	header->tot_len = new;
}

void frame_shorten(struct frame *frame, size_t size)
{
	size_t before = frame->size, at = frame->ip;
	struct iphdr header;

	frame->size = size;
	while (frame->ipv4 && at + sizeof(header) <= size) {
		memcpy(&header, frame->bytes + at, sizeof(header));
		shorten_header(&header, size - at, before - at);
		memcpy(frame->bytes + at, &header, sizeof(header));
		if (header.protocol != IPPROTO_IPIP || header.ihl < sizeof(header) / 4)
			return;
		at += header.ihl * 4U;
	}
}

bool header_is_icmp_error(const struct header *header)
{
	return header->has_icmp && (header->icmp_type == ICMP_DEST_UNREACH || header->icmp_type == ICMP_TIME_EXCEEDED ||
				    header->icmp_type == ICMP_PARAMETERPROB);
}

static void read_transport(const __u8 *at, size_t size, struct header *header)
{
	if (header->offset)
		return;
	if ((header->protocol == IPPROTO_TCP || header->protocol == IPPROTO_UDP) && size >= 4) {
		header->has_ports = true;
		header->sport = word(at);
		header->dport = word(at + 2);
	}
	if (header->protocol == IPPROTO_ICMP && size >= sizeof(struct icmphdr)) {
		header->has_icmp = true;
		header->icmp_type = at[0];
		header->icmp_code = at[1];
		header->icmp_mtu = word(at + 6);
	}
}

/* Returns the length of the header, 0 if there is none. */
static size_t read_header(const __u8 *at, size_t size, struct header *header)
{
	size_t length;

	*header = (struct header){ 0 };
	if (size < sizeof(struct iphdr) || at[0] >> 4 != 4)
		return 0;
	length = (at[0] & 15) * 4U;
	header->tos = at[1];
	header->total_len = word(at + 2);
	header->id = word(at + 4);
	header->df = at[6] & 0x40;
	header->mf = at[6] & 0x20;
	header->offset = (word(at + 6) & 0x1fff) * 8;
	header->ttl = at[8];
	header->protocol = at[9];
	memcpy(header->src, at + 12, 4);
	memcpy(header->dst, at + 16, 4);
	if (length < sizeof(struct iphdr) || length > size)
		return sizeof(struct iphdr);
	read_transport(at + length, size - length, header);
	return length;
}

/* What stands between a header and the next one inside; 0 if there is none. */
static size_t step_inside(const struct header *header, size_t length)
{
	if (header->offset)
		return 0;
	if (header->protocol == IPPROTO_IPIP)
		return length;
	return header_is_icmp_error(header) ? length + sizeof(struct icmphdr) : 0;
}

void frame_read(const struct frame *frame, struct headers *headers)
{
	const __u8 *at = frame->bytes + frame->ip;
	size_t size = frame->size - frame->ip;
	bool quoted = false;

	headers->count = 0;
	while (frame->ipv4 && headers->count < HEADERS_MAX) {
		struct header *header = &headers->list[headers->count];
		size_t step = read_header(at, size, header);

		if (!step)
			return;
		headers->count++;
		header->quoted = quoted;
		quoted |= header_is_icmp_error(header);
		step = step_inside(header, step);
		if (!step || step > size)
			return;
		at += step;
		size -= step;
	}
}
