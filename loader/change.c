/* SPDX-License-Identifier: GPL-2.0-only */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "address.h"
#include "change.h"
#include "change_order.h"
#include "fail.h"
#include "loop.h"
#include "sorting.h"

/* Bytes of the outer header. */
#define OVERHEAD 20

int change_begin(struct change *change, const struct session *session, struct attachment *attachment,
		 const struct link *link)
{
	memset(change, 0, sizeof(*change));
	change->session = session;
	change->attachment = attachment;
	change->link = *link;
	change->journal.netlink = session->netlink;
	change->journal.maps = &attachment->maps;
	if (!prefixes_read(attachment->maps.prefixes, &change->prefixes) &&
	    !route_records_read(&attachment->maps, &change->records) &&
	    !peers_read(attachment->maps.peers, &change->peers) && !fib_read(session->netlink, &change->fib))
		return DONE;
	change_end(change);
	return FAILED;
}

/* Both are sorted. */
static void match_prefixes(struct change *change)
{
	const struct prefixes *prefixes = &change->prefixes;

	for (size_t i = 0, j = 0; i < change->wish_count; i++) {
		struct prefix_wish *wish = &change->wishes[i];

		while (j < prefixes->count && prefix_compare(&prefixes->list[j].key, &wish->key) < 0)
			j++;
		wish->before = NULL;
		if (j < prefixes->count && !prefix_compare(&prefixes->list[j].key, &wish->key))
			wish->before = &prefixes->list[j];
	}
}

static void match_records(struct change *change)
{
	const struct route_records *records = &change->records;

	for (size_t i = 0, j = 0; i < change->wish_count; i++) {
		struct prefix_wish *wish = &change->wishes[i];

		while (j < records->count && prefix_compare(&records->list[j].key, &wish->key) < 0)
			j++;
		wish->recorded = NULL;
		if (j < records->count && !prefix_compare(&records->list[j].key, &wish->key))
			wish->recorded = &records->list[j];
	}
}

int change_read_records(struct change *change)
{
	route_records_free(&change->records);
	if (route_records_read(&change->attachment->maps, &change->records))
		return FAILED;
	match_records(change);
	return DONE;
}

static int begin_on_device(struct change *change, const struct session *session, struct attachment *attachment)
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

static int carry_out(const struct session *session, struct attachment *attachment, change_wishes wish,
		     const void *request)
{
	struct change change;
	int result;

	if (begin_on_device(&change, session, attachment))
		return FAILED;
	result = wish(&change, request);
	if (!result)
		result = change_carry_out(&change);
	change_end(&change);
	return result;
}

int change_run(struct session *session, const char *device, change_wishes wish, const void *request)
{
	struct attachment attachment;
	int result;

	if (session_open(session, SESSION_CHANGE))
		return FAILED;
	result = attachment_require(session, device, &attachment);
	if (!result) {
		result = carry_out(session, &attachment, wish, request);
		attachment_close(&attachment);
	}
	session_close(session);
	return result;
}

/* Gives `list` room for one more than `count`. */
static int make_room(void **list, size_t size, size_t count, size_t *room)
{
	size_t more = *room ? 2 * *room : 16;
	void *longer;

	if (count < *room)
		return DONE;
	longer = realloc(*list, more * size);
	if (!longer)
		return fail("out of memory");
	*list = longer;
	*room = more;
	return DONE;
}

int change_wish_peer(struct change *change, const struct peer_wish *wish)
{
	void *list = change->peer_wishes;
	int result = make_room(&list, sizeof(*wish), change->peer_wish_count, &change->peer_wish_room);

	change->peer_wishes = list;
	if (!result)
		change->peer_wishes[change->peer_wish_count++] = *wish;
	return result;
}

int change_wish_prefix(struct change *change, const struct prefix_wish *wish)
{
	void *list = change->wishes;
	int result = make_room(&list, sizeof(*wish), change->wish_count, &change->wish_room);

	change->wishes = list;
	if (result)
		return result;
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

static int compare_peers(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct peer_key));
}

struct peer_wish *change_find_peer_wish(const struct change *change, const __u8 remote[4])
{
	if (!change->peer_wish_count)
		return NULL;
	return bsearch(remote, change->peer_wishes, change->peer_wish_count, sizeof(*change->peer_wishes),
		       compare_peers);
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
	if (!wish->key.prefixlen)
		return fail(
			"the kernel has a route %s that others made: the prefixes 0.0.0.0/1 and 128.0.0.0/1 go before "
			"it, or use 'routes off'",
			prefix);
	return fail("the kernel has a route %s that others made: delete it, or use 'routes off'", prefix);
}

bool change_has_routes(const struct change *change)
{
	for (size_t i = 0; i < change->wish_count; i++) {
		if (change->wishes[i].present && change->wishes[i].routed)
			return change->attachment->meta.routes == SWITCH_ON;
	}
	return false;
}

