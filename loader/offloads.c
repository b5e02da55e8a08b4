/* SPDX-License-Identifier: GPL-2.0-only */
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <linux/types.h>
#include <net/if.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "offloads.h"

/* What the driver answers to a question of ethtool's, or `unknown`. */
static __u32 ask(const char *device, __u32 command, __u32 unknown)
{
	struct ethtool_value answer = { .cmd = command };
	struct ifreq request = { .ifr_data = (void *)&answer };
	int file = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int error;

	if (file < 0)
		return unknown;
	strncpy(request.ifr_name, device, sizeof(request.ifr_name) - 1);
	error = ioctl(file, SIOCETHTOOL, &request);
	close(file);
	return error ? unknown : answer.data;
}

bool offloads_merge(const char *device)
{
	return ask(device, ETHTOOL_GFLAGS, 0) & ETH_FLAG_LRO;
}

bool offloads_sum_up(const char *device)
{
	return ask(device, ETHTOOL_GTXCSUM, 1);
}
