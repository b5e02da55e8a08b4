/* SPDX-License-Identifier: GPL-2.0-only */
#include <stdlib.h>
#include <string.h>

#include "address.h"
#include "change_warnings.h"
#include "fail.h"
#include "host_addresses.h"
#include "outside.h"

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

void change_warn_local(const struct change *change, const __u8 local[4])
{
	char address[ADDRESS_TEXT];

	if (!route_is_local(change->session->netlink, address_number(local)))
		warn("local %s is no address of this host", address_format(local, address));
}

static int compare(const void *a, const void *b)
{
	return memcmp(a, b, 4);
}

/* Once for each address, which many peers may have in common. */
static void warn_of_locals(const struct change *change)
{
	__u8(*locals)[4] = calloc(change->peer_wish_count + 1, sizeof(*locals));
	size_t count = 0;

	if (!locals)
		return;
	for (size_t i = 0; i < change->peer_wish_count; i++) {
		const struct peer_wish *wish = &change->peer_wishes[i];

		if (wish->present && !address_is_zero(wish->peer.local))
			memcpy(locals[count++], wish->peer.local, 4);
	}
	qsort(locals, count, sizeof(*locals), compare);
	for (size_t i = 0; i < count; i++) {
		if (!i || memcmp(locals[i], locals[i - 1], 4))
			change_warn_local(change, locals[i]);
	}
	free(locals);
}

/* Whether the change made this prefix, or made it another's. */
static bool is_new(const struct prefix_wish *wish)
{
	return wish && wish->present &&
	       (!wish->before || memcmp(&wish->before->prefix, &wish->prefix, sizeof(wish->prefix)));
}

/* What the change made of the prefixes that hold this one, itself among them; NULL if nothing. */
static const struct prefix_wish *find_new(const struct change *change, const struct prefix_key *key)
{
	for (__u32 prefixlen = 0; prefixlen <= key->prefixlen; prefixlen++) {
		const struct prefix_key holder = prefix_of(key->addr, prefixlen);
		const struct prefix_wish *wish = change_find_wish(change, &holder);

		if (is_new(wish))
			return wish;
	}
	return NULL;
}

/* A prefix that goes through no tunnel. */
static void warn_lost(const struct change *change, const struct prefix_key *key)
{
	char prefix[PREFIX_TEXT], swallow[PREFIX_TEXT], way[OUTSIDE_WAY_TEXT];
	struct prefix_key holder;
	struct route route;
	__u8 address[4];

	if (!find_new(change, key) || !outside_is_lost(change->session->netlink, key, change->link.ifindex, &route))
		return;
	address_bytes(route.dst, address);
	holder = prefix_of(address, route.prefixlen);
	prefix_format(key, prefix);
	if (*outside_way(&change->fib, key->addr, way))
		warn("%s goes through no tunnel, but the kernel's route %s leads it into one, and it is lost: 'ip route "
		     "add %s%s' gives it a way",
		     prefix, prefix_format(&holder, swallow), prefix, way);
	else
		warn("%s goes through no tunnel, but the kernel's route %s leads it into one, and it is lost: give it a "
		     "route of its own",
		     prefix, prefix_format(&holder, swallow));
}

static void warn_of_lost(const struct change *change)
{
	for (size_t i = 0; i < change->wish_count; i++) {
		const struct prefix_wish *wish = &change->wishes[i];

		if (wish->present && !prefix_is_routable(&wish->prefix))
			warn_lost(change, &wish->key);
	}
	for (size_t i = 0; i < change->prefixes.count; i++) {
		const struct prefix_entry *entry = &change->prefixes.list[i];

		if (!prefix_is_routable(&entry->prefix) && !change_find_wish(change, &entry->key))
			warn_lost(change, &entry->key);
	}
}

/* The longest prefix that holds a whole network, if the change made it and it is a peer's; else NULL. */
static const struct prefix_wish *find_swallow(const struct change *change, const struct prefix_key *network)
{
	for (int prefixlen = (int)network->prefixlen; prefixlen >= 0; prefixlen--) {
		const struct prefix_key key = prefix_of(network->addr, (__u32)prefixlen);
		const struct prefix_wish *wish = change_find_wish(change, &key);

		if (wish && wish->present)
			return is_new(wish) && prefix_is_routable(&wish->prefix) ? wish : NULL;
		if (!wish && prefixes_find(&change->prefixes, &key))
			return NULL;
	}
	return NULL;
}

/* A network that the device itself is in: without an exception the tunnel takes what is for its hosts. */
static void warn_own_network(const struct change *change, const struct host_address *own)
{
	const struct prefix_key key = prefix_of(own->address, own->prefixlen);
	const struct prefix_wish *wish = find_swallow(change, &key);
	char prefix[PREFIX_TEXT], network[PREFIX_TEXT];

	if (!wish)
		return;
	prefix_format(&key, network);
	warn("the prefix %s holds %s, a network of %s itself: what is sent there is wrapped too, and what comes from "
	     "there refused; 'ipipbpf prefix add %s %s bare' excepts it",
	     prefix_format(&wish->key, prefix), network, change->link.name, change->link.name, network);
}

static void warn_of_own_networks(const struct change *change)
{
	struct host_addresses addresses = { 0 };

	if (!change->wish_count || host_addresses_read(change->session->netlink, &addresses))
		return;
	for (size_t i = 0; i < addresses.count; i++) {
		const struct host_address *own = &addresses.list[i];

		if (own->ifindex == change->link.ifindex && own->prefixlen < 32)
			warn_own_network(change, own);
	}
	host_addresses_free(&addresses);
}

void change_warn(const struct change *change)
{
	warn_unsourced(change);
	warn_of_locals(change);
	warn_of_lost(change);
	warn_of_own_networks(change);
}
