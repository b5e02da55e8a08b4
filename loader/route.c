/* SPDX-License-Identifier: GPL-2.0-only */
#include <errno.h>
#include <string.h>
#include <linux/rtnetlink.h>
#include <linux/types.h>

#include "layout.h"
#include "link.h"
#include "netlink.h"
#include "route.h"

static __be32 next_hop(void)
{
	const __u8 bytes[4] = NEXT_HOP;
	__be32 address;

	memcpy(&address, bytes, sizeof(address));
	return address;
}

static void read_metrics(const struct nlattr *metrics, struct route *route)
{
	const struct nlattr *attribute;

	mnl_attr_for_each_nested(attribute, metrics)
		if (mnl_attr_get_type(attribute) == RTAX_MTU)
			route->mtu = mnl_attr_get_u32(attribute);
}

static void read_attribute(const struct nlattr *attribute, struct route *route)
{
	switch (mnl_attr_get_type(attribute)) {
	case RTA_DST:
		route->dst = mnl_attr_get_u32(attribute);
		break;
	case RTA_OIF:
		route->ifindex = mnl_attr_get_u32(attribute);
		break;
	case RTA_GATEWAY:
		route->gateway = mnl_attr_get_u32(attribute);
		break;
	case RTA_PREFSRC:
		route->src = mnl_attr_get_u32(attribute);
		break;
	case RTA_PRIORITY:
		route->priority = mnl_attr_get_u32(attribute);
		break;
	case RTA_TABLE:
		route->table = mnl_attr_get_u32(attribute);
		break;
	case RTA_METRICS:
		read_metrics(attribute, route);
		break;
	}
}

static void read_route(const struct nlmsghdr *message, struct route *route)
{
	const struct rtmsg *header = mnl_nlmsg_get_payload(message);
	const struct nlattr *attribute;

	*route = (struct route){
		.prefixlen = header->rtm_dst_len,
		.protocol = header->rtm_protocol,
		.type = header->rtm_type,
		.table = header->rtm_table,
	};
	mnl_attr_for_each(attribute, message, sizeof(*header))
		read_attribute(attribute, route);
}

/* The words that name a route into the tunnel, both to make it and to take it away. */
static struct nlmsghdr *tunnel_request(struct netlink *netlink, int type, int flags, const struct route *route)
{
	struct nlmsghdr *request;
	struct rtmsg *header;
	void *space;

	request = netlink_request(netlink, type, flags, sizeof(*header), &space);
	header = space;
	header->rtm_family = AF_INET;
	header->rtm_dst_len = route->prefixlen;
	header->rtm_table = RT_TABLE_MAIN;
	header->rtm_protocol = ROUTE_PROTOCOL;
	header->rtm_scope = RT_SCOPE_UNIVERSE;
	header->rtm_type = RTN_UNICAST;
	header->rtm_flags = RTNH_F_ONLINK;
	mnl_attr_put_u32(request, RTA_DST, route->dst);
	mnl_attr_put_u32(request, RTA_GATEWAY, next_hop());
	mnl_attr_put_u32(request, RTA_OIF, route->ifindex);
	if (route->priority)
		mnl_attr_put_u32(request, RTA_PRIORITY, route->priority);
	return request;
}

static struct nlmsghdr *make_request(struct netlink *netlink, int flags, const struct route *route)
{
	struct nlmsghdr *request = tunnel_request(netlink, RTM_NEWROUTE, NLM_F_CREATE | flags, route);
	struct nlattr *metrics;

	if (route->src)
		mnl_attr_put_u32(request, RTA_PREFSRC, route->src);
	if (route->mtu) {
		metrics = mnl_attr_nest_start(request, RTA_METRICS);
		mnl_attr_put_u32(request, RTAX_MTU, route->mtu);
		mnl_attr_nest_end(request, metrics);
	}
	return request;
}

struct nlmsghdr *route_add_request(struct netlink *netlink, const struct route *route)
{
	return make_request(netlink, NLM_F_EXCL, route);
}

struct nlmsghdr *route_replace_request(struct netlink *netlink, const struct route *route)
{
	return make_request(netlink, NLM_F_REPLACE, route);
}

struct nlmsghdr *route_delete_request(struct netlink *netlink, const struct route *route)
{
	return tunnel_request(netlink, RTM_DELROUTE, 0, route);
}

