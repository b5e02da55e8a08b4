/* SPDX-License-Identifier: GPL-2.0-only */
#include <errno.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <string.h>

#include "address.h"
#include "change.h"
#include "counters.h"
#include "fail.h"
#include "loop.h"
#include "sweep.h"

/* Bytes of the outer header. */
#define OVERHEAD 20

int change_begin(struct change *change, const struct session *session, const struct attachment *attachment,
		 const struct link *link)
{
	memset(change, 0, sizeof(*change));
	change->session = session;
	change->attachment = attachment;
	change->link = *link;
	change->journal.netlink = session->netlink;
	if (!prefixes_read(attachment->maps.prefixes, &change->prefixes) &&
	    !route_records_read(attachment->maps.routes, &change->records) &&
	    !peers_read(attachment->maps.peers, &change->peers) && !fib_read(session->netlink, &change->fib))
		return DONE;
	change_end(change);
	return FAILED;
}

static int begin_on_device(struct change *change, const struct session *session, const struct attachment *attachment)
{
	const char *device = attachment->name.device;
	struct link link;
	bool present;

	if (attachment_link(session, attachment, &link, &present))
		return FAILED;
	if (!present)
		return fail("the device %s of this attachment is gone: '%s attach %s' once it is there again", device,
			    session_program(session), device);
	return change_begin(change, session, attachment, &link);
}

int change_open(struct change *change, const struct session *session, const char *device, struct attachment *attachment)
{
	if (attachment_require(session, device, attachment))
		return FAILED;
	if (!begin_on_device(change, session, attachment))
		return DONE;
	attachment_close(attachment);
	return FAILED;
}

void change_close(struct change *change, struct attachment *attachment)
{
	change_end(change);
	attachment_close(attachment);
}

int change_wish_prefix(struct change *change, const struct prefix_wish *wish)
{
	if (change->wish_count == change->wish_room) {
		size_t room = change->wish_room ? 2 * change->wish_room : 16;
		struct prefix_wish *longer = realloc(change->wishes, room * sizeof(*longer));

		if (!longer)
			return fail("out of memory");
		change->wishes = longer;
		change->wish_room = room;
	}
	change->wishes[change->wish_count++] = *wish;
	return DONE;
}

int change_wish_routes(struct change *change, const __u8 *remote)
{
	for (size_t i = 0; i < change->records.count; i++) {
		const struct route_entry *route = &change->records.list[i];
		const struct prefix_entry *entry = prefixes_find(&change->prefixes, &route->key);
		struct prefix_wish wish = { .key = route->key, .present = true, .routed = true };

		if (!entry || !prefix_is_routable(&entry->prefix) ||
		    (remote && !prefix_belongs_to(&entry->prefix, remote)))
			continue;
		wish.prefix = entry->prefix;
		wish.record = route->record;
		if (change_wish_prefix(change, &wish))
			return FAILED;
	}
	return DONE;
}

/* Wishes begin with their key. */
static int compare(const void *a, const void *b)
{
	return prefix_compare(a, b);
}

const struct prefix_wish *change_find_wish(const struct change *change, const struct prefix_key *key)
{
	if (!change->wish_count)
		return NULL;
	return bsearch(key, change->wishes, change->wish_count, sizeof(*change->wishes), compare);
}

bool change_wants_route(const struct change *change, const struct prefix_wish *wish)
{
	return wish && wish->present && wish->routed && !change->hold_routes &&
	       change->attachment->meta.routes == SWITCH_ON;
}

static int check_same_route(const struct change *change, const struct prefix_wish *wish)
{
	char prefix[PREFIX_TEXT];

	if (!change_wants_route(change, wish) || fib_find_tunnel(&change->fib, &wish->key, change->link.ifindex) ||
	    !fib_find_other(&change->fib, &wish->key, change->link.ifindex))
		return DONE;
	prefix_format(&wish->key, prefix);
	return fail("the kernel has a route %s that others made: delete it, or use 'routes off'", prefix);
}

int change_check_source(const struct change *change, const __u8 src[4])
{
	char text[ADDRESS_TEXT];
	struct route route;

	if (address_is_zero(src) || change->attachment->meta.routes != SWITCH_ON)
		return DONE;
	if (!route_lookup(change->session->netlink, address_number(src), &route) && route.type == RTN_LOCAL)
		return DONE;
	address_format(src, text);
	return fail("src %s is no address of this host: 'ip address add %s/32 dev lo' makes it one", text, text);
}

