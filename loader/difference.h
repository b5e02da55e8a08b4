/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a change that was checked would change, a line each: `+` for what comes, `-` for what goes, `~` for what becomes
 * another. First the attachment's options and what is missing of it, then peers, then prefixes, each by address.
 */
#ifndef DIFFERENCE_H
#define DIFFERENCE_H

#include <stdbool.h>
#include <stddef.h>

#include "attaching.h"

struct difference {
	bool print;    /* on standard output */
	size_t count;  /* of lines */
	bool programs; /* they must be attached, or exchanged */
};

/* DONE or FAILED. */
int difference_find(struct attaching *attaching, struct difference *difference);

#endif
