/* SPDX-License-Identifier: GPL-2.0-only */
/* The attachments whose refused packets a command is told of, and how many of those it was not told of. */
#ifndef WATCH_H
#define WATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <linux/types.h>

#include "attachment.h"
#include "event.h"
#include "listener.h"
#include "session.h"
#include "verdict.h"

struct watched {
	struct attachment attachment;
	__u32 link_header; /* bytes */
	struct listener listener;
	__u64 since;               /* CLOCK_MONOTONIC when `seen` was first read */
	__u64 seen[VERDICT_COUNT]; /* the counters, when last read */
	__u64 refused;             /* packets by the counters */
	__u64 told;                /* packets of the events that came */
	__u64 left_out;            /* packets that no event will tell of */
	__u64 missed;              /* of them, those since the last packet in a capture */
	bool ended;                /* nothing more will come of it */
};

struct watch {
	struct watched *list;
	size_t count;
	int ring; /* the ring buffer of them all */
};

/*
 * Begins to listen to the attachment of `device`, or with NULL to all of the namespace. Opens the session and closes it
 * again. DONE or FAILED.
 */
int watch_open(struct session *session, const char *device, struct watch *watch);
void watch_close(struct watch *watch);

/* The one that an event comes from, or NULL. */
struct watched *watch_find(const struct watch *watch, __u32 ifindex);

/* Takes note of an event that came. */
void watched_tell(struct watched *watched, const struct event *event);

/* Goes on listening. FAILED if that is not possible. */
int watched_renew(struct session *session, const struct watch *watch, struct watched *watched);

/* Why it has ended, in words; NULL if it has not. */
const char *watched_end(struct watched *watched);

/* Reads the counters. DONE or FAILED. */
int watched_count(struct watched *watched);

/* How many packets have been left out that were not reported before. All events must have been taken note of. */
__u64 watched_left_out(struct watched *watched);

#endif
