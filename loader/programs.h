/* SPDX-License-Identifier: GPL-2.0-only */
/* The BPF programs of an attachment: loading, attaching, exchanging, detaching. DONE or FAILED, which has said why. */
#ifndef PROGRAMS_H
#define PROGRAMS_H

#include <stdbool.h>
#include <linux/types.h>

#include "layout.h"
#include "link.h"
#include "maps.h"

struct programs;

/* What is attached now. */
struct programs_state {
	bool encap;
	bool decap;      /* at every hook that the mode needs */
	bool left_over;  /* an XDP program that the mode has no use for: a killed attach did not get to take it off */
	const char *xdp; /* "dispatcher", "alone", or NULL in mode tc */
};

/*
 * Loads the programs for LINK over the maps in *maps. Maps that are -1 are made and their descriptors put there: all
 * but `routes2` and `peer_src`, which no program uses.
 */
int programs_load(const struct link *link, struct maps *maps, struct programs **programs);

/*
 * Attaches them, or exchanges those that are attached, as `mode` asks. Pins links in `folder`, fills meta->mode_used and
 * meta->hook, and writes meta through maps->meta: MADE_CLSACT before it makes a clsact, meta->mode when all is done but
 * to take off what is of no use any more. A new XDP program has maps->devices and ->cpus of its own, empty ones. FAILED
 * leaves what was there before.
 */
int programs_attach(struct programs *programs, const struct link *link, const char *folder, struct maps *maps,
		    enum mode mode, struct meta *meta);
void programs_free(struct programs *programs); /* NULL is fine */

/*
 * Takes every program off the device that uses this meta map, the links in `folder`, and the clsact if we made it and
 * nobody else uses it. ifindex 0: the device is gone, only the links.
 */
int programs_detach(__u32 ifindex, const char *folder, const struct maps *maps, struct meta *meta);

/* Asks what is attached; changes nothing. */
int programs_state(__u32 ifindex, const char *folder, const struct maps *maps, const struct meta *meta,
		   struct programs_state *state);

#endif
