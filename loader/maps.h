/* SPDX-License-Identifier: GPL-2.0-only */
/* The open maps of one attachment (layout.h, pins.h). */
#ifndef LOADER_MAPS_H
#define LOADER_MAPS_H

/* File descriptors, -1: not open. `routes`, `peer_src` and `build` are the loader's alone. */
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
	int routes;
	int peer_src;
	int build;
};

#endif
