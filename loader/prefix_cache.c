/* SPDX-License-Identifier: GPL-2.0-only */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>

#include "fail.h"
#include "prefix_cache.h"

/* Without a cache a single one: each has its room on each CPU. */
static __u32 entries_for(const struct meta *meta)
{
	return meta->cache ? PREFIX_CACHE_MAX : 1;
}

bool prefix_cache_fits(const struct maps *maps, const struct meta *meta)
{
	struct bpf_map_info info = { 0 };
	__u32 size = sizeof(info);

	return maps->prefix_cache >= 0 && !bpf_obj_get_info_by_fd(maps->prefix_cache, &info, &size) &&
	       info.max_entries == entries_for(meta);
}

int prefix_cache_make(struct maps *maps, const struct meta *meta)
{
	int made = bpf_map_create(BPF_MAP_TYPE_PERCPU_ARRAY, "prefix_cache", sizeof(__u32), sizeof(struct cached_pair),
				  entries_for(meta), NULL);

	if (made < 0)
		return fail("cannot make the map 'prefix_cache': %s", strerror(errno));
	if (maps->prefix_cache >= 0)
		close(maps->prefix_cache);
	maps->prefix_cache = made;
	return DONE;
}

int prefix_cache_forget(const struct maps *maps)
{
	__u32 key = 0;
	__u64 count;

	/* An older layout has none. */
	if (maps->generation < 0)
		return 0;
	if (bpf_map_lookup_elem(maps->generation, &key, &count))
		return -errno;
	count++;
	return bpf_map_update_elem(maps->generation, &key, &count, BPF_ANY) ? -errno : 0;
}
