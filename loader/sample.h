/* SPDX-License-Identifier: GPL-2.0-only */
/* The counters of the attachments of this namespace at one moment, and how fast they moved between two. */
#ifndef SAMPLE_H
#define SAMPLE_H

#include <stdbool.h>
#include <stddef.h>
#include <linux/types.h>

#include "folder_name.h"
#include "layout.h"
#include "session.h"
#include "verdict.h"

struct peer_sample {
	struct peer_key key;
	struct peer_counters counters;
};

/* One attachment. */
struct sample {
	struct folder_name name;
	struct meta meta;
	struct peer_sample *peers; /* sorted by address */
	size_t peer_count;
	__u64 verdicts[VERDICT_COUNT];
};

struct samples {
	struct sample *list; /* sorted by name */
	size_t count;
	double time; /* sample_now() */
};

/* Per second. */
struct peer_rates {
	double tx_packets;
	double tx_bytes;
	double rx_packets;
	double rx_bytes;
	double drops;
};

/*
 * Reads the attachment of `device`, or with NULL all of them. Opens the session and closes it again: what is open keeps
 * commands that change something waiting. With `tell`, warns of folders that are passed over. DONE or FAILED.
 */
int samples_read(struct session *session, const char *device, bool tell, struct samples *samples);
void samples_free(struct samples *samples);

/* The attachment of that name, or NULL. */
const struct sample *samples_find(const struct samples *samples, const struct folder_name *name);

/* Seconds of CLOCK_MONOTONIC. */
double sample_now(void);

/* The time of day, as 2026-01-31T12:00:00Z, in `text`. */
#define TIME_TEXT sizeof("2026-01-31T12:00:00Z")
void sample_time_text(char text[TIME_TEXT]);

/*
 * How fast counters moved within so many seconds. One that fell began anew from 0, and so did what was not there
 * before: with `before` NULL all counters were 0.
 */
double sample_verdict_rate(const struct sample *before, const struct sample *now, __u32 verdict, double seconds);
struct peer_rates sample_peer_rates(const struct sample *before, const struct peer_sample *now, double seconds);

#endif
