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
#include "prefixes.h"
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

static void sweep_route(const struct session *session, const struct attachment *attachment, __u32 ifindex,
			const struct prefix_key *key)
{
	const struct route route = {
		.dst = address_number(key->addr),
		.prefixlen = (__u8)key->prefixlen,
		.ifindex = ifindex,
	};
	char text[PREFIX_TEXT];
	int error = 0;

	if (attachment->meta.routes == SWITCH_ON)
		error = route_delete_tunnel(session->netlink, &route);
	if (error && error != -ESRCH)
		warn("cannot delete the route %s: %s", prefix_format(key, text), strerror(-error));
	else
		bpf_map_delete_elem(attachment->maps.routes, key);
}

static void sweep_routes(const struct session *session, const struct attachment *attachment, __u32 ifindex)
{
	struct route_records records;
	struct prefixes prefixes;

	if (attachment->maps.prefixes < 0 || prefixes_read(attachment->maps.prefixes, &prefixes))
		return;
	if (!route_records_read(attachment->maps.routes, &records)) {
		for (size_t i = 0; i < records.count; i++) {
			const struct prefix_entry *entry = prefixes_find(&prefixes, &records.list[i].key);

			if (!entry || !prefix_is_routable(&entry->prefix))
				sweep_route(session, attachment, ifindex, &records.list[i].key);
		}
		route_records_free(&records);
	}
	prefixes_free(&prefixes);
}

void sweep(const struct session *session, const struct attachment *attachment, __u32 ifindex)
{
	sweep_peers(&attachment->maps);
	sweep_routes(session, attachment, ifindex);
	listeners_sweep(&attachment->maps);
}
