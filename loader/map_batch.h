/* SPDX-License-Identifier: GPL-2.0-only */
/* Many entries of a map in one system call, or one by one where the kernel has no such call for the map's type. */
#ifndef MAP_BATCH_H
#define MAP_BATCH_H

#include <stddef.h>

struct map_batch {
	int fd;
	const char *keys; /* one behind the other */
	size_t key_size;
	const char *values;
	size_t value_size;
	size_t count;
};

/* Return 0, or -errno of the first entry that failed; *done gets the number of those before it, which are done. */
int map_batch_update(const struct map_batch *batch, size_t *done);
int map_batch_delete(const struct map_batch *batch, size_t *done); /* what is not there is as good as deleted */

#endif
