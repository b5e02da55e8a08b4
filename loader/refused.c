/* SPDX-License-Identifier: GPL-2.0-only */
#include <arpa/inet.h>
#include <net/ethernet.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/ip_icmp.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <bpf/bpf.h>

#include "address.h"
#include "refused.h"
#include "verdicts.h"

#define SECOND_NS 1000000000ULL
#define TAG_BYTES 4
#define TAGS_MAX 2

/* An IPv4 header in the bytes of an event, and where what it carries begins: out of reach if the header does not tell. */
struct header {
	struct iphdr ip;
	__u32 payload;
};

static __u16 number_at(const struct event *event, __u32 offset)
{
	return (__u16)(event->bytes[offset] << 8 | event->bytes[offset + 1]);
}

static __u32 captured(const struct event *event)
{
	return event->captured < EVENT_BYTES ? event->captured : EVENT_BYTES;
}

/* Bytes of the link header, with those tags that lie in the frame. */
static __u32 link_length(const struct event *event, __u32 link_header)
{
	__u32 length = link_header;

	for (int i = 0; link_header && i < TAGS_MAX && captured(event) >= length; i++) {
		__u16 type = number_at(event, length - 2);

		if (type != ETHERTYPE_VLAN && type != 0x88a8)
			break;
		length += TAG_BYTES;
	}
	return length;
}

/* The header at `offset`, if it is one and its first 20 bytes are there. */
static bool read_header(const struct event *event, __u32 offset, struct header *header)
{
	if (offset + sizeof(header->ip) > captured(event))
		return false;
	memcpy(&header->ip, event->bytes + offset, sizeof(header->ip));
	header->payload = header->ip.ihl < 5 ? EVENT_BYTES : offset + header->ip.ihl * 4U;
	return header->ip.version == 4;
}

static bool is_later_fragment(const struct header *header)
{
	return ntohs(header->ip.frag_off) & IP_OFFMASK;
}

static struct ends ends_of(const struct header *header)
{
	struct ends ends = { .known = true, .src_known = true };

	address_bytes(header->ip.saddr, ends.src);
	address_bytes(header->ip.daddr, ends.dst);
	return ends;
}

static bool protocol_has_ports(__u8 protocol)
{
	return protocol == IPPROTO_TCP || protocol == IPPROTO_UDP || protocol == IPPROTO_SCTP ||
	       protocol == IPPROTO_DCCP || protocol == IPPROTO_UDPLITE;
}

static struct payload payload_of(const struct event *event, const struct header *header)
{
	struct payload payload = { .known = true, .protocol = header->ip.protocol };

	if (is_later_fragment(header) || header->payload + 4 > captured(event))
		return payload;
	if (protocol_has_ports(payload.protocol)) {
		payload.has_ports = true;
		payload.src_port = number_at(event, header->payload);
		payload.dst_port = number_at(event, header->payload + 2);
	} else if (payload.protocol == IPPROTO_ICMP) {
		payload.has_type = true;
		payload.icmp_type = event->bytes[header->payload];
		payload.icmp_code = event->bytes[header->payload + 1];
	}
	return payload;
}

/* Both headers of a packet that is wrapped; the inner one may be anything but a header. */
static void read_wrapped(const struct header *outer, struct refused *refused)
{
	struct header inner;

	refused->outer = ends_of(outer);
	refused->payload = (struct payload){ .known = true, .protocol = IPPROTO_IPIP };
	if (is_later_fragment(outer) || !read_header(refused->event, outer->payload, &inner))
		return;
	refused->inner = ends_of(&inner);
	refused->payload = payload_of(refused->event, &inner);
}

/* An ICMP error about an outer packet of ours: the peer is the one that the packet was sent to. */
static void read_error(const struct header *header, struct refused *refused)
{
	struct header quoted;

	refused->outer = ends_of(header);
	refused->payload = payload_of(refused->event, header);
	if (!read_header(refused->event, header->payload + ICMP_MINLEN, &quoted))
		return;
	refused->peer_known = true;
	address_bytes(quoted.ip.daddr, refused->peer);
}

static void read_arrived(const struct header *header, struct refused *refused)
{
	if (header->ip.protocol == IPPROTO_IPIP) {
		read_wrapped(header, refused);
	} else if (refused->event->verdict == VERDICT_PLAIN_SOURCE) {
		refused->inner = ends_of(header);
		refused->payload = payload_of(refused->event, header);
	} else {
		read_error(header, refused);
	}
}

/* The outer header that a packet to its peer would have got. */
static struct ends outer_to_be(const struct event *event, const struct refused_at *at)
{
	struct ends ends = { .known = true };
	struct peer peer;

	memcpy(ends.dst, event->peer, 4);
	if (bpf_map_lookup_elem(at->peers, event->peer, &peer))
		return ends;
	ends.src_known = true;
	memcpy(ends.src, address_is_zero(peer.local) ? at->meta->local : peer.local, 4);
	return ends;
}

static void read_leaving(const struct header *header, const struct refused_at *at, struct refused *refused)
{
	struct ends outer = outer_to_be(refused->event, at), found = ends_of(header);

	/* Wrapped before the kernel refused to send it. */
	if (header->ip.protocol == IPPROTO_IPIP && outer.src_known && !memcmp(outer.src, found.src, 4) &&
	    !memcmp(outer.dst, found.dst, 4)) {
		read_wrapped(header, refused);
		return;
	}
	refused->outer = outer;
	refused->inner = found;
	refused->payload = payload_of(refused->event, header);
}

void refused_read(const struct event *event, const struct refused_at *at, struct refused *refused)
{
	__u32 link = link_length(event, at->link_header);
	__u32 verdict = event->verdict;
	struct header header;

	*refused = (struct refused){
		.event = event,
		.name = at->name,
		.time = event->time + at->epoch,
		.verdict = verdict < VERDICT_COUNT ? verdict_texts[verdict].name : "unknown",
		.fate = verdict < VERDICT_COUNT ? verdict_fate_name(at->meta, verdict) : "unknown",
		.peer_known = event->peer_known,
		.length = event->len > link ? event->len - link : 0,
	};
	memcpy(refused->peer, event->peer, 4);
	if (!read_header(event, link, &header))
		return;
	if (event->direction == EVENT_OUT)
		read_leaving(&header, at, refused);
	else
		read_arrived(&header, refused);
}

const char *moment_format(__u64 nanoseconds, char text[MOMENT_TEXT])
{
	time_t seconds = (time_t)(nanoseconds / SECOND_NS);
	size_t length;
	struct tm parts;

	length = strftime(text, MOMENT_TEXT, "%FT%T", gmtime_r(&seconds, &parts));
	snprintf(text + length, MOMENT_TEXT - length, ".%06uZ", (unsigned int)(nanoseconds % SECOND_NS / 1000));
	return text;
}
