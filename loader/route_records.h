/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Which prefixes have a kernel route of the loader's making, or would have one with `routes on`: in `routes2`, or before
 * layout 3 in `routes`. Functions return DONE or FAILED.
 */
#ifndef ROUTE_RECORDS_H
#define ROUTE_RECORDS_H

#include <stdbool.h>
#include <stddef.h>
#include <linux/types.h>

#include "journal.h"
#include "layout.h"
#include "maps.h"

struct route_entry {
	struct prefix_key key;
	struct route_record record;
	__u32 place; /* in `routes2` */
};

struct route_records {
	/* Sorted by address, then length. */
	struct route_entry *list;
	size_t count;
	int fd;
	bool has_places; /* it is `routes2` */
	bool *taken;     /* of each place, be it only planned */
	__u32 room;      /* places */
	__u32 lowest;    /* no place below is free */
};

/* Reads what an attachment has; nothing from maps that are not open. */
int route_records_read(const struct maps *maps, struct route_records *records);
void route_records_free(struct route_records *records);

/* The record of that very prefix, or NULL. */
const struct route_entry *route_records_find(const struct route_records *records, const struct prefix_key *key);

/* Makes room for so many more: a larger `routes2` takes the place of the one that is pinned. */
int route_records_reserve(struct route_records *records, struct maps *maps, const char *folder, size_t more);

/* Queues what is to be recorded of a prefix, of which `entry` is there: NULL is nothing. New ones must find room. */
int route_records_queue(struct route_records *records, struct journal *journal, const struct route_entry *entry,
			const struct prefix_key *key, const struct route_record *record);

/* Takes a record away at once. */
void route_records_forget(const struct route_records *records, const struct route_entry *entry);

/*
 * For a change of layout. Copies what is recorded into the map that the other layout has for it, which is made anew and
 * takes the place of the one in `maps`, with a pin or without; nothing where both layouts have the same. Then
 * route_records_pin pins it, whatever was pinned there.
 */
int route_records_move(struct maps *maps, __u32 from, __u32 to);
int route_records_pin(const struct maps *maps, const char *folder, __u32 layout);

#endif
