/* SPDX-License-Identifier: GPL-2.0-only */
#include <errno.h>
#include <net/if_arp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "address.h"
#include "counters.h"
#include "fail.h"
#include "forwarding.h"
#include "neighbour.h"
#include "paths.h"
#include "pins.h"
#include "report.h"
#include "route.h"

/* Bytes of the outer header. */
#define OVERHEAD 20

__attribute__((format(printf, 4, 5))) static int add_missing(struct report *report, enum remedy remedy, const char *why,
							     const char *format, ...)
{
	struct missing *missing;
	va_list arguments;

	if (report->missing_count == report->missing_room) {
		size_t room = report->missing_room ? 2 * report->missing_room : 8;

		missing = realloc(report->missing, room * sizeof(*missing));
		if (!missing)
			return fail("out of memory");
		report->missing = missing;
		report->missing_room = room;
	}
	missing = &report->missing[report->missing_count++];
	*missing = (struct missing){ .remedy = remedy, .why = why };
	va_start(arguments, format);
	vsnprintf(missing->what, sizeof(missing->what), format, arguments);
	va_end(arguments);
	return DONE;
}

static int compare_owner(const void *a, const void *b)
{
	const struct prefix_entry *left = a, *right = b;
	int order = !!left->prefix.bare - !!right->prefix.bare;

	if (!order && !left->prefix.bare)
		order = memcmp(left->prefix.remote, right->prefix.remote, 4);
	return order ? order : prefix_compare(&left->key, &right->key);
}

static int read_device(const struct session *session, struct report *report)
{
	const struct attachment *attachment = report->attachment;
	const char *name = attachment->name.device;
	int error = link_find_index(session->netlink, attachment->meta.ifindex, &report->link);

	if (error && error != -ENODEV)
		return fail("cannot ask for the device %s: %s", name, strerror(-error));
	report->present = !error;
	report->mtu = report->present ? report->link.mtu : attachment->meta.mtu;
	report->mtu -= report->mtu > OVERHEAD ? OVERHEAD : 0;
	if (!report->present)
		return add_missing(report, REMEDY_DEVICE, "its tunnels carry nothing", "device %s", name);
	if (strcmp(report->link.name, name))
		return add_missing(report, REMEDY_RENAMED,
				   "it has another name now: by this one its attachment can be read and detached, but "
				   "not changed",
				   "device %s", name);
	return DONE;
}

static int read_maps(struct report *report)
{
	const struct maps *maps = &report->attachment->maps;
	const char *missing = pins_missing_map(maps, report->attachment->meta.layout);
	const char *no_map = "commands and bpftool cannot reach it";

	if (peers_read(maps->peers, &report->peers) || prefixes_read(maps->prefixes, &report->prefixes) ||
	    route_records_read(maps, &report->records) || counters_read_verdicts(maps->verdicts, report->verdicts))
		return FAILED;
	if (report->prefixes.count)
		qsort(report->prefixes.list, report->prefixes.count, sizeof(*report->prefixes.list), compare_owner);
	return missing ? add_missing(report, REMEDY_ATTACH, no_map, "map %s", missing) : DONE;
}

static int read_programs(struct report *report)
{
	const struct attachment *attachment = report->attachment;

	if (!report->present)
		return DONE;
	if (programs_state(attachment->meta.ifindex, attachment->folder, &attachment->maps, &attachment->meta,
			   &report->programs))
		return FAILED;
	if (!report->programs.encap &&
	    add_missing(report, REMEDY_ATTACH, "what the prefixes hold leaves without a tunnel", "encap"))
		return FAILED;
	if (report->programs.decap)
		return DONE;
	return add_missing(report, REMEDY_ATTACH,
			   "what comes through the tunnels is not unwrapped, or ICMP errors are not", "decap");
}

static int read_neighbour(const struct session *session, struct report *report)
{
	const __u8 next_hop[] = NEXT_HOP;
	char address[ADDRESS_TEXT];
	bool present, right;
	int error;

	if (!report->present || report->link.type != ARPHRD_ETHER)
		return DONE;
	error = neighbour_find(session->netlink, report->link.ifindex, &present, &right);
	if (error)
		return fail("cannot ask for the neighbours of %s: %s", report->link.name, strerror(-error));
	if (present && right)
		return DONE;
	return add_missing(report, REMEDY_ATTACH, "packets into the tunnels wait for ARP in vain", "neighbour %s",
			   address_format(next_hop, address));
}

static int read_forwarding(struct report *report)
{
	bool set;

	if (forwarding_read(&set))
		return FAILED;
	if (set)
		return DONE;
	return add_missing(report, REMEDY_ATTACH, "what comes through the tunnels is dropped (fib_unavailable)",
			   "sysctl net.ipv4.conf.lo.forwarding");
}

/* The kernel takes a route away with its source, and makes none without it. */
static int miss_route(const struct session *session, struct report *report, const struct prefix_entry *entry)
{
	const char *no_route = "packets to it take another way, and those from it may be dropped";
	struct missing *missing;
	char text[PREFIX_TEXT];
	__u8 src[4];

	if (add_missing(report, REMEDY_ATTACH, no_route, "route %s", prefix_format(&entry->key, text)))
		return FAILED;
	if (!report_source(report, entry, src) || route_is_local(session->netlink, address_number(src)))
		return DONE;
	missing = &report->missing[report->missing_count - 1];
	missing->remedy = REMEDY_SOURCE;
	address_format(src, missing->src);
	return DONE;
}

