/* SPDX-License-Identifier: GPL-2.0-only */
/* A change that was checked is done, kept or undone. */
#include <errno.h>
#include <string.h>

#include "address.h"
#include "change.h"
#include "change_warnings.h"
#include "counters.h"
#include "fail.h"
#include "sweep.h"

static int queue_map(struct change *change, const struct map_change *set)
{
	return journal_map(&change->journal, set) ? fail("out of memory") : DONE;
}

static int set_peer_src(struct change *change, const struct peer_wish *wish)
{
	struct peer_src before, after;
	struct map_change set = {
		.fd = change->attachment->maps.peer_src,
		.key = &wish->key,
		.key_size = sizeof(wish->key),
		.value_size = sizeof(after),
	};

	peer_src_read(set.fd, wish->key.remote, before.src);
	memcpy(after.src, wish->src, sizeof(after.src));
	set.before = address_is_zero(before.src) ? NULL : &before;
	set.after = address_is_zero(after.src) || !wish->present ? NULL : &after;
	return queue_map(change, &set);
}

static int set_peer(struct change *change, const struct peer_wish *wish)
{
	const struct peer_entry *before = peers_find(&change->peers, wish->key.remote);
	const struct map_change set = {
		.fd = change->attachment->maps.peers,
		.key = &wish->key,
		.key_size = sizeof(wish->key),
		.before = before ? &before->peer : NULL,
		.after = wish->present ? &wish->peer : NULL,
		.value_size = sizeof(wish->peer),
	};

	return queue_map(change, &set);
}

static int set_prefix(struct change *change, const struct prefix_wish *wish)
{
	const struct map_change set = {
		.fd = change->attachment->maps.prefixes,
		.key = &wish->key,
		.key_size = sizeof(wish->key),
		.before = wish->before ? &wish->before->prefix : NULL,
		.after = wish->present ? &wish->prefix : NULL,
		.value_size = sizeof(wish->prefix),
	};

	return queue_map(change, &set);
}

static int set_record(struct change *change, const struct prefix_wish *wish)
{
	return route_records_queue(&change->records, &change->journal, wish->recorded, &wish->key,
				   wish->present && wish->routed ? &wish->record : NULL);
}

static int queue_route(struct change *change, const struct route *before, const struct route *after)
{
	return journal_route(&change->journal, before, after) ? fail("out of memory") : DONE;
}

/* A route is only taken for ours if there is a record of it. */
static int drop_route(struct change *change, const struct prefix_wish *wish)
{
	if (!wish->recorded)
		return DONE;
	return queue_route(change, change_route_before(change, wish), NULL);
}

static int set_route(struct change *change, const struct prefix_wish *wish)
{
	const struct route *before;
	struct route after;

	if (!change_wants_route(change, wish))
		return drop_route(change, wish);
	before = change_route_before(change, wish);
	after = change_route(change, wish);
	if (before && before->src == after.src && before->mtu == after.mtu)
		return DONE;
	if (!after.src && !change->has_unsourced) {
		change->unsourced = wish->key;
		change->has_unsourced = true;
	}
	return queue_route(change, before, &after);
}

static int each_peer(struct change *change, bool present, bool first,
		     int (*set)(struct change *change, const struct peer_wish *wish))
{
	for (size_t i = 0; i < change->peer_wish_count; i++) {
		const struct peer_wish *wish = &change->peer_wishes[i];

		if (wish->present == present && wish->goes_first == first && set(change, wish))
			return FAILED;
	}
	return DONE;
}

static int each_prefix(struct change *change, enum phase phase,
		       int (*set)(struct change *change, const struct prefix_wish *wish))
{
	for (size_t i = 0; i < change->wish_count; i++) {
		if (change->wishes[i].phase == phase && set(change, &change->wishes[i]))
			return FAILED;
	}
	return DONE;
}

/*
 * A killed process leaves what attach can finish: the record is there before the prefix, the prefix before the route
 * into it, and in reverse where they go.
 */
static int make_routed(struct change *change, enum phase phase)
{
	return each_prefix(change, phase, set_record) || each_prefix(change, phase, set_prefix) ||
			       each_prefix(change, phase, set_route)
		       ? FAILED
		       : DONE;
}

static int make_unrouted(struct change *change, enum phase phase)
{
	return each_prefix(change, phase, drop_route) || each_prefix(change, phase, set_prefix) ||
			       each_prefix(change, phase, set_record)
		       ? FAILED
		       : DONE;
}

