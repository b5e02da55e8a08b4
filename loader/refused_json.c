/* SPDX-License-Identifier: GPL-2.0-only */
#include <stdlib.h>
#include <string.h>

#include "address.h"
#include "fail.h"
#include "json.h"
#include "peers.h"
#include "refused_print.h"

static json_t *address(bool known, const __u8 bytes[4])
{
	char text[ADDRESS_TEXT];

	return known ? json_string(address_format(bytes, text)) : json_null();
}

static json_t *number(bool known, __u64 value)
{
	return known ? json_number(value) : json_null();
}

static json_t *peer(const struct refused *refused)
{
	char text[ADDRESS_TEXT];

	return refused->peer_known ? json_string(peer_name(refused->peer, text)) : json_null();
}

static json_t *netns(const struct folder_name *name)
{
	return *name->netns ? json_name(name->netns) : json_null();
}

static int add_line(struct output *output, json_t *object)
{
	char *text = object ? json_dumps(object, JSON_COMPACT) : NULL;
	int result;

	json_decref(object);
	if (!text)
		return fail("out of memory");
	result = output_add(output, text, strlen(text));
	free(text);
	return result ? result : output_add(output, "\n", 1);
}

static int print_packet(struct output *output, const struct refused *refused)
{
	const struct payload *payload = &refused->payload;
	const struct ends *outer = &refused->outer, *inner = &refused->inner;
	char moment[MOMENT_TEXT];

	return add_line(output,
			JSON_OBJECT({ "time", json_string(moment_format(refused->time, moment)) },
				    { "ifname", json_name(refused->name->device) }, { "netns", netns(refused->name) },
				    { "direction", json_string(refused->event->direction == EVENT_OUT ? "out" : "in") },
				    { "verdict", json_string(refused->verdict) },
				    { "fate", json_string(refused->fate) }, { "peer", peer(refused) },
				    { "outer_src", address(outer->src_known, outer->src) },
				    { "outer_dst", address(outer->known, outer->dst) },
				    { "inner_src", address(inner->src_known, inner->src) },
				    { "inner_dst", address(inner->known, inner->dst) },
				    { "protocol", number(payload->known, payload->protocol) },
				    { "src_port", number(payload->has_ports, payload->src_port) },
				    { "dst_port", number(payload->has_ports, payload->dst_port) },
				    { "icmp_type", number(payload->has_type, payload->icmp_type) },
				    { "icmp_code", number(payload->has_type, payload->icmp_code) },
				    { "length", json_number(refused->length) },
				    { "packets", json_number(refused->event->packets) }));
}

static int print_left_out(struct output *output, const struct folder_name *name, __u64 time, __u64 packets)
{
	char moment[MOMENT_TEXT];

	return add_line(output, JSON_OBJECT({ "time", json_string(moment_format(time, moment)) },
					    { "ifname", json_name(name->device) }, { "netns", netns(name) },
					    { "left_out", json_number(packets) }));
}

const struct refused_printer refused_json = { .packet = print_packet, .left_out = print_left_out };
