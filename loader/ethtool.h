/* SPDX-License-Identifier: GPL-2.0-only */
/* What the driver of a device of this process's network namespace says of it, as ethtool(8) asks. */
#ifndef ETHTOOL_H
#define ETHTOOL_H

#include <linux/ethtool.h>
#include <stdbool.h>

/* The driver's name; "" where there is none that says. */
struct driver_name {
	char text[sizeof(((struct ethtool_drvinfo *)0)->driver)];
};

struct driver_name ethtool_driver(const char *device);

/* Whether it merges what it receives by LRO, of which nothing can be taken apart again. */
bool ethtool_merges(const char *device);

/* Whether it takes VLAN tags off the frames that it receives, and hands them up beside them. */
bool ethtool_takes_tags_off(const char *device);

/* Whether it writes the checksums of what it sends; true where it does not say. */
bool ethtool_sums_up(const char *device);

#endif
