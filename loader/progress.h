/* SPDX-License-Identifier: GPL-2.0-only */
/* A line on a terminal that tells how far a long job is; none for a short one, nor where no terminal is. */
#ifndef PROGRESS_H
#define PROGRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <linux/types.h>

struct progress {
	size_t done;
	size_t total;
	__u64 next; /* when to write the line again */
	bool terminal;
	bool written;
};

struct progress progress_begin(size_t total);
void progress_step(struct progress *progress, size_t count);

/* Takes the line away. */
void progress_end(struct progress *progress);

#endif