int change_check_source(struct change *change, const __u8 src[4])
{
	char text[ADDRESS_TEXT];

	if (address_is_zero(src) || change->attachment->meta.routes != SWITCH_ON ||
	    !memcmp(src, change->checked_src, sizeof(change->checked_src)))
		return DONE;
	if (route_is_local(change->session->netlink, address_number(src))) {
		memcpy(change->checked_src, src, sizeof(change->checked_src));
		return DONE;
	}
	address_format(src, text);
	return fail("src %s is no address of this host: 'ip address add %s/32 dev lo' makes it one", text, text);
}

static void sort_wishes(struct change *change)
{
	sort(change->wishes, change->wish_count, sizeof(*change->wishes), compare);
	sort(change->peer_wishes, change->peer_wish_count, sizeof(*change->peer_wishes), compare_peers);
}

static int find_ways(struct change *change)
{
	const struct peers *peers = &change->peers;

	if (ways_make(&change->ways, change->peer_wish_count + peers->count))
		return FAILED;
	for (size_t i = 0; i < change->peer_wish_count; i++)
		ways_add(&change->ways, change->peer_wishes[i].key.remote);
	for (size_t i = 0; i < peers->count; i++) {
		if (!change_find_peer_wish(change, peers->list[i].key.remote))
			ways_add(&change->ways, peers->list[i].key.remote);
	}
	ways_sort(&change->ways);
	return DONE;
}

/* The source that was set for a peer, or is wished for. */
static void peer_source(const struct change *change, const __u8 remote[4], __u8 src[4])
{
	const struct peer_wish *wish = change_find_peer_wish(change, remote);

	if (wish)
		memcpy(src, wish->src, 4);
	else
		peer_src_read(change->attachment->maps.peer_src, remote, src);
}

/* What is left inside of the way to the peer. */
static __u32 inner_mtu(const struct change *change, const __u8 remote[4])
{
	__be32 source;
	__u32 mtu;

	if (route_source(change->session->netlink, address_number(remote), &source, &mtu))
		mtu = change->link.mtu;
	return mtu > OVERHEAD ? mtu - OVERHEAD : mtu;
}

static void ask_way(const struct change *change, struct way *way)
{
	__u8 src[4];

	if (way->asked)
		return;
	peer_source(change, way->remote, src);
	way->src = address_number(address_is_zero(src) ? change->attachment->meta.src : src);
	way->mtu = inner_mtu(change, way->remote);
	way->asked = true;
}

/* `unknown` is for a prefix that people wrote, with no peer. */
static struct way *find_way(const struct change *change, const struct prefix_wish *wish, struct way *unknown)
{
	struct way *way = ways_find(&change->ways, wish->prefix.remote);

	if (!way) {
		way = unknown;
		memcpy(way->remote, wish->prefix.remote, 4);
	}
	ask_way(change, way);
	return way;
}

/* The source that its route is to have: without it the kernel makes none. */
static int check_route_source(struct change *change, const struct prefix_wish *wish)
{
	struct way unknown = { 0 }, *way;
	__u8 src[4];

	if (!wish->present || !wish->routed || change->attachment->meta.routes != SWITCH_ON)
		return DONE;
	if (!address_is_zero(wish->record.src))
		return change_check_source(change, wish->record.src);
	way = find_way(change, wish, &unknown);
	if (way->checked)
		return DONE;
	way->checked = true;
	address_bytes(way->src, src);
	return change_check_source(change, src);
}

static int check_wishes(struct change *change)
{
	for (size_t i = 0; i < change->wish_count; i++) {
		const struct prefix_wish *wish = &change->wishes[i];

		if (check_same_route(change, wish) || check_route_source(change, wish))
			return FAILED;
	}
	for (size_t i = 0; i < change->peer_wish_count; i++) {
		const struct peer_wish *wish = &change->peer_wishes[i];

		if (wish->present && change_check_source(change, wish->src))
			return FAILED;
	}
	return DONE;
}

int change_check(struct change *change)
{
	sort_wishes(change);
	match_prefixes(change);
	match_records(change);
	return change_order(change) || find_ways(change) || check_wishes(change) ? FAILED : loop_check(change);
}

const struct route *change_route_before(const struct change *change, const struct prefix_wish *wish)
{
	return fib_find_tunnel(&change->fib, &wish->key, change->link.ifindex);
}

struct route change_route(struct change *change, const struct prefix_wish *wish)
{
	const struct route *before = change_route_before(change, wish);
	struct way unknown = { 0 };
	const struct way *way = find_way(change, wish, &unknown);
	struct route route = {
		.dst = address_number(wish->key.addr),
		.prefixlen = (__u8)wish->key.prefixlen,
		.ifindex = change->link.ifindex,
		.priority = before ? before->priority : 0,
	};

	/* Of prefix, peer and device the first that names one. */
	route.src = address_is_zero(wish->record.src) ? way->src : address_number(wish->record.src);
	route.mtu = way->mtu;
	return route;
}

void change_end(struct change *change)
{
	journal_free(&change->journal);
	ways_free(&change->ways);
	free(change->peer_wishes);
	free(change->wishes);
	prefixes_free(&change->prefixes);
	route_records_free(&change->records);
	peers_free(&change->peers);
	fib_free(&change->fib);
}
