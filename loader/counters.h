/* SPDX-License-Identifier: GPL-2.0-only */
/* The counters, summed over the CPUs. */
#ifndef COUNTERS_H
#define COUNTERS_H

#include "layout.h"
#include "verdict.h"

/* Reads all verdicts from the map `fd`, zeros if it is -1. DONE or FAILED. */
int counters_read_verdicts(int fd, __u64 verdicts[VERDICT_COUNT]);

/* A peer's counters from the map `fd`; zeros if no packet has met it. DONE or FAILED. */
int counters_read_peer(int fd, const struct peer_key *key, struct peer_counters *sum);

/* Makes a peer's counters at zero, if it has none. Returns 0 or -errno. */
int counters_make_peer(int fd, const struct peer_key *key);

#endif
