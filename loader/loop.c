/* SPDX-License-Identifier: GPL-2.0-only */
#include <linux/rtnetlink.h>
#include <string.h>

#include "address.h"
#include "change.h"
#include "fail.h"
#include "loop.h"

/* Who leads the packets for a remote into the tunnel once the change is done. */
struct swallow {
	struct prefix_key prefix;
	bool by_change; /* a route that the change makes; else one that is there already */
};

/* The route of this very prefix that stays: the one that the change takes away does not count. */
static const struct route *remaining_route(const struct change *change, const struct prefix_key *key,
					   const struct prefix_wish *wish)
{
	if (wish && !change_wants_route(change, wish))
		return fib_find_other(&change->fib, key, change->link.ifindex);
	return fib_find_best(&change->fib, key);
}

/* Longest match in the main table as it will be. True if it is a route into a tunnel. */
static bool finds_swallow(const struct change *change, const __u8 remote[4], struct swallow *swallow)
{
	for (int prefixlen = 32; prefixlen >= 0; prefixlen--) {
		const struct prefix_key key = prefix_of(remote, (__u32)prefixlen);
		const struct prefix_wish *wish = change_find_wish(change, &key);
		const struct route *route = remaining_route(change, &key, wish);

		swallow->prefix = key;
		swallow->by_change = change_wants_route(change, wish) && !(route && route_is_tunnel(route));
		if (swallow->by_change || route)
			return swallow->by_change || route_is_tunnel(route);
	}
	return false;
}

/* Whether the kernel finds the remote elsewhere than in the main table: its own addresses, or a rule's table. */
static bool is_routed_before_main(const struct change *change, const __u8 remote[4])
{
	struct route route;

	return !route_lookup(change->session->netlink, address_number(remote), &route) && route.table &&
	       route.table != RT_TABLE_MAIN && route.table != RT_TABLE_DEFAULT;
}

static int refuse(const struct swallow *swallow, const __u8 remote[4])
{
	char prefix[PREFIX_TEXT], peer[ADDRESS_TEXT];

	prefix_format(&swallow->prefix, prefix);
	address_format(remote, peer);
	if (swallow->by_change)
		return fail("a loop: the route %s would lead to the peer %s through the tunnel, "
			    "add a longer route to %s first, or use 'routes off'",
			    prefix, peer, peer);
	return fail("a loop: the route %s leads to the peer %s through the tunnel, add a longer route to %s first",
		    prefix, peer, peer);
}

/* A peer that is there already is only looked at for the routes that the change makes. */
static int check_remote(const struct change *change, const __u8 remote[4], bool is_new)
{
	struct swallow swallow;

	if (address_is_zero(remote) || !finds_swallow(change, remote, &swallow) || (!is_new && !swallow.by_change) ||
	    is_routed_before_main(change, remote))
		return DONE;
	return refuse(&swallow, remote);
}

static int check_peers(const struct change *change, const struct peers *peers)
{
	for (size_t i = 0; i < peers->count; i++) {
		if (check_remote(change, peers->list[i].key.remote, false))
			return FAILED;
	}
	return DONE;
}

/* The peers that are there and stay. */
static int check_own_peers(const struct change *change)
{
	for (size_t i = 0; i < change->peers.count; i++) {
		const __u8 *remote = change->peers.list[i].key.remote;
		const struct peer_wish *wish = change_find_peer_wish(change, remote);

		if ((!wish || wish->present) && check_remote(change, remote, false))
			return FAILED;
	}
	return DONE;
}

/* A route into one attachment's tunnel swallows the peers of the others in this namespace as well. */
static int check_other_attachments(const struct change *change)
{
	struct attachments others;
	struct peers peers;
	int result = DONE;

	if (attachments_open(change->session, false, &others))
		return FAILED;
	for (size_t i = 0; i < others.count && !result; i++) {
		if (!strcmp(others.list[i].folder, change->attachment->folder))
			continue;
		result = peers_read(others.list[i].maps.peers, &peers);
		if (result)
			break;
		result = check_peers(change, &peers);
		peers_free(&peers);
	}
	attachments_close(&others);
	return result;
}

static int check_own_address(const struct change *change, const __u8 remote[4])
{
	char peer[ADDRESS_TEXT];
	struct route route;

	if (address_is_zero(remote) || route_lookup(change->session->netlink, address_number(remote), &route))
		return DONE;
	address_format(remote, peer);
	if (route.type == RTN_LOCAL)
		return fail("remote %s is an address of this host: give the far end's", peer);
	if (route.type == RTN_BROADCAST)
		return fail("remote %s is a broadcast address here: give the far end's own", peer);
	return DONE;
}

static int check_new_peers(const struct change *change)
{
	for (size_t i = 0; i < change->peer_wish_count; i++) {
		const struct peer_wish *wish = &change->peer_wishes[i];
		const __u8 *remote = wish->key.remote;

		if (wish->present && !peers_find(&change->peers, remote) &&
		    (check_own_address(change, remote) || check_remote(change, remote, true)))
			return FAILED;
	}
	return DONE;
}

int loop_check(const struct change *change)
{
	if (check_new_peers(change))
		return FAILED;
	if (!change->wish_count)
		return DONE;
	return check_own_peers(change) || check_other_attachments(change) ? FAILED : DONE;
}
