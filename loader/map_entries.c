/* SPDX-License-Identifier: GPL-2.0-only */
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/bpf.h>

#include "fail.h"
#include "layout.h"
#include "map_entries.h"

/* Entries in one system call. A hash gives whole buckets, which are far smaller. */
#define BATCH 4096
#define BATCH_KEY sizeof(struct prefix_key)
#define BATCH_VALUE sizeof(struct peer)
/* At least as many as any map of ours holds, twice: an end to a walk that others keep sending back to the start. */
#define STEPS_MAX (1 << 21)

struct array {
	char *bytes;
	size_t entry_size;
	size_t count;
	size_t room;
};

static char *next_place(struct array *array)
{
	size_t room = array->room ? 2 * array->room : 64;
	char *longer;

	if (array->count < array->room)
		return array->bytes + array->count * array->entry_size;
	longer = realloc(array->bytes, room * array->entry_size);
	if (!longer)
		return NULL;
	array->bytes = longer;
	array->room = room;
	return longer + array->count * array->entry_size;
}

/* Returns 0 or -errno. */
static int walk(int fd, size_t key_size, size_t value_size, struct array *array)
{
	char key[16], *place;
	bool begun = false;

	for (size_t steps = 0; steps < STEPS_MAX; steps++) {
		if (bpf_map_get_next_key(fd, begun ? key : NULL, key))
			return errno == ENOENT ? 0 : -errno;
		begun = true;
		place = next_place(array);
		if (!place)
			return -ENOMEM;
		memcpy(place, key, key_size);
		if (!value_size || !bpf_map_lookup_elem(fd, key, place + key_size))
			array->count++;
		else if (errno != ENOENT)
			return -errno;
	}
	return -ELOOP;
}

struct batch {
	char keys[BATCH * BATCH_KEY];
	char values[BATCH * BATCH_VALUE];
	char place[BATCH_KEY]; /* where the next one begins, as the kernel writes it */
};

static int keep(struct array *array, const struct batch *batch, __u32 count, size_t key_size, size_t value_size)
{
	for (__u32 i = 0; i < count; i++) {
		char *place = next_place(array);

		if (!place)
			return -ENOMEM;
		memcpy(place, batch->keys + i * key_size, key_size);
		memcpy(place + key_size, batch->values + i * value_size, value_size);
		array->count++;
	}
	return 0;
}

/* As walk(), with few system calls. Any error: it cannot be done so. */
static int read_batches(int fd, size_t key_size, size_t value_size, struct array *array, struct batch *batch)
{
	bool begun = false, last;

	do {
		__u32 count = BATCH;
		int error = 0;

		last = bpf_map_lookup_batch(fd, begun ? batch->place : NULL, batch->place, batch->keys, batch->values,
					    &count, NULL);
		if (last && errno != ENOENT)
			return -errno;
		begun = true;
		error = keep(array, batch, count, key_size, value_size);
		if (error || array->count > STEPS_MAX)
			return error ? error : -ELOOP;
	} while (!last);
	return 0;
}

static int read_all(int fd, size_t key_size, size_t value_size, struct array *array)
{
	struct batch *batch = NULL;
	int error = -EINVAL;

	if (value_size && key_size <= BATCH_KEY && value_size <= BATCH_VALUE)
		batch = malloc(sizeof(*batch));
	if (batch)
		error = read_batches(fd, key_size, value_size, array, batch);
	free(batch);
	if (!error)
		return 0;
	array->count = 0;
	return walk(fd, key_size, value_size, array);
}

int map_entries_read(int fd, const char *name, size_t key_size, size_t value_size, void **entries, size_t *count)
{
	struct array array = { .entry_size = key_size + value_size };
	int error = fd >= 0 ? read_all(fd, key_size, value_size, &array) : 0;

	if (error) {
		free(array.bytes);
		return fail("cannot read the map '%s': %s", name, strerror(-error));
	}
	*entries = array.bytes;
	*count = array.count;
	return DONE;
}
