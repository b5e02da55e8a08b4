/* SPDX-License-Identifier: GPL-2.0-only */
/* The map `prefixes`, read whole. */
#ifndef PREFIXES_H
#define PREFIXES_H

#include <stdbool.h>
#include <stddef.h>
#include <linux/types.h>

#include "layout.h"

struct prefix_entry {
	struct prefix_key key;
	struct prefix prefix;
};

/* Sorted by address, then length. */
struct prefixes {
	struct prefix_entry *list;
	size_t count;
};

/* Read the map `fd`, of which -1 is an empty one. DONE or FAILED. */
int prefixes_read(int fd, struct prefixes *prefixes);
void prefixes_free(struct prefixes *prefixes);

/* That very prefix, not the longest that holds it; NULL if there is none. */
const struct prefix_entry *prefixes_find(const struct prefixes *prefixes, const struct prefix_key *key);

/* As the dataplane judges it. */
bool prefix_is_valid(const struct prefix *prefix);

/* Whether the prefix belongs to this peer. */
bool prefix_belongs_to(const struct prefix *prefix, const __u8 remote[4]);

/* Whether a kernel route may lead into it: neither bare nor `any`'s. */
bool prefix_is_routable(const struct prefix *prefix);

#endif
