/* SPDX-License-Identifier: GPL-2.0-only */
#include <errno.h>
#include <stdbool.h>

#include <bpf/bpf.h>

#include "map_batch.h"

/* The kernel's own number, which it gives for a map type that lacks the call. */
#define ENOTSUPP 524

/* Before Linux 5.6 there is no such call at all. */
static bool is_unknown(int error)
{
	return error == ENOTSUPP || error == EINVAL;
}

static int update_one(const struct map_batch *batch, size_t index)
{
	return bpf_map_update_elem(batch->fd, batch->keys + index * batch->key_size,
				   batch->values + index * batch->value_size, BPF_ANY)
		       ? -errno
		       : 0;
}

static int delete_one(const struct map_batch *batch, size_t index)
{
	return bpf_map_delete_elem(batch->fd, batch->keys + index * batch->key_size) && errno != ENOENT ? -errno : 0;
}

static int each(const struct map_batch *batch, size_t *done, int (*one)(const struct map_batch *batch, size_t index))
{
	for (; *done < batch->count; (*done)++) {
		int error = one(batch, *done);

		if (error)
			return error;
	}
	return 0;
}

int map_batch_update(const struct map_batch *batch, size_t *done)
{
	__u32 count = (__u32)batch->count;

	*done = 0;
	if (!bpf_map_update_batch(batch->fd, batch->keys, batch->values, &count, NULL)) {
		*done = batch->count;
		return 0;
	}
	if (is_unknown(errno))
		return each(batch, done, update_one);
	*done = count < batch->count ? count : 0;
	return each(batch, done, update_one);
}

int map_batch_delete(const struct map_batch *batch, size_t *done)
{
	__u32 count = (__u32)batch->count;

	*done = 0;
	if (!bpf_map_delete_batch(batch->fd, batch->keys, &count, NULL)) {
		*done = batch->count;
		return 0;
	}
	/* Those before the one that failed are gone, and are not missed when they are deleted again. */
	return each(batch, done, delete_one);
}
