/* SPDX-License-Identifier: GPL-2.0-only */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "bpffs.h"
#include "event.h"
#include "fail.h"
#include "layout.h"
#include "layouts.h"
#include "ownership.h"
#include "pins.h"
#include "verdict.h"

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

/* A capacity: as many as the kernel has CPUs. */
#define ALL_CPUS 0

struct pinned_map {
	const char *name;
	size_t field; /* its descriptor in struct maps */
	enum bpf_map_type type;
	__u32 key_size;
	__u32 value_size; /* 0: not looked at */
	__u32 capacity;
	bool loaders; /* made by the loader */
	bool optional;
	__u32 since; /* the layout that brought it */
	__u32 until; /* the last that has it; 0: all do */
};

/*
 * `meta` comes first: what is pinned beside it is ours because it is there. How large it is, its layout says
 * (layouts.h).
 */
static const struct pinned_map pinned_maps[] = {
	{ "meta", offsetof(struct maps, meta), BPF_MAP_TYPE_ARRAY, sizeof(__u32), 0, 1, false, false, 1, 0 },
	{ "meta_old", offsetof(struct maps, meta_old), BPF_MAP_TYPE_ARRAY, sizeof(__u32), 0, 1, false, true, 1, 0 },
	{ "prefixes", offsetof(struct maps, prefixes), BPF_MAP_TYPE_LPM_TRIE, sizeof(struct prefix_key),
	  sizeof(struct prefix), PREFIXES_MAX, false, false, 1, 0 },
	{ "peers", offsetof(struct maps, peers), BPF_MAP_TYPE_HASH, sizeof(struct peer_key), sizeof(struct peer),
	  PEERS_MAX, false, false, 1, 0 },
	{ "verdicts", offsetof(struct maps, verdicts), BPF_MAP_TYPE_PERCPU_ARRAY, sizeof(__u32), sizeof(__u64),
	  VERDICT_ROOM, false, false, 1, 0 },
	{ "peer_counters", offsetof(struct maps, peer_counters), BPF_MAP_TYPE_PERCPU_HASH, sizeof(struct peer_key),
	  sizeof(struct peer_counters), PEERS_MAX, false, false, 1, 0 },
	{ "identification", offsetof(struct maps, identification), BPF_MAP_TYPE_HASH, sizeof(struct identification_key),
	  0, PEERS_MAX, false, true, 1, 0 },
	{ "paths", offsetof(struct maps, paths), BPF_MAP_TYPE_HASH, sizeof(struct peer_key), sizeof(struct path),
	  PEERS_MAX, false, false, 1, 0 },
	{ "paths_until", offsetof(struct maps, paths_until), BPF_MAP_TYPE_ARRAY, sizeof(__u32), sizeof(__u64), 1, false,
	  false, 1, 0 },
	{ "listeners", offsetof(struct maps, listeners), BPF_MAP_TYPE_ARRAY, sizeof(__u32), sizeof(struct listeners), 1,
	  false, true, 2, 0 },
	{ "event_rings", offsetof(struct maps, event_rings), BPF_MAP_TYPE_ARRAY_OF_MAPS, sizeof(__u32), sizeof(__u32),
	  LISTENERS_MAX, false, true, 2, 0 },
	{ "generation", offsetof(struct maps, generation), BPF_MAP_TYPE_ARRAY, sizeof(__u32), sizeof(__u64), 1, false,
	  false, 2, 0 },
	{ "prefix_cache", offsetof(struct maps, prefix_cache), BPF_MAP_TYPE_PERCPU_ARRAY, sizeof(__u32),
	  sizeof(struct cached_pair), PREFIX_CACHE_MAX, false, false, 2, 0 },
	{ "routes", offsetof(struct maps, routes), BPF_MAP_TYPE_HASH, sizeof(struct prefix_key),
	  sizeof(struct route_record), PREFIXES_MAX, true, false, 1, ROUTES2_SINCE - 1 },
	{ "routes2", offsetof(struct maps, routes2), BPF_MAP_TYPE_ARRAY, sizeof(__u32), sizeof(struct route_place),
	  ROUTES2_FIRST, true, false, ROUTES2_SINCE, 0 },
	{ "peer_src", offsetof(struct maps, peer_src), BPF_MAP_TYPE_HASH, sizeof(struct peer_key),
	  sizeof(struct peer_src), PEERS_MAX, true, false, 1, 0 },
	{ "devices", offsetof(struct maps, devices), BPF_MAP_TYPE_DEVMAP_HASH, sizeof(__u32), sizeof(__u32),
	  DEVICES_MAX, true, false, 2, 0 },
	{ "cpus", offsetof(struct maps, cpus), BPF_MAP_TYPE_CPUMAP, sizeof(__u32), sizeof(__u32), ALL_CPUS, true, false,
	  2, 0 },
	{ "build", offsetof(struct maps, build), BPF_MAP_TYPE_ARRAY, sizeof(__u32), sizeof(struct build), 1, true, true,
	  2, 0 },
};

