/* SPDX-License-Identifier: GPL-2.0-only */
/* A snapshot of the kernel's main table, taken once a command. */
#ifndef FIB_H
#define FIB_H

#include <stddef.h>
#include <linux/types.h>

#include "layout.h"
#include "netlink.h"
#include "route.h"

/* Sorted by prefix, then priority. */
struct fib {
	struct route *list;
	size_t count;
};

/* DONE or FAILED. */
int fib_read(struct netlink *netlink, struct fib *fib);
void fib_free(struct fib *fib);

/* The route of this very prefix into the tunnel on a device, or NULL. */
const struct route *fib_find_tunnel(const struct fib *fib, const struct prefix_key *key, __u32 ifindex);

/* The first route of this very prefix that is not the one above, or NULL. */
const struct route *fib_find_other(const struct fib *fib, const struct prefix_key *key, __u32 ifindex);

/* The longest route that holds the address and does not lead into a tunnel, or NULL. */
const struct route *fib_find_way(const struct fib *fib, const __u8 address[4]);

/* The route of this very prefix that the kernel would take, or NULL. */
const struct route *fib_find_best(const struct fib *fib, const struct prefix_key *key);

#endif
