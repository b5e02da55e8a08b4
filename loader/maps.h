/* SPDX-License-Identifier: GPL-2.0-only */
/* The open maps of one attachment (layout.h, pins.h). */
#ifndef LOADER_MAPS_H
#define LOADER_MAPS_H

#include <string.h>

/* File descriptors, -1: not open. `routes`, `routes2`, `peer_src` and `build` are the loader's alone. */
struct maps {
	int meta;
	int meta_old; /* programs may still use this one: a change of layout has not ended */
	int prefixes;
	int peers;
	int verdicts;
	int peer_counters;
	int identification;
	int paths;
	int paths_until;
	int listeners;
	int event_rings;
	int generation;
	int prefix_cache;
	int routes; /* before layout 3 */
	int routes2;
	int peer_src;
	int devices;
	int cpus;
	int build;
};

static inline struct maps maps_closed(void)
{
	struct maps maps;

	memset(&maps, -1, sizeof(maps));
	return maps;
}

#endif