/* The layout that brought pinned programs. */
#define PROGRAMS_SINCE 2

/* The pin of a map, mostly `meta`, that is to take another's place. */
#define META_NEW "meta_new"

static const char *const pinned_links[] = { "link_xdp", "link_encap", "link_decap" };
static const char *const pinned_programs[] = { "program_encap", "program_encap2", "program_decap", "program_decap2" };

static int *field_of(struct maps *maps, const struct pinned_map *map)
{
	return (int *)((char *)maps + map->field);
}

static int descriptor(const struct maps *maps, const struct pinned_map *map)
{
	return *(const int *)((const char *)maps + map->field);
}

static int path_of(char path[PATH_MAX], const char *folder, const char *name)
{
	if (snprintf(path, PATH_MAX, "%s/%s", folder, name) >= PATH_MAX)
		return fail("the path %s is too long", folder);
	return DONE;
}

/* A map by its pin; to read alone if it is another's, who shares it. Returns 0 or -errno, and then *fd is -1. */
static int open_map(const char *path, int *fd, struct bpf_map_info *info)
{
	LIBBPF_OPTS(bpf_obj_get_opts, for_reading, .file_flags = BPF_F_RDONLY);
	__u32 size = sizeof(*info);
	int error;

	memset(info, 0, sizeof(*info));
	*fd = bpf_obj_get(path);
	if (*fd < 0 && errno == EACCES)
		*fd = bpf_obj_get_opts(path, &for_reading);
	if (*fd < 0)
		return -errno;
	/* Of a pinned program or link this is other information; what is asked of it then does not fit. */
	if (!bpf_obj_get_info_by_fd(*fd, info, &size))
		return 0;
	error = -errno;
	close(*fd);
	*fd = -1;
	return error;
}

int pins_open_meta(const char *folder, int *fd, unsigned int *value_size)
{
	struct bpf_map_info info;
	char path[PATH_MAX];
	int error;

	if (snprintf(path, sizeof(path), "%s/meta", folder) >= PATH_MAX)
		return -ENAMETOOLONG;
	error = open_map(path, fd, &info);
	if (error)
		return error;
	*value_size = info.value_size;
	if (info.type == BPF_MAP_TYPE_ARRAY && info.key_size == sizeof(__u32) && info.value_size >= sizeof(__u32))
		return 0;
	close(*fd);
	*fd = -1;
	return -EINVAL;
}

bool pins_has_map(const char *folder, const char *name, int map)
{
	struct bpf_map_info info;
	char path[PATH_MAX];
	int fd;

	if (path_of(path, folder, name) || open_map(path, &fd, &info))
		return false;
	close(fd);
	return info.id == map_id(map);
}

static int open_checked(const char *folder, const struct pinned_map *map, int *fd)
{
	struct bpf_map_info info;
	char path[PATH_MAX];
	int error;

	if (path_of(path, folder, map->name))
		return FAILED;
	error = open_map(path, fd, &info);
	if (error == -ENOENT)
		return DONE;
	if (error)
		return fail("cannot open %s: %s%s", path, strerror(-error), fail_as_root(-error));
	if (info.type == map->type && info.key_size == map->key_size &&
	    (!map->value_size || info.value_size == map->value_size))
		return DONE;
	close(*fd);
	*fd = -1;
	return fail("%s is not the map that this version knows: remove it, or use the version that made it", path);
}

static bool has_map(__u32 layout, const struct pinned_map *map)
{
	return map->since <= layout && (!map->until || layout <= map->until);
}

int pins_open_maps(const char *folder, struct maps *maps)
{
	*maps = maps_closed();
	for (size_t i = 0; i < COUNT(pinned_maps); i++) {
		if (open_checked(folder, &pinned_maps[i], field_of(maps, &pinned_maps[i]))) {
			pins_close_maps(maps);
			return FAILED;
		}
	}
	return DONE;
}

