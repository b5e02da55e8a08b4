/* SPDX-License-Identifier: GPL-2.0-only */
/* The permanent neighbour entry that stands for the tunnel's next hop (layout.h) on a device. 0 or -errno. */
#ifndef NEIGHBOUR_H
#define NEIGHBOUR_H

#include <stdbool.h>
#include <linux/types.h>

struct netlink;

/* Is there an entry for NEXT_HOP on the device, and is it permanent with NEXT_HOP_MAC? */
int neighbour_find(struct netlink *netlink, __u32 ifindex, bool *present, bool *right);

/* Whether the kernel has lately asked for this address on the device, and nobody answered. */
bool neighbour_failed(struct netlink *netlink, __u32 ifindex, __be32 address);

/* Makes it, or puts it right. */
int neighbour_make(struct netlink *netlink, __u32 ifindex);

/* Takes it away if it is permanent and has NEXT_HOP_MAC; absent is fine. */
int neighbour_delete(struct netlink *netlink, __u32 ifindex);

#endif
