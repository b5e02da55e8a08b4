/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Steps that are queued, done in their order by as few system calls as the kernel allows, and remembered, so that they
 * can be undone in reverse when a later one fails.
 */
#ifndef JOURNAL_H
#define JOURNAL_H

#include <stddef.h>

#include "maps.h"
#include "netlink.h"
#include "route.h"

struct step;

struct journal {
	struct netlink *netlink;
	const struct maps *maps; /* of the attachment */
	struct step *steps;
	size_t count;
	size_t room;
	size_t tried; /* of the steps, how many journal_flush has been at */
};

/* One entry of a map. */
struct map_change {
	int fd;
	const void *key;
	size_t key_size;
	const void *before; /* the value that is there, NULL: none */
	const void *after;  /* the value to be, NULL: none */
	size_t value_size;
};

/* The step that could not be done: a route, or else the entry of a map. */
struct journal_failure {
	int error; /* -errno */
	const struct route *route;
	int fd;
	const void *key;
	size_t key_size;
};

/* Queue what they say, if it changes anything. Return 0 or -ENOMEM. */
int journal_map(struct journal *journal, const struct map_change *change);

/* A route into the tunnel; `before` is what is there, `after` what is to be, NULL: none. */
int journal_route(struct journal *journal, const struct route *before, const struct route *after);

/* Does the steps that are queued, up to the first that fails. Returns 0 or -errno; then *failure tells of that one. */
int journal_flush(struct journal *journal, struct journal_failure *failure);

/* Undoes all steps that were done, the last first. */
void journal_undo(struct journal *journal);

/* Forgets all steps: they stay. */
void journal_free(struct journal *journal);

#endif
