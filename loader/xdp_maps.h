/* SPDX-License-Identifier: GPL-2.0-only */
/* The maps `devices` and `cpus`, which belong to one XDP program. */
#ifndef XDP_MAPS_H
#define XDP_MAPS_H

#include "maps.h"

/*
 * Puts new ones in their place, empty, pinned in `folder`. The kernel ties a map of these kinds to the first program that
 * is loaded with it: one that is loaded otherwise, to take frames in several buffers or not, or by libxdp for its
 * dispatcher, which goes by what the others there can do, is refused (bpf_prog_map_compatible()). A program that still
 * runs keeps its own. DONE or FAILED.
 */
int xdp_maps_renew(const char *folder, struct maps *maps);

#endif
