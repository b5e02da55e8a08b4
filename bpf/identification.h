/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The identification field of outer headers that may be fragmented (RFC 6864 4.2). One counter for each source and
 * destination, shared by all CPUs, so that no ID comes again before all 65,536 were used. A lock and not an atomic
 * addition: Linux 5.10 has none that returns the old value.
 */
#ifndef IDENTIFICATION_H
#define IDENTIFICATION_H

#include "maps.h"
#include <bpf/bpf_endian.h>

struct identification {
	struct bpf_spin_lock lock;
	__u32 next;
};

/* Outer source and destination -> the next free ID. Made by the first packet that needs one. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, PEERS_MAX);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct identification_key);
	__type(value, struct identification);
} identification SEC(".maps");

/* Takes `count` IDs in a row, and returns the first, in network order. */
static __always_inline __be16 identification_take(__be32 local, __be32 remote, __u32 count)
{
	struct identification start = { .next = bpf_get_prandom_u32() };
	struct identification_key key = {};
	struct identification *entry;
	__u32 id;

	__builtin_memcpy(key.local, &local, sizeof(key.local));
	__builtin_memcpy(key.remote, &remote, sizeof(key.remote));
	entry = bpf_map_lookup_elem(&identification, &key);
	if (!entry) {
		bpf_map_update_elem(&identification, &key, &start, BPF_NOEXIST);
		entry = bpf_map_lookup_elem(&identification, &key);
	}
	if (!entry)
		return bpf_htons(start.next);
	bpf_spin_lock(&entry->lock);
	id = entry->next;
	entry->next += count;
	bpf_spin_unlock(&entry->lock);
	return bpf_htons(id);
}

#endif
