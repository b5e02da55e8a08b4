/* SPDX-License-Identifier: GPL-2.0-only */
/* What a device's driver says of itself, in this process's network namespace. */
#ifndef DRIVER_H
#define DRIVER_H

#include <stdbool.h>
#include <linux/types.h>

/* Whether it runs XDP natively: 1 or 0, or -errno where nobody says (before Linux 6.3). */
int driver_has_xdp(__u32 ifindex);

/* Whether it merges what it receives by LRO, of which nothing can be taken apart again. */
bool driver_merges(const char *device);

#endif
