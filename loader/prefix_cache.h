/* SPDX-License-Identifier: GPL-2.0-only */
/* What the programs remember of `prefixes` while a device has a `cache`. */
#ifndef PREFIX_CACHE_H
#define PREFIX_CACHE_H

#include <stdbool.h>

#include "layout.h"
#include "maps.h"

/* Whether `prefix_cache` is there, with as many entries as the device's `cache` needs. */
bool prefix_cache_fits(const struct maps *maps, const struct meta *meta);

/* Makes one that fits, in the place of the one that is open. DONE or FAILED. */
int prefix_cache_make(struct maps *maps, const struct meta *meta);

/* The programs forget what they knew: `prefixes` has changed. Returns 0 or -errno. */
int prefix_cache_forget(const struct maps *maps);

#endif
