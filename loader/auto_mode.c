/* SPDX-License-Identifier: GPL-2.0-only */
#include <net/if_arp.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "auto_mode.h"
#include "ethtool.h"

/*
 * By what `sudo make bench` measures of native XDP against tc (its parts `throughput` and `nics`): the rate of one TCP
 * connection, and of small UDP packets.
 */
static const struct {
	const char *name; /* as auto_mode_name() gives it */
	bool native;
} measured[] = {
	/* Its frames are born and die in this kernel. XDP makes it cut whole TCP packets to pieces: 0.12 and 0.7. */
	{ "veth", false },
	/* 0.8 and 1.0. */
	{ "virtio_net", false },
	/* 1.2 and 1.0; GRO merges the inner flow; what is refused costs no skb. */
	{ "vmxnet3", true },
};

struct auto_mode_name auto_mode_name(const struct link *link)
{
	struct auto_mode_name name = {};

	snprintf(name.text, sizeof(name.text), "%s", *link->kind ? link->kind : ethtool_driver(link->name).text);
	return name;
}

bool auto_mode_tries_native(const struct link *link)
{
	struct auto_mode_name name;

	if (link->type != ARPHRD_ETHER)
		return false;
	name = auto_mode_name(link);
	for (size_t i = 0; i < sizeof(measured) / sizeof(measured[0]); i++)
		if (!strcmp(name.text, measured[i].name))
			return measured[i].native;
	/* Not measured. Native XDP is made for the drivers of network cards; tc suits every device. */
	return !*link->kind;
}
