/* SPDX-License-Identifier: GPL-2.0-only */
/* A place among the listeners of an attachment, and the lease on it (event.h). */
#ifndef LISTENER_H
#define LISTENER_H

#include <stdbool.h>
#include <linux/types.h>

#include "event.h"
#include "maps.h"

struct listener {
	int rings;               /* the map `event_rings` */
	struct listeners *table; /* the value of `listeners`; NULL: this one listens to nothing */
	__u32 slot;
	__u32 ring; /* the kernel's number of the ring buffer */
};

/*
 * Has the events of an attachment written to the ring buffer `ring`, for as long as the lease lasts. No other command may
 * change the attachment meanwhile. Returns 0, -EBUSY if as many listen as can, or another -errno.
 */
int listener_open(struct listener *listener, const struct maps *maps, int ring);

/* Renews the lease. False if it had run out, and another listener has the place now. */
bool listener_renew(const struct listener *listener);

void listener_close(struct listener *listener);

/* Takes away the ring buffers of listeners whose lease has run out: they were killed. */
void listeners_sweep(const struct maps *maps);

#endif
