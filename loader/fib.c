/* SPDX-License-Identifier: GPL-2.0-only */
#include <stdlib.h>
#include <string.h>

#include "address.h"
#include "fail.h"
#include "fib.h"

static int compare(const void *a, const void *b)
{
	const struct route *left = a, *right = b;
	int order = memcmp(&left->dst, &right->dst, sizeof(left->dst));

	if (!order)
		order = (int)left->prefixlen - right->prefixlen;
	if (!order)
		order = left->priority < right->priority ? -1 : left->priority > right->priority;
	return order;
}

struct growth {
	struct fib *fib;
	size_t room;
};

static int add(const struct route *route, void *argument)
{
	struct growth *growth = argument;
	struct fib *fib = growth->fib;

	if (fib->count == growth->room) {
		size_t room = growth->room ? 2 * growth->room : 64;
		struct route *longer = realloc(fib->list, room * sizeof(*longer));

		if (!longer)
			return FAILED;
		fib->list = longer;
		growth->room = room;
	}
	fib->list[fib->count++] = *route;
	return 0;
}

int fib_read(struct netlink *netlink, struct fib *fib)
{
	struct growth growth = { .fib = fib };
	int error;

	*fib = (struct fib){ 0 };
	error = route_each(netlink, add, &growth);
	if (error) {
		fib_free(fib);
		return fail("cannot read the kernel's routes: %s", strerror(-error));
	}
	if (fib->count)
		qsort(fib->list, fib->count, sizeof(*fib->list), compare);
	return DONE;
}

void fib_free(struct fib *fib)
{
	free(fib->list);
	*fib = (struct fib){ 0 };
}

/* Where the routes of a prefix begin: the first that is not before it. */
static size_t first_of(const struct fib *fib, const struct route *wanted)
{
	size_t low = 0, high = fib->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (compare(&fib->list[middle], wanted) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* Calls `matches` for the routes of one prefix, best first; gives the first that it accepts. */
static const struct route *find(const struct fib *fib, const struct prefix_key *key, __u32 ifindex,
				bool (*matches)(const struct route *route, __u32 ifindex))
{
	const struct route wanted = { .dst = address_number(key->addr), .prefixlen = (__u8)key->prefixlen };

	for (size_t i = first_of(fib, &wanted); i < fib->count; i++) {
		const struct route *route = &fib->list[i];

		if (route->dst != wanted.dst || route->prefixlen != wanted.prefixlen)
			break;
		if (matches(route, ifindex))
			return route;
	}
	return NULL;
}

static bool is_tunnel_on(const struct route *route, __u32 ifindex)
{
	return route_is_tunnel(route) && route->ifindex == ifindex;
}

static bool is_other(const struct route *route, __u32 ifindex)
{
	return !is_tunnel_on(route, ifindex);
}

static bool is_any(const struct route *route, __u32 ifindex)
{
	(void)route;
	(void)ifindex;
	return true;
}

const struct route *fib_find_tunnel(const struct fib *fib, const struct prefix_key *key, __u32 ifindex)
{
	return find(fib, key, ifindex, is_tunnel_on);
}

const struct route *fib_find_other(const struct fib *fib, const struct prefix_key *key, __u32 ifindex)
{
	return find(fib, key, ifindex, is_other);
}

static bool is_no_tunnel(const struct route *route, __u32 ifindex)
{
	(void)ifindex;
	return !route_is_tunnel(route);
}

const struct route *fib_find_way(const struct fib *fib, const __u8 address[4])
{
	for (int prefixlen = 32; prefixlen >= 0; prefixlen--) {
		const struct prefix_key key = prefix_of(address, (__u32)prefixlen);
		const struct route *route = find(fib, &key, 0, is_no_tunnel);

		if (route)
			return route;
	}
	return NULL;
}

const struct route *fib_find_best(const struct fib *fib, const struct prefix_key *key)
{
	return find(fib, key, 0, is_any);
}