static int make_peers(struct change *change)
{
	return each_peer(change, true, false, set_peer_src) || each_peer(change, true, false, set_peer) ? FAILED : DONE;
}

static int take_peers(struct change *change, bool first)
{
	return each_peer(change, false, first, set_peer) || each_peer(change, false, first, set_peer_src) ? FAILED
													  : DONE;
}

/*
 * A peer comes before its prefixes and goes after them: a prefix without its peer drops what it holds. What goes waits
 * for what comes, if that has anything to do with it, so that the packets of a prefix that is divided, or joined with
 * others, always find one.
 */
static int queue(struct change *change)
{
	return make_unrouted(change, PHASE_GO_FIRST) || take_peers(change, true) || make_peers(change) ||
			       make_routed(change, PHASE_ROUTED) || make_unrouted(change, PHASE_UNROUTED) ||
			       make_unrouted(change, PHASE_GO) || make_routed(change, PHASE_LATE_ROUTED) ||
			       make_unrouted(change, PHASE_LATE_UNROUTED) || take_peers(change, false)
		       ? FAILED
		       : DONE;
}

/* What is taken away gives its room back only later. */
static int reserve(struct change *change)
{
	struct attachment *attachment = change->attachment;
	size_t more = 0;

	for (size_t i = 0; i < change->wish_count; i++) {
		const struct prefix_wish *wish = &change->wishes[i];

		more += wish->present && wish->routed && !wish->recorded;
	}
	return route_records_reserve(&change->records, &attachment->maps, attachment->folder, more);
}

static int route_failed(const struct change *change, const struct route *route, int error)
{
	const char *device = change->attachment->name.device;
	struct prefix_key key = { .prefixlen = route->prefixlen };
	char name[PREFIX_TEXT];

	address_bytes(route->dst, key.addr);
	prefix_format(&key, name);
	if (error == -ENETDOWN)
		return fail("cannot make the route %s: %s is down, 'ip link set %s up'", name, device, device);
	if (error == -ENODEV)
		return fail("cannot change the route %s: the device %s is gone", name, device);
	return fail("cannot change the route %s: %s (%s)", name, strerror(-error),
		    netlink_reason(change->session->netlink));
}

static const char *map_name(const struct maps *maps, int fd)
{
	if (fd == maps->prefixes)
		return "prefixes";
	if (fd == maps->routes)
		return "routes";
	if (fd == maps->routes2)
		return "routes2";
	return fd == maps->peers ? "peers" : "peer_src";
}

static int map_failed(const struct change *change, const struct journal_failure *failure)
{
	const char *name = map_name(&change->attachment->maps, failure->fd);
	char what[PREFIX_TEXT];

	if (failure->fd == change->attachment->maps.routes2)
		return fail("cannot write the map '%s': %s", name, strerror(-failure->error));
	if (failure->key_size == sizeof(struct prefix_key))
		prefix_format(failure->key, what);
	else
		peer_name(failure->key, what);
	if (failure->error == -E2BIG || failure->error == -ENOSPC)
		return fail("cannot write %s: the map '%s' is full, delete what is not needed", what, name);
	return fail("cannot write %s into the map '%s': %s", what, name, strerror(-failure->error));
}

static int carry_out(struct change *change)
{
	struct journal_failure failure;

	if (!journal_flush(&change->journal, &failure))
		return DONE;
	if (failure.route)
		return route_failed(change, failure.route, failure.error);
	return map_failed(change, &failure);
}

/* A failure is no harm: else the peer's first packet makes them. */
static void make_counters(const struct change *change)
{
	for (size_t i = 0; i < change->peer_wish_count; i++) {
		const struct peer_wish *wish = &change->peer_wishes[i];

		if (wish->present && !peers_find(&change->peers, wish->key.remote))
			counters_make_peer(change->attachment->maps.peer_counters, &wish->key);
	}
}

int change_apply(struct change *change)
{
	if (!reserve(change) && !queue(change) && !carry_out(change)) {
		make_counters(change);
		return DONE;
	}
	change_undo(change);
	return FAILED;
}

void change_undo(struct change *change)
{
	journal_undo(&change->journal);
	sweep(change);
}

void change_keep(struct change *change)
{
	change_warn(change);
	sweep(change);
}

int change_carry_out(struct change *change)
{
	if (change_check(change) || change_apply(change))
		return FAILED;
	change_keep(change);
	return DONE;
}
