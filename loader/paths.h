/* SPDX-License-Identifier: GPL-2.0-only */
/* What ICMP errors told of the ways to peers: the map `paths`. */
#ifndef PATHS_H
#define PATHS_H

#include <linux/types.h>

#include "layout.h"

struct path_mtu {
	__u32 mtu;     /* 0: none is known */
	__u64 expires; /* seconds that are left, the last one rounded up */
};

/* The time by which entries of the map age. */
__u64 paths_now(void);

/* The path MTU to a peer that counts at the time `now`, from the map `fd`. DONE or FAILED. */
int path_mtu_read(int fd, const struct peer_key *key, __u64 now, struct path_mtu *known);

#endif
