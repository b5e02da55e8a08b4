/* SPDX-License-Identifier: GPL-2.0-only */
/* The map `peers`, read whole, and its neighbour `peer_src`. */
#ifndef PEERS_H
#define PEERS_H

#include <stdbool.h>
#include <stddef.h>
#include <linux/types.h>

#include "layout.h"

struct peer_entry {
	struct peer_key key;
	struct peer peer;
};

/* Sorted by address. */
struct peers {
	struct peer_entry *list;
	size_t count;
};

/* Reads the map `fd`. DONE or FAILED. */
int peers_read(int fd, struct peers *peers);
void peers_free(struct peers *peers);

/* NULL if there is none. */
const struct peer_entry *peers_find(const struct peers *peers, const __u8 remote[4]);

/* As the dataplane judges it: a value out of range or a reserved byte that is not 0 makes every packet peer_invalid. */
bool peer_is_valid(const struct peer *peer);

/* The preferred source that was set for a peer in the map `fd`; 0.0.0.0 if none was. */
void peer_src_read(int fd, const __u8 remote[4], __u8 src[4]);

/* "any" or the address, in `text`. */
const char *peer_name(const __u8 remote[4], char text[16]);

#endif
