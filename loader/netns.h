/* SPDX-License-Identifier: GPL-2.0-only */
/* Network namespaces. 0 or -errno. */
#ifndef NETNS_H
#define NETNS_H

#include <stdbool.h>
#include <linux/types.h>

/*
 * Enters the namespace that `ip netns` calls NAME, its network alone: the mount namespace stays, so that pins outlive
 * this process. -ENOENT if there is none of that name.
 */
int netns_enter(const char *name);

/* Whether there is a namespace of that name. */
bool netns_exists(const char *name);

/* This process's namespace: SO_NETNS_COOKIE, or before Linux 5.14 the inode number of its nsfs file. */
int netns_cookie(__u64 *cookie);

/* Whether this process is in another mount namespace than PID 1, as `ip netns exec` leaves it. */
bool netns_mounts_are_private(void);

#endif
