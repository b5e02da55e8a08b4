/* SPDX-License-Identifier: GPL-2.0-only */
#include <linux/rtnetlink.h>
#include <string.h>

#include "address.h"
#include "explanation.h"
#include "json.h"
#include "options.h"
#include "peers.h"
#include "verdicts.h"

static json_t *address_string(const __u8 address[4])
{
	char text[ADDRESS_TEXT];

	return json_string(address_format(address, text));
}

static json_t *number_if(bool known, __u64 number)
{
	return known ? json_number(number) : json_null();
}

/* `id_is_known`: it is not the number that the next packet to that peer happens to get. */
static json_t *header_object(const struct header *header, bool id_is_known)
{
	return JSON_OBJECT({ "src", address_string(header->src) }, { "dst", address_string(header->dst) },
			   { "protocol", json_number(header->protocol) }, { "length", json_number(header->total_len) },
			   { "ttl", json_number(header->ttl) }, { "tos", json_number(header->tos) },
			   { "df", json_boolean(header->df) }, { "mf", json_boolean(header->mf) },
			   { "offset", json_number(header->offset) }, { "id", number_if(id_is_known, header->id) },
			   { "sport", number_if(header->has_ports, header->sport) },
			   { "dport", number_if(header->has_ports, header->dport) },
			   { "icmp_type", number_if(header->has_icmp, header->icmp_type) },
			   { "icmp_code", number_if(header->has_icmp, header->icmp_code) },
			   { "icmp_mtu", number_if(header->has_icmp && header->icmp_mtu, header->icmp_mtu) },
			   { "quoted", json_boolean(header->quoted) });
}

static json_t *header_list(const struct headers *headers, bool first_id_is_known)
{
	json_t *list = json_array();

	for (size_t i = 0; i < headers->count; i++)
		list = json_append(list, header_object(&headers->list[i], i || first_id_is_known));
	return list;
}

static json_t *result_list(const struct explanation *explanation, enum result which)
{
	bool wrapped = explanation->outcome.verdict == VERDICT_ENCAP_OK;

	if (explanation_result(explanation) != which)
		return json_null();
	return header_list(&explanation->after, !wrapped || explanation->after.list[0].df);
}

static json_t *prefix_object(const struct prefix_entry *entry)
{
	bool bare = entry && explainer_is_bare(&entry->prefix);
	char peer[ADDRESS_TEXT];

	if (!entry)
		return json_null();
	return JSON_OBJECT({ "dst", json_prefix(&entry->key) }, { "bare", json_boolean(bare) },
			   { "remote", bare ? json_null() : json_string(peer_name(entry->prefix.remote, peer)) });
}

/* What is in force for a peer; null: it is not there. */
static json_t *settings_object(const struct explanation *explanation)
{
	const struct explainer *explainer = explanation->explainer;
	struct peer settings;
	__u8 local[4];

	if (!explanation->has_peer)
		return json_null();
	settings = options_effective(&explanation->peer, &explainer->attachment.meta);
	explainer_local(explainer, &explanation->peer, local);
	return JSON_OBJECT({ "local", json_address(local) }, { "rpf", json_string(options_rpf_name(settings.rpf)) },
			   { "monitor", json_boolean(settings.monitor == SWITCH_ON) },
			   { "path_mtu", number_if(explanation->path.mtu, explanation->path.mtu) });
}

static json_t *peer_object(const struct explanation *explanation)
{
	char name[ADDRESS_TEXT];

	if (!explanation->names_peer)
		return json_null();
	return JSON_OBJECT({ "remote", json_string(peer_name(explanation->remote, name)) },
			   { "effective", settings_object(explanation) });
}

static const char *route_type_name(__u8 type)
{
	static const char *const names[] = {
		[RTN_UNICAST] = "unicast",         [RTN_LOCAL] = "local",         [RTN_BROADCAST] = "broadcast",
		[RTN_MULTICAST] = "multicast",     [RTN_BLACKHOLE] = "blackhole", [RTN_PROHIBIT] = "prohibit",
		[RTN_UNREACHABLE] = "unreachable",
	};

	return type < sizeof(names) / sizeof(*names) && names[type] ? names[type] : "other";
}

static json_t *route_object(const struct way *way)
{
	const struct route *route = &way->route;
	struct prefix_key key = { .prefixlen = route->prefixlen };
	__u8 gateway[4];

	address_bytes(route->dst, key.addr);
	address_bytes(route->gateway, gateway);
	return JSON_OBJECT({ "to", address_string(way->to) }, { "dst", json_prefix(&key) },
			   { "type", json_string(route_type_name(route->type)) }, { "gateway", json_address(gateway) },
			   { "dev", *way->device ? json_name(way->device) : json_null() },
			   { "mtu", number_if(route->mtu, route->mtu) }, { "error", json_null() });
}

static json_t *way_object(const struct way *way)
{
	if (!way->asked)
		return json_null();
	if (!way->error)
		return route_object(way);
	return JSON_OBJECT({ "to", address_string(way->to) }, { "dst", json_null() }, { "type", json_null() },
			   { "gateway", json_null() }, { "dev", json_null() }, { "mtu", json_null() },
			   { "error", json_string(strerror(-way->error)) });
}

static json_t *unknown_list(const struct explanation *explanation)
{
	const char *lines[UNKNOWN_MAX];
	size_t count = explanation_unknown(explanation, lines);
	json_t *list = json_array();

	for (size_t i = 0; i < count; i++)
		list = json_append(list, json_string(lines[i]));
	return list;
}

static json_t *meaning(const struct explanation *explanation)
{
	char why[UNTOUCHED_TEXT];

	return json_string(explanation->outcome.counted ? verdict_texts[explanation->outcome.verdict].meaning
							: explanation_untouched(explanation, why));
}

int explanation_json(const struct explanation *explanation)
{
	const struct attachment *attachment = &explanation->explainer->attachment;
	const struct outcome *outcome = &explanation->outcome;
	const struct verdict_text *text = outcome->counted ? &verdict_texts[outcome->verdict] : NULL;
	bool forwarded = explanation->from;

	return json_print_part(JSON_OBJECT(
		{ "packet", number_if(explanation->number, explanation->number) },
		{ "ifname", json_name(attachment->name.device) },
		{ "direction", json_string(explanation_direction(explanation)) },
		{ "forwarded", explanation->direction == DIRECTION_OUT ? json_boolean(forwarded) : json_null() },
		{ "tagged", json_boolean(explanation->tagged) }, { "headers", header_list(&explanation->before, true) },
		{ "prefix", prefix_object(explanation->prefix) }, { "peer", peer_object(explanation) },
		{ "kernel_route", way_object(&explanation->inner) }, { "peer_route", way_object(&explanation->outer) },
		{ "back_route", way_object(&explanation->back) },
		{ "verdict", text ? json_string(text->name) : json_null() },
		{ "fate", json_string(explanation_fate(explanation)) }, { "meaning", meaning(explanation) },
		{ "remedy", text ? json_string(text->remedy) : json_null() },
		{ "result", result_list(explanation, RESULT_PACKET) },
		{ "answer", result_list(explanation, RESULT_ANSWER) }, { "unknown", unknown_list(explanation) }));
}
