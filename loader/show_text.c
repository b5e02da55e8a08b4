/* SPDX-License-Identifier: GPL-2.0-only */
#include <stdio.h>
#include <string.h>

#include "address.h"
#include "counters.h"
#include "cpus.h"
#include "devices.h"
#include "fail.h"
#include "options.h"
#include "paths.h"
#include "renamed.h"
#include "show.h"
#include "verdicts.h"

static void print_mode(const struct report *report)
{
	const struct meta *meta = &report->attachment->meta;

	printf("  mode: %s", options_mode_name(meta->mode_used));
	if (report->programs.xdp)
		printf(", XDP %s", report->programs.xdp);
	if (meta->mode == MODE_AUTO)
		printf(" (chosen by auto)");
	printf("\n");
}

static void print_rpf(const struct peer *settings)
{
	printf("rpf %s%s", options_rpf_name(settings->rpf), settings->monitor == SWITCH_ON ? " monitor" : "");
}

static void print_ttl(const struct peer *settings)
{
	if (settings->ttl_mode == FIELD_FIXED)
		printf("ttl %u", settings->ttl);
	else
		printf("ttl inherit");
}

static void print_tos(const struct peer *settings)
{
	if (settings->tos_mode == FIELD_FIXED)
		printf("tos 0x%02x", settings->tos);
	else
		printf("tos inherit");
}

static void print_df(const struct peer *settings)
{
	printf("%s", settings->df == DF_NOPMTUDISC ? "nopmtudisc" : "pmtudisc");
}

static void print_ecn(const struct peer *settings)
{
	printf("ecn %s", options_ecn_name(settings->ecn));
}

static void print_options(const struct report *report)
{
	const struct meta *meta = &report->attachment->meta;
	const struct peer nothing = { 0 };
	const struct peer settings = options_effective(&nothing, meta);

	printf("  checks: ");
	print_rpf(&settings);
	printf(", plain %s, fragments %s\n", options_plain_drops(meta) ? "drop" : "pass",
	       meta->fragments == FRAGMENTS_STACK ? "stack" : "drop");
	printf("  outer header: ");
	print_ttl(&settings);
	printf(", ");
	print_tos(&settings);
	printf(", ");
	print_ecn(&settings);
	printf(", ");
	print_df(&settings);
	printf("\n  icmp errors: icmp %u, mtu_expires %u\n", meta->icmp_rate, meta->mtu_expires);
}

static void print_name(const char *name, void *argument)
{
	const char **separator = argument;

	printf("%s%s", *separator, name);
	*separator = ", ";
}

static void print_forward(const struct report *report)
{
	const char *separator = ", by XDP out of ";

	printf("  forward: %s", report->attachment->meta.forward == SWITCH_ON ? "on" : "off");
	devices_each(report->attachment, print_name, &separator);
	if (devices_lacking(report->attachment))
		print_name("no device", &separator);
	printf("\n");
}

static void print_cpu(__u32 cpu, void *argument)
{
	const char **separator = argument;

	printf("%s%u", *separator, cpu);
	*separator = ", ";
}

static void print_spread(const struct report *report)
{
	const char *separator = ", over the CPUs ";

	printf("  spread: %s", report->attachment->meta.spread == SWITCH_ON ? "on" : "off");
	cpus_each(report->attachment, print_cpu, &separator);
	printf("\n");
}

static void print_device(const struct report *report)
{
	const struct attachment *attachment = report->attachment;
	const struct meta *meta = &attachment->meta;
	char address[ADDRESS_TEXT];

	printf("attachment: %s", attachment->name.device);
	if (*attachment->name.netns)
		printf(" (namespace %s)", attachment->name.netns);
	printf("\n");
	print_mode(report);
	printf("  local: %s%s\n", address_format(meta->local, address),
	       meta->local_auto ? " (first address of the device)" : "");
	printf("  mtu: %u inside\n", report->mtu);
	print_options(report);
	print_forward(report);
	print_spread(report);
	printf("  routes: %s", meta->routes == SWITCH_ON ? "on" : "off");
	if (!address_is_zero(meta->src))
		printf(", src %s", address_format(meta->src, address));
	printf("\n");
	if (meta->cache)
		printf("  cache: %u ms\n", meta->cache);
}

