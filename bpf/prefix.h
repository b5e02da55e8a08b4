/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Which prefix an address is in. While the device has a `cache`, each CPU remembers the answer for so many milliseconds:
 * what the loader changes counts at once all the same, since it counts `generation` up, and what others change once the
 * time is over.
 */
#ifndef PREFIX_H
#define PREFIX_H

#include "ipv4.h"
#include "maps.h"

/* How often the loader has changed `prefixes`. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} generation SEC(".maps");

/* Each address has its place. The loader makes them all if there is a `cache`, else a single one to save the memory. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, PREFIX_CACHE_MAX);
	__type(key, __u32);
	__type(value, struct cached_pair);
} prefix_cache SEC(".maps");

/* The longest prefix that holds the address, or NULL: asked of the map, as the few do for whom speed is nothing. */
static __always_inline struct prefix *prefix_look_up(__be32 address)
{
	struct prefix_key key = { .prefixlen = 32 };

	__builtin_memcpy(key.addr, &address, sizeof(key.addr));
	return bpf_map_lookup_elem(&prefixes, &key);
}

/* A multiplication by 2^32 divided by the golden ratio spreads neighbouring addresses. */
static __always_inline __u32 prefix_cache_place(__be32 address)
{
	return bpf_ntohl(address) * 2654435769U >> 19;
}

_Static_assert(PREFIX_CACHE_MAX == 1 << (32 - 19), "the places that there are");

/* Of what is asked now. */
struct moment {
	__u64 generation;
	__u64 time; /* in ticks */
	__u64 ticks;
};

static __always_inline bool cached_is_good(const struct cached_prefix *cached, __be32 address, const struct moment *now)
{
	return cached->address == address && cached->generation == now->generation &&
	       now->time - cached->since < now->ticks;
}

static __always_inline void cached_renew(struct cached_prefix *cached, __be32 address, const struct moment *now)
{
	const struct prefix *prefix = prefix_look_up(address);

	cached->found = prefix != NULL;
	if (prefix)
		cached->prefix = *prefix;
	cached->address = address;
	cached->generation = now->generation;
	cached->since = now->time;
}

/*
 * Sees to it that this CPU remembers which prefix an address is in, from less than `ticks` ticks ago, the one that has
 * begun counting whole. Returns which of its place's entries says so, or -1 if there is none. A global function, which the
 * verifier looks at once, wherever the question is asked. By ticks, as the clock costs more than a lookup may (seen on
 * Linux 6.18: 84 ns against 1).
 */
__noinline int prefix_remember(__be32 address, __u64 ticks)
{
	__u32 place = prefix_cache_place(address), key = 0;
	struct cached_pair *pair = bpf_map_lookup_elem(&prefix_cache, &place);
	__u64 *count = bpf_map_lookup_elem(&generation, &key);
	struct moment now;

	if (!pair || !count)
		return -1;
	/* Read before the prefix is: what changes meanwhile makes the answer old. */
	now = (struct moment){ .generation = *count, .time = bpf_jiffies64(), .ticks = ticks };
	if (cached_is_good(&pair->entries[0], address, &now))
		return 0;
	if (cached_is_good(&pair->entries[1], address, &now))
		return 1;
	/* The newer of the two stays. */
	pair->entries[1] = pair->entries[0];
	cached_renew(&pair->entries[0], address, &now);
	return 0;
}

/* As prefix_look_up(), from memory if the device has a `cache`. */
static __always_inline struct prefix *prefix_find(const struct meta *device, __be32 address)
{
	__u32 place = prefix_cache_place(address);
	struct cached_prefix *cached;
	struct cached_pair *pair;
	int entry;

	if (!device->cache)
		return prefix_look_up(address);
	entry = prefix_remember(address, (__u64)device->cache * features.ticks >> TICKS_MS_SHIFT);
	pair = bpf_map_lookup_elem(&prefix_cache, &place);
	if (!pair || entry < 0)
		return prefix_look_up(address);
	cached = entry ? &pair->entries[1] : &pair->entries[0];
	return cached->found ? &cached->prefix : NULL;
}

/* False if `bare` is neither 0 nor 1, or a reserved byte is not 0. */
static __always_inline bool prefix_is_valid(const struct prefix *prefix)
{
	return prefix->bare <= 1 && !prefix->reserved[0] && !prefix->reserved[1] && !prefix->reserved[2];
}

/* An exception: through no tunnel. What is not written rightly is none. */
static __always_inline bool prefix_is_bare(const struct prefix *prefix)
{
	return prefix->bare && prefix_is_valid(prefix);
}

static __always_inline bool prefix_belongs_to(const struct prefix *prefix, __be32 remote)
{
	return prefix && prefix_is_valid(prefix) && !prefix->bare && address_of(prefix->remote) == remote;
}

#endif
