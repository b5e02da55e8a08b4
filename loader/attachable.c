/* SPDX-License-Identifier: GPL-2.0-only */
#include <errno.h>
#include <net/if_arp.h>
#include <string.h>

#include "attachable.h"
#include "fail.h"

static int check_type(const struct link *link)
{
	switch (link->type) {
	case ARPHRD_ETHER:
	case ARPHRD_NONE:
	case ARPHRD_RAWIP:
	case ARPHRD_PPP:
		return DONE;
	case ARPHRD_LOOPBACK:
		return fail("%s is the loopback device: attach to the one that leads to the peers", link->name);
	default:
		return fail("%s has link type %u: attach to an Ethernet, tun or PPP device", link->name, link->type);
	}
}

static int check_master(const struct link *link)
{
	if (!*link->master)
		return DONE;
	if (!strcmp(link->master_kind, "vrf"))
		return fail("%s is in the VRF %s, where tunnels are not supported: 'ip link set %s nomaster' first",
			    link->name, link->master, link->name);
	return fail("%s is in the %s %s and has no traffic of its own: attach to %s", link->name,
		    *link->master_kind ? link->master_kind : "device", link->master, link->master);
}

int attachable_find(const struct session *session, const char *name, struct link *link)
{
	int error = link_find(session->netlink, name, link);

	if (error == -ENODEV)
		return fail("there is no device %s here: 'ip link' lists them", name);
	if (error)
		return fail("cannot ask for the device %s: %s", name, strerror(-error));
	/* The kernel also finds a device by another name than its own. */
	if (strcmp(link->name, name))
		return fail("%s is another name of %s: use that", name, link->name);
	return check_type(link) || check_master(link) ? FAILED : DONE;
}
