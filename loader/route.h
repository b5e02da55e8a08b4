/* SPDX-License-Identifier: GPL-2.0-only */
/* Kernel IPv4 routes of the main table, by rtnetlink. Functions return 0 or -errno. */
#ifndef ROUTE_H
#define ROUTE_H

#include <stdbool.h>
#include <linux/types.h>

struct netlink;
struct nlmsghdr;

struct route {
	__be32 dst;
	__u8 prefixlen;
	__u8 protocol;  /* rtm_protocol */
	__u8 type;      /* RTN_UNICAST, RTN_LOCAL ... */
	__u32 ifindex;  /* 0: none, or several */
	__be32 gateway; /* 0: none */
	__be32 src;     /* preferred source, 0: none */
	__u32 mtu;      /* metric, 0: none */
	__u32 table;
	__u32 priority;
};

/*
 * `ROUTE.dst/prefixlen via NEXT_HOP dev IFINDEX onlink src SRC mtu MTU proto ROUTE_PROTOCOL`: a route into the tunnel. To
 * add one fails with -EEXIST if there is one of the same prefix and priority, to replace it replaces that. What is
 * deleted is that very route, and no other: prefix, device, next hop and protocol must agree; -ESRCH if absent.
 */
struct nlmsghdr *route_add_request(struct netlink *netlink, const struct route *route);
struct nlmsghdr *route_replace_request(struct netlink *netlink, const struct route *route);
struct nlmsghdr *route_delete_request(struct netlink *netlink, const struct route *route);

/* The same at once. */
int route_replace_tunnel(struct netlink *netlink, const struct route *route);
int route_delete_tunnel(struct netlink *netlink, const struct route *route);

/* Whether a route is one that this program made, on any device; whether it leads into the tunnel on one, whoever made it. */
bool route_is_tunnel(const struct route *route);
bool route_is_into(const struct route *route, __u32 ifindex);

/*
 * What the kernel would do with a packet of this host's own to `dst`: the FIB entry that holds it (RTM_F_FIB_MATCH:
 * its prefix, protocol, gateway, type). -ENETUNREACH and the like where there is none.
 */
int route_lookup(struct netlink *netlink, __be32 dst, struct route *route);

/*
 * The same of a packet from `src`, which a rule may look at; where that is no address of this host, for which the
 * kernel answers nothing, of a packet from whatever address.
 */
int route_lookup_from(struct netlink *netlink, __be32 dst, __be32 src, struct route *route);

/* Whether it is an address of this host. */
bool route_is_local(struct netlink *netlink, __be32 address);

/* Which source address the kernel would give such a packet, and the MTU of its way out. */
int route_source(struct netlink *netlink, __be32 dst, __be32 *source, __u32 *mtu);

/* Calls `each` for every route of the main table; a non-zero return ends the walk and is returned. */
int route_each(struct netlink *netlink, int (*each)(const struct route *route, void *argument), void *argument);

#endif
