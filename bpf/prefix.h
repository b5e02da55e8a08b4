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

/* Each address has one place. The loader makes them all if there is a `cache`, else a single one to save the memory. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, PREFIX_CACHE_MAX);
	__type(key, __u32);
	__type(value, struct cached_prefix);
} prefix_cache SEC(".maps");

static __always_inline struct prefix *prefix_look_up(__be32 address)
{
	struct prefix_key key = { .prefixlen = 32 };

	__builtin_memcpy(key.addr, &address, sizeof(key.addr));
	return bpf_map_lookup_elem(&prefixes, &key);
}

/* A multiplication by 2^32 divided by the golden ratio spreads neighbouring addresses. */
static __always_inline __u32 prefix_cache_place(__be32 address)
{
	return bpf_ntohl(address) * 2654435769U >> 18;
}

_Static_assert(PREFIX_CACHE_MAX == 1 << (32 - 18), "the places that there are");

/* As prefix_look_up(), from memory if it is at most `max_age` nanoseconds old. */
static __always_inline struct prefix *prefix_remember(__be32 address, __u64 max_age)
{
	__u32 place = prefix_cache_place(address), key = 0;
	struct cached_prefix *cached = bpf_map_lookup_elem(&prefix_cache, &place);
	__u64 *counted = bpf_map_lookup_elem(&generation, &key), current, now;
	const struct prefix *prefix;

	if (!cached || !counted)
		return prefix_look_up(address);
	/* Both are read before the prefix is: what changes meanwhile makes the answer old. */
	current = *counted;
	now = bpf_ktime_get_ns();
	if (cached->address != address || cached->generation != current || now - cached->since > max_age) {
		prefix = prefix_look_up(address);
		cached->found = prefix != NULL;
		if (prefix)
			cached->prefix = *prefix;
		cached->address = address;
		cached->generation = current;
		cached->since = now;
	}
	return cached->found ? &cached->prefix : NULL;
}

/* The longest prefix that holds the address, or NULL. */
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
