/* SPDX-License-Identifier: GPL-2.0-only */
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>

#include "layouts.h"

struct layout {
	__u32 size; /* of meta's value */
	/* Between this layout and the one above it, in place. */
	void (*up)(struct meta *meta);
	void (*down)(struct meta *meta);
	/* What it has no room for and the one above it has. */
	const char *(*lacks)(const struct meta *meta);
};

/* Layout 1 ended before `forward`, and where `cache` is now it had 0. */
_Static_assert(offsetof(struct meta, forward) == 56, "pinned layout");

static void up_from_1(struct meta *meta)
{
	meta->cache = 0;
	meta->forward = SWITCH_OFF;
	meta->spread = SWITCH_OFF;
	memset(meta->reserved, 0, sizeof(meta->reserved));
}

static void down_to_1(struct meta *meta)
{
	meta->cache = 0;
}

static const char *lacks_in_1(const struct meta *meta)
{
	if (meta->cache)
		return "cache";
	if (meta->forward == SWITCH_ON)
		return "forward";
	return meta->spread == SWITCH_ON ? "spread" : NULL;
}

/* The same `meta`: routes are recorded elsewhere. */
static void keep(struct meta *meta)
{
	(void)meta;
}

static const char *lacks_nothing(const struct meta *meta)
{
	(void)meta;
	return NULL;
}

static const struct layout layouts[LAYOUT + 1] = {
	[1] = { .size = 56, .up = up_from_1, .down = down_to_1, .lacks = lacks_in_1 },
	[2] = { .size = sizeof(struct meta), .up = keep, .down = keep, .lacks = lacks_nothing },
	[LAYOUT] = { .size = sizeof(struct meta) },
};

static const __u32 first;

bool layout_is_known(__u32 layout)
{
	return layout >= LAYOUT_FIRST && layout <= LAYOUT;
}

int layout_read_meta(int fd, unsigned int value_size, struct meta *meta)
{
	void *value = calloc(1, value_size);
	int error = 0;

	if (!value)
		return -ENOMEM;
	if (bpf_map_lookup_elem(fd, &first, value))
		error = -errno;
	memset(meta, 0, sizeof(*meta));
	memcpy(meta, value, value_size < sizeof(*meta) ? value_size : sizeof(*meta));
	free(value);
	if (error || !layout_is_known(meta->layout))
		return error;
	if (layouts[meta->layout].size != value_size)
		return -EINVAL;
	for (__u32 layout = meta->layout; layout < LAYOUT; layout++)
		layouts[layout].up(meta);
	return 0;
}

int layout_write_meta(int fd, const struct meta *meta)
{
	struct meta value = *meta;

	for (__u32 layout = LAYOUT; layout-- > meta->layout;)
		layouts[layout].down(&value);
	return bpf_map_update_elem(fd, &first, &value, BPF_ANY) ? -errno : 0;
}

int layout_make_meta(const struct meta *meta)
{
	int fd = bpf_map_create(BPF_MAP_TYPE_ARRAY, "meta", sizeof(first), layouts[meta->layout].size, 1, NULL);
	int error;

	if (fd < 0)
		return -errno;
	error = layout_write_meta(fd, meta);
	if (!error)
		return fd;
	close(fd);
	return error;
}

__u32 layout_of_meta(int fd)
{
	struct bpf_map_info info = {};
	__u32 size = sizeof(info);
	struct meta meta;

	if (fd < 0 || bpf_obj_get_info_by_fd(fd, &info, &size) || layout_read_meta(fd, info.value_size, &meta))
		return LAYOUT;
	/* Nothing was written yet into one that is new. */
	return layout_is_known(meta.layout) ? meta.layout : LAYOUT;
}

const char *layout_lacks(__u32 layout, const struct meta *meta)
{
	const char *setting = NULL;

	for (; layout < LAYOUT && !setting; layout++)
		setting = layouts[layout].lacks(meta);
	return setting;
}
