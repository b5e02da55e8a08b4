/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Soft state of the way to a peer (RFC 2003 5): the path MTU that ICMP errors told (RFC 1191), and an error that is owed
 * to the peer's next sender. It ages by the clock; an entry whose times are past is as good as none.
 */
#ifndef PATH_H
#define PATH_H

#include "clock.h"
#include "maps.h"

/* How long an error is owed: as long as Linux's own tunnels remember one (IPTUNNEL_ERR_TIMEO). */
#define ERROR_OWED_NS (30 * SECOND_NS)

/* Outer address of the far end -> what errors told of the way there. Made by the first error, for known peers alone. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, PEERS_MAX);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct peer_key);
	__type(value, struct path);
} paths SEC(".maps");

/* Until when any entry of `paths` counts, so that while there is no news no packet pays for looking. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} paths_until SEC(".maps");

/* What is known of the way to `remote`, or NULL; `*now` is then the time to hold it against. */
static __always_inline struct path *path_find(__be32 remote, __u64 *now)
{
	__u32 key = 0;
	__u64 *until = bpf_map_lookup_elem(&paths_until, &key);

	if (!until || !*until)
		return NULL;
	*now = bpf_ktime_get_ns();
	return *now < *until ? bpf_map_lookup_elem(&paths, &remote) : NULL;
}

/* The path MTU that an error told, or 0. */
static __always_inline __u32 path_mtu(const struct path *path, __u64 now)
{
	return path && now < path->mtu_until ? path->mtu : 0;
}

/* True if an error is owed, which is paid thereby. */
static __always_inline bool path_owes_error(struct path *path, __u64 now)
{
	if (!path || now >= path->error_until)
		return false;
	path->error_until = 0;
	return true;
}

/* The entry of a peer, made if there is none; NULL if there is no memory for it. Its news counts until `until`. */
static __always_inline struct path *path_with_news(__be32 remote, __u64 until)
{
	struct path *path = bpf_map_lookup_elem(&paths, &remote);
	struct path unknown = {};
	__u32 key = 0;
	__u64 *any_until = bpf_map_lookup_elem(&paths_until, &key);

	if (any_until && *any_until < until)
		*any_until = until;
	if (path)
		return path;
	bpf_map_update_elem(&paths, &remote, &unknown, BPF_NOEXIST);
	return bpf_map_lookup_elem(&paths, &remote);
}

static __always_inline void path_learn_mtu(__be32 remote, __u32 mtu, __u32 expires)
{
	__u64 until = bpf_ktime_get_ns() + expires * SECOND_NS;
	struct path *path = path_with_news(remote, until);

	if (!path)
		return;
	path->mtu = mtu;
	path->mtu_until = until;
}

static __always_inline void path_owe_error(__be32 remote)
{
	__u64 until = bpf_ktime_get_ns() + ERROR_OWED_NS;
	struct path *path = path_with_news(remote, until);

	if (path)
		path->error_until = until;
}

#endif
