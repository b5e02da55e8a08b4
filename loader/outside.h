/* SPDX-License-Identifier: GPL-2.0-only */
/* What goes through no tunnel (bare prefixes, those of the peer `any`, the device's own networks), and its way. */
#ifndef OUTSIDE_H
#define OUTSIDE_H

#include <net/if.h>
#include <stdbool.h>
#include <linux/types.h>

#include "address.h"
#include "fib.h"
#include "route.h"

#define OUTSIDE_WAY_TEXT (sizeof(" via  dev ") + ADDRESS_TEXT + IF_NAMESIZE)

/*
 * Whether the kernel's route to the prefix leads into the tunnel on a device, and gives that route. There, what no peer's
 * prefix holds is not wrapped, and goes to a next hop that nobody is.
 */
bool outside_is_lost(struct netlink *netlink, const struct prefix_key *key, __u32 ifindex, struct route *route);

/* The way that an address has past the tunnels, as `ip route` takes it: " via 172.16.16.1 dev eth0"; "" if it has none. */
const char *outside_way(const struct fib *fib, const __u8 address[4], char text[OUTSIDE_WAY_TEXT]);

#endif