int change_check(struct change *change)
{
	if (change->wish_count)
		qsort(change->wishes, change->wish_count, sizeof(*change->wishes), compare);
	for (size_t i = 0; i < change->wish_count; i++) {
		const struct prefix_wish *wish = &change->wishes[i];

		if (check_same_route(change, wish) || (wish->present && change_check_source(change, wish->record.src)))
			return FAILED;
	}
	if (change->peer.given && change->peer.present && change_check_source(change, change->peer.src))
		return FAILED;
	return loop_check(change);
}

static int map_failed(const char *name, const char *what, int error)
{
	if (error == -E2BIG || error == -ENOSPC)
		return fail("cannot write %s: the map '%s' is full", what, name);
	return fail("cannot write %s into the map '%s': %s", what, name, strerror(-error));
}

static int set_peer_src(struct change *change, const char *what)
{
	const struct peer_wish *wish = &change->peer;
	struct peer_src before, after;
	struct map_change set = {
		.fd = change->attachment->maps.peer_src,
		.key = &wish->key,
		.key_size = sizeof(wish->key),
		.value_size = sizeof(after),
	};
	int error;

	peer_src_read(set.fd, wish->key.remote, before.src);
	memcpy(after.src, wish->src, sizeof(after.src));
	set.before = address_is_zero(before.src) ? NULL : &before;
	set.after = address_is_zero(after.src) || !wish->present ? NULL : &after;
	error = journal_map(&change->journal, &set);
	return error ? map_failed("peer_src", what, error) : DONE;
}

static int set_peer(struct change *change)
{
	const struct peer_wish *wish = &change->peer;
	const struct peer_entry *before = peers_find(&change->peers, wish->key.remote);
	const struct map_change set = {
		.fd = change->attachment->maps.peers,
		.key = &wish->key,
		.key_size = sizeof(wish->key),
		.before = before ? &before->peer : NULL,
		.after = wish->present ? &wish->peer : NULL,
		.value_size = sizeof(wish->peer),
	};
	int error = journal_map(&change->journal, &set);
	char name[ADDRESS_TEXT];

	peer_name(wish->key.remote, name);
	if (error)
		return map_failed("peers", name, error);
	/* A failure is no harm: else the peer's first packet makes them. */
	if (wish->present)
		counters_make_peer(change->attachment->maps.peer_counters, &wish->key);
	return set_peer_src(change, name);
}

static int set_prefix(struct change *change, const struct prefix_wish *wish)
{
	const struct prefix_entry *before = prefixes_find(&change->prefixes, &wish->key);
	const struct map_change set = {
		.fd = change->attachment->maps.prefixes,
		.key = &wish->key,
		.key_size = sizeof(wish->key),
		.before = before ? &before->prefix : NULL,
		.after = wish->present ? &wish->prefix : NULL,
		.value_size = sizeof(wish->prefix),
	};
	int error = journal_map(&change->journal, &set);
	char name[PREFIX_TEXT];

	return error ? map_failed("prefixes", prefix_format(&wish->key, name), error) : DONE;
}

static int set_record(struct change *change, const struct prefix_wish *wish)
{
	const struct route_entry *before = route_records_find(&change->records, &wish->key);
	const struct map_change set = {
		.fd = change->attachment->maps.routes,
		.key = &wish->key,
		.key_size = sizeof(wish->key),
		.before = before ? &before->record : NULL,
		.after = wish->present && wish->routed ? &wish->record : NULL,
		.value_size = sizeof(wish->record),
	};
	int error = journal_map(&change->journal, &set);
	char name[PREFIX_TEXT];

	return error ? map_failed("routes", prefix_format(&wish->key, name), error) : DONE;
}

/* Of prefix, peer and device the first that names one. */
static __be32 preferred_source(const struct change *change, const struct prefix_wish *wish)
{
	__u8 src[4];

	if (!address_is_zero(wish->record.src))
		return address_number(wish->record.src);
	peer_src_read(change->attachment->maps.peer_src, wish->prefix.remote, src);
	return address_number(address_is_zero(src) ? change->attachment->meta.src : src);
}

/* What is left inside of the way to the peer. */
static __u32 inner_mtu(const struct change *change, const struct prefix_wish *wish)
{
	__be32 source;
	__u32 mtu;

	if (route_source(change->session->netlink, address_number(wish->prefix.remote), &source, &mtu))
		mtu = change->link.mtu;
	return mtu > OVERHEAD ? mtu - OVERHEAD : mtu;
}

