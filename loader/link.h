/* SPDX-License-Identifier: GPL-2.0-only */
/* Network devices and their addresses, asked of the kernel by rtnetlink. */
#ifndef LINK_H
#define LINK_H

#include <net/if.h>
#include <stdbool.h>
#include <stddef.h>
#include <linux/types.h>

struct netlink;

struct link {
	char name[IFNAMSIZ];
	__u32 ifindex;
	__u32 mtu;
	__u16 type; /* ARPHRD_ETHER, ARPHRD_NONE ... */
	bool up;
	bool carrier;
	__u8 mac[6];           /* 0 where it is no Ethernet device */
	char kind[32];         /* IFLA_INFO_KIND: "veth", "tun", "vlan" ...; "" for a real device */
	char master[IFNAMSIZ]; /* the bridge, bond or VRF it is in, or "" */
	char master_kind[32];  /* that one's IFLA_INFO_KIND */
};

/* An Ethernet device that is not made of software. */
bool link_is_hardware(const struct link *link);

/* Finds a device by its name. Returns 0, -ENODEV, or another -errno. */
int link_find(struct netlink *netlink, const char *name, struct link *link);

/* The same by its index. */
int link_find_index(struct netlink *netlink, __u32 ifindex, struct link *link);

/* The VLAN devices on top of a device that are in its namespace. */
struct link_vlans {
	size_t count;
	char first[IFNAMSIZ]; /* the name of one, "" if there is none */
};

/* Returns 0 or -errno. */
int link_vlans(struct netlink *netlink, __u32 ifindex, struct link_vlans *vlans);

/* The device's first IPv4 address of global scope. Returns 0, -EADDRNOTAVAIL, or another -errno. */
int link_first_address(struct netlink *netlink, __u32 ifindex, __be32 *address);

#endif
