/* SPDX-License-Identifier: GPL-2.0-only */
#include <stdio.h>
#include <string.h>

#include "outside.h"

bool outside_is_lost(struct netlink *netlink, const struct prefix_key *key, __u32 ifindex, struct route *route)
{
	__u8 address[4];

	/* The first address of a subnet may be its broadcast. */
	memcpy(address, key->addr, sizeof(address));
	if (key->prefixlen < 31)
		address[3] |= 1;
	return !route_lookup(netlink, address_number(address), route) && route_is_into(route, ifindex);
}

const char *outside_way(const struct fib *fib, const __u8 address[4], char text[OUTSIDE_WAY_TEXT])
{
	const struct route *route = fib_find_way(fib, address);
	char device[IF_NAMESIZE], gateway[ADDRESS_TEXT];
	__u8 bytes[4];

	*text = '\0';
	if (!route || !route->ifindex || !if_indextoname(route->ifindex, device))
		return text;
	address_bytes(route->gateway, bytes);
	snprintf(text, OUTSIDE_WAY_TEXT, "%s%s dev %s", route->gateway ? " via " : "",
		 route->gateway ? address_format(bytes, gateway) : "", device);
	return text;
}