int route_replace_tunnel(struct netlink *netlink, const struct route *route)
{
	return netlink_talk(netlink, route_replace_request(netlink, route), NULL, NULL);
}

int route_delete_tunnel(struct netlink *netlink, const struct route *route)
{
	return netlink_talk(netlink, route_delete_request(netlink, route), NULL, NULL);
}

bool route_is_tunnel(const struct route *route)
{
	return route->protocol == ROUTE_PROTOCOL && route->type == RTN_UNICAST && route->gateway == next_hop();
}

bool route_is_into(const struct route *route, __u32 ifindex)
{
	return route->type == RTN_UNICAST && route->gateway == next_hop() && route->ifindex == ifindex;
}

static int read_answer(const struct nlmsghdr *message, void *argument)
{
	read_route(message, argument);
	return MNL_CB_OK;
}

static int ask(struct netlink *netlink, __be32 dst, __be32 src, unsigned int flags, struct route *route)
{
	struct nlmsghdr *request;
	struct rtmsg *header;
	void *space;

	request = netlink_request(netlink, RTM_GETROUTE, 0, sizeof(*header), &space);
	header = space;
	header->rtm_family = AF_INET;
	header->rtm_dst_len = 32;
	header->rtm_flags = flags;
	mnl_attr_put_u32(request, RTA_DST, dst);
	if (src) {
		header->rtm_src_len = 32;
		mnl_attr_put_u32(request, RTA_SRC, src);
	}
	return netlink_talk(netlink, request, read_answer, route);
}

int route_lookup(struct netlink *netlink, __be32 dst, struct route *route)
{
	/*
	 * Without RTM_F_LOOKUP_TABLE the kernel says "main" whichever table the entry is in. Even so it says "main" of
	 * the local table as long as nobody has added a rule, since the two are one trie until then: go by the type.
	 */
	return ask(netlink, dst, 0, RTM_F_FIB_MATCH | RTM_F_LOOKUP_TABLE, route);
}

int route_lookup_from(struct netlink *netlink, __be32 dst, __be32 src, struct route *route)
{
	if (!route_is_local(netlink, src))
		src = 0;
	return ask(netlink, dst, src, RTM_F_FIB_MATCH | RTM_F_LOOKUP_TABLE, route);
}

bool route_is_local(struct netlink *netlink, __be32 address)
{
	struct route route;

	return !route_lookup(netlink, address, &route) && route.type == RTN_LOCAL;
}

int route_source(struct netlink *netlink, __be32 dst, __be32 *source, __u32 *mtu)
{
	struct route route;
	struct link link;
	int error;

	error = ask(netlink, dst, 0, 0, &route);
	if (error)
		return error;
	if (!route.mtu) {
		error = link_find_index(netlink, route.ifindex, &link);
		if (error)
			return error;
		route.mtu = link.mtu;
	}
	*source = route.src;
	*mtu = route.mtu;
	return 0;
}

struct walk {
	int (*each)(const struct route *route, void *argument);
	void *argument;
	int result;
};

static int step(const struct nlmsghdr *message, void *argument)
{
	const struct rtmsg *header = mnl_nlmsg_get_payload(message);
	struct walk *walk = argument;
	struct route route;

	read_route(message, &route);
	/* A kernel that takes no filter also sends other tables, and what it learned of single destinations. */
	if (route.table != RT_TABLE_MAIN || (header->rtm_flags & RTM_F_CLONED))
		return MNL_CB_OK;
	walk->result = walk->each(&route, walk->argument);
	return walk->result ? MNL_CB_STOP : MNL_CB_OK;
}

int route_each(struct netlink *netlink, int (*each)(const struct route *route, void *argument), void *argument)
{
	struct walk walk = { .each = each, .argument = argument };
	struct nlmsghdr *request;
	struct rtmsg *header;
	void *space;
	int error;

	request = netlink_request(netlink, RTM_GETROUTE, NLM_F_DUMP, sizeof(*header), &space);
	header = space;
	header->rtm_family = AF_INET;
	header->rtm_table = RT_TABLE_MAIN;
	error = netlink_talk(netlink, request, step, &walk);
	if (walk.result)
		return walk.result;
	/* The main table of a namespace comes into being with its first route. */
	return error == -ENOENT ? 0 : error;
}
