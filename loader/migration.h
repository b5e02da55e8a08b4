/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * An attachment goes from one layout of `meta` to another, under traffic: a new map takes the place of the old one, and
 * programs that read it that of those that read the other. Both maps stay pinned until the last program is exchanged,
 * so that whoever comes after a process that was killed finds all programs, and ends what was begun.
 */
#ifndef MIGRATION_H
#define MIGRATION_H

#include "layout.h"
#include "link.h"
#include "maps.h"

struct migration {
	const char *folder;
	struct maps *maps;
	struct meta *meta;       /* as it is in its map, whose layout it names */
	const struct link *link; /* NULL: the device is gone, and its programs with it */
};

/* Ends a migration that was cut short, and brings all to `layout`. FAILED leaves it as it was. */
int migration_run(const struct migration *migration, __u32 layout);

#endif
