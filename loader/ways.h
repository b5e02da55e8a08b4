/* SPDX-License-Identifier: GPL-2.0-only */
/* What the routes of a peer's prefixes take from the peer, asked once for each however many prefixes it has. */
#ifndef WAYS_H
#define WAYS_H

#include <stdbool.h>
#include <stddef.h>
#include <linux/types.h>

struct way {
	__u8 remote[4];
	bool asked;
	bool checked; /* its source */
	__be32 src;   /* preferred source, 0: none */
	__u32 mtu;    /* of routes into the tunnel */
};

/* Sorted by address. */
struct ways {
	struct way *list;
	size_t count;
};

/* Room for `count` peers, to be added one by one and then sorted. DONE or FAILED. */
int ways_make(struct ways *ways, size_t count);
void ways_add(struct ways *ways, const __u8 remote[4]);
void ways_sort(struct ways *ways);
void ways_free(struct ways *ways);

/* NULL if there is none. */
struct way *ways_find(const struct ways *ways, const __u8 remote[4]);

#endif
