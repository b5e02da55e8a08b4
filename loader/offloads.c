/* SPDX-License-Identifier: GPL-2.0-only */
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <linux/types.h>
#include <net/if.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "offloads.h"

bool offloads_merge(const char *device)
{
	struct ethtool_value flags = { .cmd = ETHTOOL_GFLAGS };
	struct ifreq request = { .ifr_data = (void *)&flags };
	int file = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int error;

	if (file < 0)
		return false;
	strncpy(request.ifr_name, device, sizeof(request.ifr_name) - 1);
	error = ioctl(file, SIOCETHTOOL, &request);
	close(file);
	return !error && flags.data & ETH_FLAG_LRO;
}
