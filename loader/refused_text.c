/* SPDX-License-Identifier: GPL-2.0-only */
#include <netinet/in.h>
#include <stdarg.h>
#include <stdio.h>

#include "address.h"
#include "peers.h"
#include "refused_print.h"

/* The longest line is half as long. */
struct line {
	char text[512];
	size_t length;
};

__attribute__((format(printf, 2, 3))) static void append(struct line *line, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	line->length += (size_t)vsnprintf(line->text + line->length, sizeof(line->text) - line->length, format,
					  arguments);
	va_end(arguments);
}

static void append_ends(struct line *line, const char *which, const struct ends *ends)
{
	char src[ADDRESS_TEXT], dst[ADDRESS_TEXT];

	if (ends->known)
		append(line, " %s %s > %s", which, ends->src_known ? address_format(ends->src, src) : "?",
		       address_format(ends->dst, dst));
}

static void append_payload(struct line *line, const struct payload *payload)
{
	if (!payload->known)
		return;
	switch (payload->protocol) {
	case IPPROTO_TCP:
		append(line, " tcp");
		break;
	case IPPROTO_UDP:
		append(line, " udp");
		break;
	case IPPROTO_ICMP:
		append(line, " icmp");
		break;
	default:
		append(line, " protocol %u", payload->protocol);
	}
	if (payload->has_ports)
		append(line, " %u > %u", payload->src_port, payload->dst_port);
	if (payload->has_type)
		append(line, " type %u code %u", payload->icmp_type, payload->icmp_code);
}

static int print_packet(struct output *output, const struct refused *refused)
{
	char moment[MOMENT_TEXT], peer[ADDRESS_TEXT];
	struct line line = { 0 };

	append(&line, "%s %s %s %s", moment_format(refused->time, moment), refused->name->device,
	       refused->event->direction == EVENT_OUT ? "out" : "in", refused->verdict);
	if (refused->peer_known)
		append(&line, " peer %s", peer_name(refused->peer, peer));
	append_ends(&line, "outer", &refused->outer);
	append_ends(&line, "inner", &refused->inner);
	append_payload(&line, &refused->payload);
	append(&line, " length %u", refused->length);
	if (refused->event->packets != 1)
		append(&line, " packets %u", refused->event->packets);
	append(&line, "\n");
	return output_add(output, line.text, line.length);
}

static int print_left_out(struct output *output, const struct folder_name *name, __u64 time, __u64 packets)
{
	char moment[MOMENT_TEXT];
	struct line line = { 0 };

	append(&line, "%s %s left out %llu packets\n", moment_format(time, moment), name->device, packets);
	return output_add(output, line.text, line.length);
}

const struct refused_printer refused_text = { .packet = print_packet, .left_out = print_left_out };
