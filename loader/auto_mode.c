/* SPDX-License-Identifier: GPL-2.0-only */
#include <net/if_arp.h>
#include <stddef.h>
#include <string.h>

#include "auto_mode.h"

/*
 * By what `sudo make bench` measures of native XDP against tc (its parts `throughput` and `nics`): the rate of one TCP
 * connection, and of small UDP packets.
 */
static const struct {
	const char *kind; /* IFLA_INFO_KIND; "" is hardware */
	bool native;
} measured[] = {
	/* Its frames are born and die in this kernel. XDP makes it cut whole TCP packets to pieces: 0.12 and 0.7. */
	{ "veth", false },
	/* virtio_net 1.0 and 1.0, vmxnet3 1.2 and 1.0; GRO merges the inner flow; what is refused costs no skb. */
	{ "", true },
};

bool auto_mode_tries_native(const struct link *link)
{
	if (link->type != ARPHRD_ETHER)
		return false;
	for (size_t i = 0; i < sizeof(measured) / sizeof(measured[0]); i++)
		if (!strcmp(link->kind, measured[i].kind))
			return measured[i].native;
	return false; /* not measured: tc suits every device */
}
