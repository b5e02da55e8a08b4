/* SPDX-License-Identifier: GPL-2.0-only */
/* The IPv4 addresses of this namespace, as a snapshot. */
#ifndef HOST_ADDRESSES_H
#define HOST_ADDRESSES_H

#include <stddef.h>
#include <linux/types.h>

#include "netlink.h"

struct host_address {
	__u8 address[4];
	__u8 prefixlen;
	__u32 ifindex;
};

struct host_addresses {
	struct host_address *list;
	size_t count;
	size_t room;
};

/* DONE or FAILED. */
int host_addresses_read(struct netlink *netlink, struct host_addresses *addresses);
void host_addresses_free(struct host_addresses *addresses);

/* NULL if it is no address of this host. */
const struct host_address *host_addresses_find(const struct host_addresses *addresses, const __u8 address[4]);

#endif
