/* SPDX-License-Identifier: GPL-2.0-only */
/* A prefix has one owner: a peer, or none where it is bare. */
#ifndef OWNER_H
#define OWNER_H

#include "change.h"
#include "prefixes.h"

/* Refuses a wish for a prefix that has another owner, and names both. DONE or FAILED. */
int owner_check(const struct prefixes *prefixes, const struct prefix_wish *wish);

/* "of peer 172.16.1.62", "of peer any" or "bare", in `text`. */
#define OWNER_TEXT 25
const char *owner_name(const struct prefix *prefix, char text[OWNER_TEXT]);

#endif
