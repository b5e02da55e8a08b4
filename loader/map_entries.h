/* SPDX-License-Identifier: GPL-2.0-only */
/* The entries of a map, read into one array. */
#ifndef MAP_ENTRIES_H
#define MAP_ENTRIES_H

#include <stddef.h>

/*
 * Reads all entries of the map `fd` into a new array, to be freed, of keys with their values right behind them;
 * value_size 0 reads the keys alone. An entry that others delete meanwhile may be missing. -1 for fd is an empty map.
 * `name` is for the message. DONE or FAILED.
 */
int map_entries_read(int fd, const char *name, size_t key_size, size_t value_size, void **entries, size_t *count);

#endif
