/* SPDX-License-Identifier: GPL-2.0-only */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/bpf.h>

#include "address.h"
#include "fail.h"
#include "listener.h"
#include "map_entries.h"
#include "peers.h"
#include "route.h"
#include "sweep.h"

/* A map whose keys are peers. */
static void sweep_peer_map(int fd, const char *name, const struct peers *peers)
{
	struct peer_key *keys;
	void *entries;
	size_t count;

	if (map_entries_read(fd, name, sizeof(*keys), 0, &entries, &count))
		return;
	keys = entries;
	for (size_t i = 0; i < count; i++) {
		if (!peers_find(peers, keys[i].remote) && bpf_map_delete_elem(fd, &keys[i]) && errno != ENOENT)
			warn("cannot clear the map '%s': %s", name, strerror(errno));
	}
	free(entries);
}

static void sweep_peers(const struct maps *maps)
{
	struct peers peers;

	if (maps->peers < 0 || peers_read(maps->peers, &peers))
		return;
	sweep_peer_map(maps->peer_counters, "peer_counters", &peers);
	sweep_peer_map(maps->peer_src, "peer_src", &peers);
	sweep_peer_map(maps->paths, "paths", &peers);
	peers_free(&peers);
}

static void sweep_route(const struct change *change, const struct route_entry *entry)
{
	const struct prefix_key *key = &entry->key;
	const struct route route = {
		.dst = address_number(key->addr),
		.prefixlen = (__u8)key->prefixlen,
		.ifindex = change->link.ifindex,
	};
	char text[PREFIX_TEXT];
	int error = 0;

	if (change->attachment->meta.routes == SWITCH_ON)
		error = route_delete_tunnel(change->session->netlink, &route);
	if (error && error != -ESRCH)
		warn("cannot delete the route %s: %s", prefix_format(key, text), strerror(-error));
	else
		route_records_forget(&change->records, entry);
}

/* By what was there before the change: the records of prefixes in it are its own affair. */
static void sweep_routes(const struct change *change)
{
	for (size_t i = 0; i < change->records.count; i++) {
		const struct route_entry *record = &change->records.list[i];
		const struct prefix_key *key = &record->key;
		const struct prefix_entry *entry = prefixes_find(&change->prefixes, key);

		if ((!entry || !prefix_is_routable(&entry->prefix)) && !change_find_wish(change, key))
			sweep_route(change, record);
	}
}

void sweep(const struct change *change)
{
	sweep_peers(&change->attachment->maps);
	sweep_routes(change);
	listeners_sweep(&change->attachment->maps);
}
