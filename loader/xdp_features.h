/* SPDX-License-Identifier: GPL-2.0-only */
/* What devices can do with XDP, as the kernel tells it since Linux 6.3 (generic netlink's family "netdev"). */
#ifndef XDP_FEATURES_H
#define XDP_FEATURES_H

#include <stddef.h>
#include <linux/types.h>

/* Calls `each` for every device of this namespace that takes frames which XDP sends out of it, now. 0 or -errno. */
int xdp_features_each_taker(void (*each)(__u32 ifindex, void *argument), void *argument);

/* Whether the device's driver runs XDP natively: 1 or 0, or -errno where the kernel does not say. */
int xdp_features_native(__u32 ifindex);

#endif
