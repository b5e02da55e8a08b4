/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Which prefix an address is in. While the device has a `cache`, each CPU remembers the answer for so many milliseconds:
 * what the loader changes counts at once all the same, since it counts `generation` up, and what others change once the
 * time is over.
 */
#ifndef PREFIX_H
#define PREFIX_H

#include "clock.h"
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
	__u64 time;
	__u64 max_age;
};

static __always_inline bool cached_is_good(const struct cached_prefix *cached, __be32 address, const struct moment *now)
{
	return cached->address == address && cached->generation == now->generation &&
	       now->time - cached->since <= now->max_age;
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

/* As prefix_look_up(), from memory if it is at most `max_age` nanoseconds old. */
static __always_inline struct prefix *prefix_remember(__be32 address, __u64 max_age)
{
	__u32 place = prefix_cache_place(address), key = 0;
	struct cached_pair *pair = bpf_map_lookup_elem(&prefix_cache, &place);
	__u64 *count = bpf_map_lookup_elem(&generation, &key);
	struct cached_prefix *cached;
	struct moment now;

	if (!pair || !count)
		return prefix_look_up(address);
	/* Read before the prefix is: what changes meanwhile makes the answer old. */
	now = (struct moment){ .generation = *count, .time = bpf_ktime_get_ns(), .max_age = max_age };
	cached = &pair->entries[0];
	if (!cached_is_good(cached, address, &now))
		cached = &pair->entries[1];
	if (!cached_is_good(cached, address, &now)) {
		if (pair->entries[0].since < pair->entries[1].since)
			cached = &pair->entries[0];
		cached_renew(cached, address, &now);
	}
	return cached->found ? &cached->prefix : NULL;
}

/* The same, remembered if the device has a `cache`. */
static __always_inline struct prefix *prefix_find(const struct meta *device, __be32 address)
{
	return device->cache ? prefix_remember(address, device->cache * MILLISECOND_NS) : prefix_look_up(address);
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