static void print_remedy(const struct session *session, const struct report *report, const struct missing *missing)
{
	const char *program = session_program(session);
	const char *device = report->attachment->name.device;
	char command[RENAMED_COMMAND];

	switch (missing->remedy) {
	case REMEDY_ATTACH:
		printf("    '%s attach %s' puts it back\n", program, device);
		break;
	case REMEDY_SOURCE:
		printf("    src %s is no address of this host: 'ip address add %s/32 dev lo', then '%s attach %s' puts it "
		       "back\n",
		       missing->src, missing->src, program, device);
		break;
	case REMEDY_DEVICE:
		printf("    '%s attach %s' once it is there again, or '%s detach %s'\n", program, device, program,
		       device);
		break;
	case REMEDY_RENAMED:
		printf("    it is called %s now: '%s' carries all over but the counters\n", report->link.name,
		       renamed_command(session, device, report->link.name, command));
		break;
	case REMEDY_PEER_ADD:
		printf("    '%s peer add %s remote ADDR', or delete the prefixes that name it\n", program, device);
		break;
	case REMEDY_PEER_SET:
		printf("    '%s peer set %s remote ADDR' writes it anew\n", program, device);
		break;
	case REMEDY_PREFIX_REPLACE:
		printf("    '%s prefix replace %s PREFIX remote ADDR' writes it anew\n", program, device);
		break;
	case REMEDY_COUNT:
		break;
	}
}

/* The remedy is said once for all that it mends. */
static void print_missing(const struct session *session, const struct report *report)
{
	for (int remedy = 0; remedy < REMEDY_COUNT; remedy++) {
		const struct missing *last = NULL;

		for (size_t i = 0; i < report->missing_count; i++) {
			const struct missing *missing = &report->missing[i];

			if (missing->remedy != (enum remedy)remedy)
				continue;
			if (last && strcmp(last->src, missing->src) != 0)
				print_remedy(session, report, last);
			printf("  missing: %s\n", missing->what);
			last = missing;
		}
		if (last)
			print_remedy(session, report, last);
	}
}

/* What a peer does otherwise than its device. */
static void print_differences(const struct report *report, const struct peer *peer)
{
	const struct meta *meta = &report->attachment->meta;
	const struct peer nothing = { 0 };
	const struct peer device = options_effective(&nothing, meta);
	const struct peer own = options_effective(peer, meta);
	const struct {
		bool differs;
		void (*print)(const struct peer *settings);
	} settings[] = {
		{ own.rpf != device.rpf || own.monitor != device.monitor, print_rpf },
		{ own.ttl_mode != device.ttl_mode || own.ttl != device.ttl, print_ttl },
		{ own.tos_mode != device.tos_mode || own.tos != device.tos, print_tos },
		{ own.ecn != device.ecn, print_ecn },
		{ own.df != device.df, print_df },
	};
	const char *before = "    settings: ";
	char address[ADDRESS_TEXT];

	if (memcmp(own.local, device.local, sizeof(own.local)))
		printf("    local: %s\n", address_format(own.local, address));
	for (size_t i = 0; i < sizeof(settings) / sizeof(*settings); i++) {
		if (!settings[i].differs)
			continue;
		printf("%s", before);
		settings[i].print(&own);
		before = ", ";
	}
	if (!strcmp(before, ", "))
		printf("\n");
}

