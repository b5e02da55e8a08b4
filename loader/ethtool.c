/* SPDX-License-Identifier: GPL-2.0-only */
#include <linux/sockios.h>
#include <linux/types.h>
#include <net/if.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "ethtool.h"

/* Asks what stands in `question`, which begins with a command of ethtool's. Returns whether it was answered there. */
static bool ask(const char *device, void *question)
{
	struct ifreq request = { .ifr_data = question };
	int file = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int error;

	if (file < 0)
		return false;
	strncpy(request.ifr_name, device, sizeof(request.ifr_name) - 1);
	error = ioctl(file, SIOCETHTOOL, &request);
	close(file);
	return !error;
}

struct driver_name ethtool_driver(const char *device)
{
	struct ethtool_drvinfo answer = { .cmd = ETHTOOL_GDRVINFO };
	struct driver_name name = {};

	if (ask(device, &answer))
		memcpy(name.text, answer.driver, sizeof(name.text) - 1);
	return name;
}

static bool has_flag(const char *device, __u32 flag)
{
	struct ethtool_value answer = { .cmd = ETHTOOL_GFLAGS };

	return ask(device, &answer) && answer.data & flag;
}

bool ethtool_merges(const char *device)
{
	return has_flag(device, ETH_FLAG_LRO);
}

bool ethtool_takes_tags_off(const char *device)
{
	return has_flag(device, ETH_FLAG_RXVLAN);
}

bool ethtool_sums_up(const char *device)
{
	struct ethtool_value answer = { .cmd = ETHTOOL_GTXCSUM };

	return !ask(device, &answer) || answer.data;
}