static int route_failed(const struct change *change, const struct prefix_wish *wish, int error)
{
	const char *device = change->attachment->name.device;
	char name[PREFIX_TEXT];

	prefix_format(&wish->key, name);
	if (error == -ENETDOWN)
		return fail("cannot make the route %s: %s is down, 'ip link set %s up'", name, device, device);
	return fail("cannot change the route %s: %s (%s)", name, strerror(-error),
		    netlink_reason(change->session->netlink));
}

static void note_unsourced(struct change *change, const struct route *route, const struct prefix_key *key)
{
	if (route->src || change->has_unsourced)
		return;
	change->unsourced = *key;
	change->has_unsourced = true;
}

static int set_route(struct change *change, const struct prefix_wish *wish)
{
	const struct route *before = fib_find_tunnel(&change->fib, &wish->key, change->link.ifindex);
	struct route after = {
		.dst = address_number(wish->key.addr),
		.prefixlen = (__u8)wish->key.prefixlen,
		.ifindex = change->link.ifindex,
		.src = preferred_source(change, wish),
		.mtu = inner_mtu(change, wish),
		.priority = before ? before->priority : 0,
	};
	int error;

	if (before && before->src == after.src && before->mtu == after.mtu)
		return DONE;
	error = journal_route(&change->journal, before, &after);
	if (error)
		return route_failed(change, wish, error);
	note_unsourced(change, &after, &wish->key);
	return DONE;
}

/* A route is only taken for ours if there is a record of it. */
static int drop_route(struct change *change, const struct prefix_wish *wish)
{
	int error;

	if (!route_records_find(&change->records, &wish->key))
		return DONE;
	error = journal_route(&change->journal, fib_find_tunnel(&change->fib, &wish->key, change->link.ifindex), NULL);
	return error ? route_failed(change, wish, error) : DONE;
}

/*
 * A killed process leaves what attach can finish: the record is there before the prefix, the prefix before the route
 * into it, and in reverse where they go.
 */
static int apply_prefix(struct change *change, const struct prefix_wish *wish)
{
	if (wish->present && wish->routed) {
		if (set_record(change, wish) || set_prefix(change, wish))
			return FAILED;
		return change_wants_route(change, wish) ? set_route(change, wish) : drop_route(change, wish);
	}
	if (drop_route(change, wish) || set_prefix(change, wish))
		return FAILED;
	return set_record(change, wish);
}

static int apply_prefixes(struct change *change)
{
	for (size_t i = 0; i < change->wish_count; i++) {
		if (apply_prefix(change, &change->wishes[i]))
			return FAILED;
	}
	return DONE;
}

/* A peer comes before its prefixes and goes after them: a prefix without its peer drops what it holds. */
static int apply(struct change *change)
{
	const struct peer_wish *peer = &change->peer;

	if (peer->given && peer->present && set_peer(change))
		return FAILED;
	if (apply_prefixes(change))
		return FAILED;
	return peer->given && !peer->present ? set_peer(change) : DONE;
}

int change_apply(struct change *change)
{
	if (!apply(change))
		return DONE;
	change_undo(change);
	return FAILED;
}

void change_undo(struct change *change)
{
	journal_undo(&change->journal);
	sweep(change->session, change->attachment, change->link.ifindex);
}

static void warn_unsourced(const struct change *change)
{
	char prefix[PREFIX_TEXT], source[ADDRESS_TEXT];
	__u8 address[4];
	__be32 number;
	__u32 mtu;

	if (!change->has_unsourced ||
	    route_source(change->session->netlink, address_number(change->unsourced.addr), &number, &mtu))
		return;
	address_bytes(number, address);
	warn("no src is given: the kernel will send to %s from %s, which a far end with 'rpf strict' must list in its "
	     "prefixes",
	     prefix_format(&change->unsourced, prefix), address_format(address, source));
}

void change_keep(struct change *change)
{
	warn_unsourced(change);
	sweep(change->session, change->attachment, change->link.ifindex);
}

int change_carry_out(struct change *change)
{
	if (change_check(change) || change_apply(change))
		return FAILED;
	change_keep(change);
	return DONE;
}

void change_end(struct change *change)
{
	journal_free(&change->journal);
	free(change->wishes);
	prefixes_free(&change->prefixes);
	route_records_free(&change->records);
	peers_free(&change->peers);
	fib_free(&change->fib);
}