static void print_prefix(const struct report *report, const struct prefix_entry *entry)
{
	char prefix[PREFIX_TEXT], address[ADDRESS_TEXT];
	__u8 src[4];

	printf("%s", prefix_format(&entry->key, prefix));
	if (!prefix_is_valid(&entry->prefix))
		printf(" (invalid, its packets are dropped)");
	if (report_source(report, entry, src))
		printf(" src %s", address_format(src, address));
	/* With `routes off` they are the user's, who may have made others than ours. */
	if (report->attachment->meta.routes == SWITCH_ON && prefix_is_routable(&entry->prefix) &&
	    !report_has_route(report, &entry->key))
		printf(" (no route)");
}

static void print_prefixes(const struct report *report, const struct prefix_entry *list, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		printf("    prefix: ");
		print_prefix(report, &list[i]);
		printf("\n");
	}
}

static int print_peer(const struct report *report, const struct peer_entry *entry)
{
	const struct prefix_entry *prefixes;
	struct peer_counters counters;
	char name[ADDRESS_TEXT];
	struct path_mtu path;
	size_t count;

	if (counters_read_peer(report->attachment->maps.peer_counters, &entry->key, &counters) ||
	    path_mtu_read(report->attachment->maps.paths, &entry->key, report->now, &path))
		return FAILED;
	printf("\n  peer: %s\n", peer_name(entry->key.remote, name));
	if (peer_is_valid(&entry->peer))
		print_differences(report, &entry->peer);
	else
		printf("    settings: invalid, its packets are dropped\n");
	prefixes = report_prefixes(report, entry->key.remote, &count);
	print_prefixes(report, prefixes, count);
	if (path.mtu)
		printf("    path mtu %u expires %llusec\n", path.mtu, path.expires);
	printf("    sent: %llu packets, %llu bytes\n", counters.tx_packets, counters.tx_bytes);
	printf("    received: %llu packets, %llu bytes\n", counters.rx_packets, counters.rx_bytes);
	if (counters.drops)
		printf("    dropped: %llu packets\n", counters.drops);
	return DONE;
}

/* Prefixes that name a peer which is not there come with none of the peers. */
static void print_orphans(const struct report *report)
{
	char name[ADDRESS_TEXT], prefix[PREFIX_TEXT];

	for (size_t i = 0; i < report->prefixes.count; i++) {
		const struct prefix_entry *entry = &report->prefixes.list[i];

		if (!entry->prefix.bare && !peers_find(&report->peers, entry->prefix.remote))
			printf("\n  prefix: %s of peer %s, which is missing\n", prefix_format(&entry->key, prefix),
			       peer_name(entry->prefix.remote, name));
	}
}

static void print_bare(const struct report *report)
{
	const struct prefix_entry *list;
	size_t count;

	list = report_prefixes(report, NULL, &count);
	for (size_t i = 0; i < count; i++) {
		printf("%s  bare: ", i ? "" : "\n");
		print_prefix(report, &list[i]);
		printf("\n");
	}
}

static void print_verdicts(const struct report *report)
{
	bool any = false;

	for (__u32 i = 0; i < VERDICT_COUNT; i++) {
		const struct verdict_text *text = &verdict_texts[i];

		if (!report->verdicts[i])
			continue;
		printf("%s    %-19s %12llu  %-9s  %s\n", any ? "" : "\n  verdicts:\n", text->name, report->verdicts[i],
		       verdict_fate_name(&report->attachment->meta, i), text->meaning);
		if (text->fate != FATE_CARRY)
			printf("    %46s %s\n", "", text->remedy);
		any = true;
	}
}

static int print_report(const struct session *session, const struct report *report)
{
	print_device(report);
	print_missing(session, report);
	for (size_t i = 0; i < report->peers.count; i++) {
		if (print_peer(report, &report->peers.list[i]))
			return FAILED;
	}
	print_orphans(report);
	print_bare(report);
	print_verdicts(report);
	return DONE;
}

int show_text(const struct session *session, const struct report *reports, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (i)
			printf("\n");
		if (print_report(session, &reports[i]))
			return FAILED;
	}
	return DONE;
}