int pins_pin_maps(const char *folder, const struct maps *maps)
{
	char path[PATH_MAX];

	for (size_t i = 0; i < COUNT(pinned_maps); i++) {
		int fd = descriptor(maps, &pinned_maps[i]);

		if (fd < 0)
			continue;
		if (path_of(path, folder, pinned_maps[i].name))
			return FAILED;
		if (bpf_obj_pin(fd, path) && errno != EEXIST)
			return fail("cannot pin %s: %s", path, strerror(errno));
	}
	return DONE;
}

int pins_make_maps(struct maps *maps)
{
	const __u32 layout = layout_of_meta(maps->meta);

	for (size_t i = 0; i < COUNT(pinned_maps); i++) {
		const struct pinned_map *map = &pinned_maps[i];
		LIBBPF_OPTS(bpf_map_create_opts, options,
			    .map_flags = map->type == BPF_MAP_TYPE_HASH ? BPF_F_NO_PREALLOC : 0);
		int *fd = field_of(maps, map);

		if (!map->loaders || *fd >= 0 || (map->until && map->until < layout))
			continue;
		*fd = bpf_map_create(map->type, map->name, map->key_size, map->value_size,
				     map->capacity == ALL_CPUS ? (__u32)libbpf_num_possible_cpus() : map->capacity,
				     &options);
		if (*fd < 0)
			return fail("cannot make the map '%s': %s", map->name, strerror(errno));
	}
	return DONE;
}

const char *pins_missing_map(const struct maps *maps, __u32 layout)
{
	for (size_t i = 0; i < COUNT(pinned_maps); i++) {
		const struct pinned_map *map = &pinned_maps[i];

		if (!map->optional && has_map(layout, map) && descriptor(maps, map) < 0)
			return map->name;
	}
	return NULL;
}

void pins_close_maps(struct maps *maps)
{
	for (size_t i = 0; i < COUNT(pinned_maps); i++) {
		int *fd = field_of(maps, &pinned_maps[i]);

		if (*fd >= 0)
			close(*fd);
		*fd = -1;
	}
}

int pins_remove_pin(const char *folder, const char *name)
{
	char path[PATH_MAX];

	if (path_of(path, folder, name))
		return FAILED;
	if (unlink(path) && errno != ENOENT)
		return fail("cannot remove %s: %s", path, strerror(errno));
	return DONE;
}

static int remove_programs(const char *folder)
{
	int result = DONE;

	for (size_t i = 0; i < COUNT(pinned_programs); i++)
		result |= pins_remove_pin(folder, pinned_programs[i]);
	return result;
}

int pins_pin_over(const char *folder, int fd, const char *name)
{
	char path[PATH_MAX], new[PATH_MAX];

	if (path_of(path, folder, name) || path_of(new, folder, META_NEW) || pins_remove_pin(folder, META_NEW))
		return FAILED;
	if (bpf_obj_pin(fd, new) || rename(new, path))
		return fail("cannot pin %s: %s", path, strerror(errno));
	return DONE;
}

int pins_replace_meta(const char *folder, const struct maps *maps)
{
	return pins_pin_over(folder, maps->meta_old, "meta_old") || pins_pin_over(folder, maps->meta, "meta") ? FAILED
													      : DONE;
}

int pins_settle(const char *folder, __u32 layout)
{
	int result = pins_remove_pin(folder, META_NEW);

	for (size_t i = 0; i < COUNT(pinned_maps); i++) {
		if (!has_map(layout, &pinned_maps[i]))
			result |= pins_remove_pin(folder, pinned_maps[i].name);
	}
	if (layout < PROGRAMS_SINCE)
		result |= remove_programs(folder);
	return result ? FAILED : pins_remove_pin(folder, "meta_old");
}

int pins_remove_folder(const struct bpffs *bpffs, const char *folder)
{
	int result = DONE;

	for (size_t i = 0; i < COUNT(pinned_links); i++)
		result |= pins_remove_pin(folder, pinned_links[i]);
	result |= remove_programs(folder) | pins_remove_pin(folder, META_NEW);
	for (size_t i = COUNT(pinned_maps); i-- > 1;)
		result |= pins_remove_pin(folder, pinned_maps[i].name);
	if (result || pins_remove_pin(folder, pinned_maps[0].name))
		return FAILED;
	if (!rmdir(folder)) {
		bpffs_remove_empty(bpffs);
		return DONE;
	}
	if (errno != ENOTEMPTY)
		return fail("cannot remove %s: %s", folder, strerror(errno));
	warn("%s holds files that are not ours: they are left there", folder);
	return DONE;
}
