/* SPDX-License-Identifier: GPL-2.0-only */
#include <string.h>

#include "address.h"
#include "counters.h"
#include "cpus.h"
#include "devices.h"
#include "json.h"
#include "options.h"
#include "paths.h"
#include "show.h"

static json_t *field(__u8 mode, __u8 value)
{
	switch (mode) {
	case FIELD_INHERIT:
		return json_string("inherit");
	case FIELD_FIXED:
		return json_number(value);
	default:
		return json_null();
	}
}

/* An enum whose first value means yes and whose second no; 0 and what is out of range are null. */
static json_t *yes_or_no(__u8 value, __u8 yes, __u8 no)
{
	if (value != yes && value != no)
		return json_null();
	return json_boolean(value == yes);
}

static json_t *rpf_string(__u8 rpf)
{
	return rpf >= RPF_STRICT && rpf <= RPF_OFF ? json_string(options_rpf_name(rpf)) : json_null();
}

static json_t *ecn_string(__u8 ecn)
{
	return ecn >= ECN_NORMAL && ecn <= ECN_COMPATIBILITY ? json_string(options_ecn_name(ecn)) : json_null();
}

/* null: an entry that the dataplane refuses has no effect. */
static json_t *effective(const struct report *report, const struct peer *peer)
{
	struct peer settings;

	if (!peer_is_valid(peer))
		return json_null();
	settings = options_effective(peer, &report->attachment->meta);
	return JSON_OBJECT({ "local", json_address(settings.local) }, { "ttl", field(settings.ttl_mode, settings.ttl) },
			   { "tos", field(settings.tos_mode, settings.tos) }, { "ecn", ecn_string(settings.ecn) },
			   { "pmtudisc", yes_or_no(settings.df, DF_PMTUDISC, DF_NOPMTUDISC) },
			   { "rpf", rpf_string(settings.rpf) },
			   { "monitor", yes_or_no(settings.monitor, SWITCH_ON, SWITCH_OFF) });
}

static json_t *prefix_object(const struct report *report, const struct prefix_entry *entry)
{
	__u8 src[4];

	if (!report_source(report, entry, src))
		memset(src, 0, sizeof(src));
	return JSON_OBJECT({ "dst", json_prefix(&entry->key) }, { "src", json_address(src) },
			   { "route", json_boolean(report_has_route(report, &entry->key)) });
}

static json_t *prefix_list(const struct report *report, const __u8 remote[4])
{
	const struct prefix_entry *entries;
	json_t *list = json_array();
	size_t count;

	entries = report_prefixes(report, remote, &count);
	for (size_t i = 0; i < count; i++)
		list = json_append(list, prefix_object(report, &entries[i]));
	return list;
}

static json_t *peer_object(const struct report *report, const struct peer_entry *entry)
{
	const struct peer *peer = &entry->peer;
	struct peer_counters counters;
	struct path_mtu path;
	char name[ADDRESS_TEXT];

	if (counters_read_peer(report->attachment->maps.peer_counters, &entry->key, &counters) ||
	    path_mtu_read(report->attachment->maps.paths, &entry->key, report->now, &path))
		return NULL;
	return JSON_OBJECT(
		{ "remote", json_string(peer_name(entry->key.remote, name)) }, { "type", json_string("ipip") },
		{ "local", json_address(peer->local) }, { "ttl", field(peer->ttl_mode, peer->ttl) },
		{ "tos", field(peer->tos_mode, peer->tos) }, { "ecn", ecn_string(peer->ecn) },
		{ "pmtudisc", yes_or_no(peer->df, DF_PMTUDISC, DF_NOPMTUDISC) }, { "rpf", rpf_string(peer->rpf) },
		{ "monitor", yes_or_no(peer->monitor, SWITCH_ON, SWITCH_OFF) },
		{ "effective", effective(report, peer) }, { "prefixes", prefix_list(report, entry->key.remote) },
		{ "path_mtu", path.mtu ? json_number(path.mtu) : json_null() },
		{ "path_mtu_expires", path.mtu ? json_number(path.expires) : json_null() },
		{ "tx_packets", json_number(counters.tx_packets) }, { "tx_bytes", json_number(counters.tx_bytes) },
		{ "rx_packets", json_number(counters.rx_packets) }, { "rx_bytes", json_number(counters.rx_bytes) },
		{ "drops", json_number(counters.drops) });
}

static json_t *peer_list(const struct report *report)
{
	json_t *list = json_array();

	for (size_t i = 0; i < report->peers.count; i++)
		list = json_append(list, peer_object(report, &report->peers.list[i]));
	return list;
}

static json_t *bare_list(const struct report *report)
{
	const struct prefix_entry *entries;
	json_t *list = json_array();
	size_t count;

	entries = report_prefixes(report, NULL, &count);
	for (size_t i = 0; i < count; i++)
		list = json_append(list, json_prefix(&entries[i].key));
	return list;
}

static void append_name(const char *name, void *argument)
{
	json_t **list = argument;

	*list = json_append(*list, json_name(name));
}

/* What XDP sends packets for other hosts out of. */
static json_t *device_list(const struct report *report)
{
	json_t *list = json_array();

	devices_each(report->attachment, append_name, &list);
	return list;
}

static void append_cpu(__u32 cpu, void *argument)
{
	json_t **list = argument;

	*list = json_append(*list, json_number(cpu));
}

static json_t *cpu_list(const struct report *report)
{
	json_t *list = json_array();

	cpus_each(report->attachment, append_cpu, &list);
	return list;
}

static json_t *missing_list(const struct report *report)
{
	json_t *list = json_array();

	for (size_t i = 0; i < report->missing_count; i++)
		list = json_append(list, json_name(report->missing[i].what));
	return list;
}

static json_t *report_object(const struct report *report)
{
	const struct attachment *attachment = report->attachment;
	const struct meta *meta = &attachment->meta;

	return JSON_OBJECT(
		{ "ifname", json_name(attachment->name.device) },
		{ "netns", *attachment->name.netns ? json_name(attachment->name.netns) : json_null() },
		{ "layout", json_number(meta->layout) }, { "mode", json_string(options_mode_name(meta->mode_used)) },
		{ "xdp", report->programs.xdp ? json_string(report->programs.xdp) : json_null() },
		{ "rpf", rpf_string(meta->rpf) }, { "monitor", json_boolean(meta->monitor == SWITCH_ON) },
		{ "plain", json_string(options_plain_drops(meta) ? "drop" : "pass") }, { "ecn", ecn_string(meta->ecn) },
		{ "mtu_expires", json_number(meta->mtu_expires) }, { "icmp", json_number(meta->icmp_rate) },
		{ "local", json_address(meta->local) }, { "mtu", json_number(report->mtu) },
		{ "routes", json_boolean(meta->routes == SWITCH_ON) }, { "cache", json_number(meta->cache) },
		{ "routes", json_boolean(meta->routes == SWITCH_ON) },
		{ "forward", json_boolean(meta->forward == SWITCH_ON) }, { "forward_devices", device_list(report) },
		{ "spread", json_boolean(meta->spread == SWITCH_ON) }, { "spread_cpus", cpu_list(report) },
		{ "missing", missing_list(report) }, { "peers", peer_list(report) }, { "bare", bare_list(report) },
		{ "verdicts", json_verdicts(report->verdicts) });
}

int show_json(const struct report *reports, size_t count)
{
	json_t *list = json_array();

	for (size_t i = 0; i < count; i++)
		list = json_append(list, report_object(&reports[i]));
	return json_print(list);
}
