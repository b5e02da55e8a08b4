/* SPDX-License-Identifier: GPL-2.0-only */
/* When the kernel's neighbour code must see a packet of a peer: bpf_fib_lookup() takes a stale entry as it is. */
#ifndef NEIGHBOUR_H
#define NEIGHBOUR_H

#include "maps.h"

/*
 * At least this often, counted in jiffies (so 0.25 to 2.5 s), a packet goes that way: a router that changed its MAC in
 * silence would be lost for ever.
 */
#define NEIGHBOUR_INTERVAL 250

/* True if it is time for this peer on this CPU. */
static __always_inline bool neighbour_is_due(const struct peer_counters *counters)
{
	return counters && bpf_jiffies64() >= counters->neigh_asked + NEIGHBOUR_INTERVAL;
}

static __always_inline void neighbour_is_asked(struct peer_counters *counters)
{
	if (counters)
		counters->neigh_asked = bpf_jiffies64();
}

#endif