static int read_routes(const struct session *session, struct report *report)
{
	if (fib_read(session->netlink, &report->fib))
		return FAILED;
	if (report->attachment->meta.routes != SWITCH_ON)
		return DONE;
	for (size_t i = 0; i < report->prefixes.count; i++) {
		const struct prefix_entry *entry = &report->prefixes.list[i];

		if (prefix_is_routable(&entry->prefix) && route_records_find(&report->records, &entry->key) &&
		    !report_has_route(report, &entry->key) && miss_route(session, report, entry))
			return FAILED;
	}
	return DONE;
}

static int miss_prefix(struct report *report, const struct prefix_entry *entry)
{
	char prefix[PREFIX_TEXT];
	struct missing *missing;

	if (add_missing(report, REMEDY_PREFIX_REPLACE, "what it holds is dropped (peer_invalid)",
			"valid entry of prefix %s", prefix_format(&entry->key, prefix)))
		return FAILED;
	missing = &report->missing[report->missing_count - 1];
	strcpy(missing->prefix, prefix);
	if (!address_is_zero(entry->prefix.remote))
		address_format(entry->prefix.remote, missing->peer);
	return DONE;
}

static int miss_peer(struct report *report, enum remedy remedy, const __u8 remote[4])
{
	char peer[ADDRESS_TEXT];
	int result;

	peer_name(remote, peer);
	if (remedy == REMEDY_PEER_ADD)
		result = add_missing(report, remedy, "what its prefixes hold is dropped (no_peer)", "peer %s", peer);
	else
		result = add_missing(report, remedy, "its packets are dropped (peer_invalid)", "valid entry of peer %s",
				     peer);
	if (!result)
		strcpy(report->missing[report->missing_count - 1].peer, peer);
	return result;
}

static int judge_prefix(struct report *report, const struct prefix_entry *entry, const struct prefix_entry **said)
{
	if (!prefix_is_valid(&entry->prefix))
		return miss_prefix(report, entry);
	if (entry->prefix.bare || peers_find(&report->peers, entry->prefix.remote))
		return DONE;
	if (*said && prefix_belongs_to(&entry->prefix, (*said)->prefix.remote))
		return DONE;
	*said = entry;
	return miss_peer(report, REMEDY_PEER_ADD, entry->prefix.remote);
}

/*
 * Entries that people wrote and the dataplane refuses. A peer that several prefixes name, which are sorted by it, is said
 * once: with the first of them.
 */
static int judge_entries(struct report *report)
{
	const struct prefix_entry *said = NULL;

	for (size_t i = 0; i < report->peers.count; i++) {
		const struct peer_entry *entry = &report->peers.list[i];

		if (!peer_is_valid(&entry->peer) && miss_peer(report, REMEDY_PEER_SET, entry->key.remote))
			return FAILED;
	}
	for (size_t i = 0; i < report->prefixes.count; i++)
		if (judge_prefix(report, &report->prefixes.list[i], &said))
			return FAILED;
	return DONE;
}

int report_read(const struct session *session, const struct attachment *attachment, struct report *report)
{
	memset(report, 0, sizeof(*report));
	report->attachment = attachment;
	report->now = paths_now();
	if (!read_device(session, report) && !read_maps(report) && !read_programs(report) &&
	    !read_neighbour(session, report) && !read_forwarding(report) && !read_routes(session, report) &&
	    !judge_entries(report))
		return DONE;
	report_free(report);
	return FAILED;
}

void report_free(struct report *report)
{
	peers_free(&report->peers);
	prefixes_free(&report->prefixes);
	route_records_free(&report->records);
	fib_free(&report->fib);
	free(report->missing);
	report->missing = NULL;
}

/* The first place whose owner is not before this one; of NULL, the first bare one. */
static size_t first_of(const struct prefixes *prefixes, const __u8 *remote)
{
	size_t low = 0, high = prefixes->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		const struct prefix *prefix = &prefixes->list[middle].prefix;

		if (!prefix->bare && (!remote || memcmp(prefix->remote, remote, 4) < 0))
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

const struct prefix_entry *report_prefixes(const struct report *report, const __u8 *remote, size_t *count)
{
	const struct prefixes *prefixes = &report->prefixes;
	size_t first = first_of(prefixes, remote);
	size_t end = first;

	while (end < prefixes->count && (!remote || prefix_belongs_to(&prefixes->list[end].prefix, remote)))
		end++;
	*count = end - first;
	return *count ? &prefixes->list[first] : NULL;
}

bool report_has_route(const struct report *report, const struct prefix_key *key)
{
	return fib_find_tunnel(&report->fib, key, report->attachment->meta.ifindex);
}

bool report_source(const struct report *report, const struct prefix_entry *entry, __u8 src[4])
{
	const struct route_entry *route = route_records_find(&report->records, &entry->key);

	if (!route || !prefix_is_routable(&entry->prefix))
		return false;
	memcpy(src, route->record.src, 4);
	if (address_is_zero(src))
		peer_src_read(report->attachment->maps.peer_src, entry->prefix.remote, src);
	if (address_is_zero(src))
		memcpy(src, report->attachment->meta.src, 4);
	return !address_is_zero(src);
}
