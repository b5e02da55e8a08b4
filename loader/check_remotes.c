/* SPDX-License-Identifier: GPL-2.0-only */
/* The way to each peer's outer address. */
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <stdio.h>
#include <string.h>

#include "address.h"
#include "check.h"
#include "fail.h"
#include "fib.h"
#include "neighbour.h"
#include "route.h"

/* What is told once, however many peers it is true of. */
struct remotes {
	__be32 silent;    /* the next hop that was last said to be silent */
	size_t elsewhere; /* peers whose way leaves through another device */
	char device[IF_NAMESIZE];
};

static const char *type_name(__u8 type)
{
	return type == RTN_BLACKHOLE ? "blackhole" : type == RTN_UNREACHABLE ? "unreachable" : "prohibit";
}

/* "via GATEWAY dev DEVICE" as the next best route has it. */
static void name_way(const struct checking *checking, const struct route *way, char text[64])
{
	char gateway[ADDRESS_TEXT], device[IF_NAMESIZE] = "";
	__u8 address[4];

	if (way)
		if_indextoname(way->ifindex, device);
	if (!way || way->type != RTN_UNICAST || !*device) {
		snprintf(text, 64, "via GATEWAY dev %s", checking->device);
		return;
	}
	address_bytes(way->gateway, address);
	if (way->gateway)
		snprintf(text, 64, "via %s dev %s", address_format(address, gateway), device);
	else
		snprintf(text, 64, "dev %s", device);
}

static void suggest_route(struct checking *checking, const __u8 remote[4], const struct route *way)
{
	char text[64], peer[ADDRESS_TEXT];

	name_way(checking, way, text);
	findings_command(&checking->findings, "%s route replace %s/32 %s", checking->ip, address_format(remote, peer),
			 text);
}

static void judge_loop(struct checking *checking, const __u8 remote[4], const struct route *route)
{
	char peer[ADDRESS_TEXT], prefix[PREFIX_TEXT];
	struct prefix_key key = { .prefixlen = route->prefixlen };

	address_bytes(route->dst, key.addr);
	findings_add(&checking->findings, SEVERITY_ERROR, "a loop: the route %s leads to peer %s through a tunnel",
		     prefix_format(&key, prefix), address_format(remote, peer));
	findings_why(&checking->findings, "what is sent to it is dropped (encap_loop)");
	suggest_route(checking, remote, fib_find_way(&checking->report.fib, remote));
}

/* The kernel names no device: no route, or one that refuses. */
static void judge_nowhere(struct checking *checking, const __u8 remote[4])
{
	const struct route *way = fib_find_way(&checking->report.fib, remote);
	struct prefix_key key;
	char peer[ADDRESS_TEXT], prefix[PREFIX_TEXT];

	address_format(remote, peer);
	if (!way || way->type == RTN_UNICAST) {
		findings_add(&checking->findings, SEVERITY_ERROR, "no route leads to peer %s", peer);
		findings_why(&checking->findings, "what is sent to it is dropped (encap_no_route)");
		suggest_route(checking, remote, NULL);
		return;
	}
	key.prefixlen = way->prefixlen;
	address_bytes(way->dst, key.addr);
	findings_add(&checking->findings, SEVERITY_ERROR, "the route to peer %s is '%s %s'", peer, type_name(way->type),
		     prefix_format(&key, prefix));
	findings_why(&checking->findings, "what is sent to it is dropped (encap_no_route)");
	findings_command(&checking->findings, "%s route del %s %s", checking->ip, type_name(way->type), prefix);
}

static void judge_own(struct checking *checking, const __u8 remote[4])
{
	const struct host_address *own = host_addresses_find(&checking->addresses, remote);
	char peer[ADDRESS_TEXT], device[IF_NAMESIZE] = "lo";

	findings_add(&checking->findings, SEVERITY_ERROR, "peer %s is an address of this host",
		     address_format(remote, peer));
	findings_why(&checking->findings, "nothing is sent to the far end");
	if (!own)
		return;
	if_indextoname(own->ifindex, device);
	findings_command(&checking->findings, "%s address del %s/%u dev %s", checking->ip, peer, own->prefixlen,
			 device);
}

static void judge_next_hop(struct checking *checking, struct remotes *remotes, const __u8 remote[4],
			   const struct route *route)
{
	__be32 next_hop = route->gateway ? route->gateway : address_number(remote);
	char text[ADDRESS_TEXT];
	__u8 address[4];

	if (next_hop == remotes->silent || !neighbour_failed(checking->session->netlink, route->ifindex, next_hop))
		return;
	remotes->silent = next_hop;
	address_bytes(next_hop, address);
	address_format(address, text);
	findings_add(&checking->findings, SEVERITY_ERROR, "the next hop %s on the way to peers does not answer ARP",
		     text);
	findings_why(&checking->findings, "look at that host, its address and the cable; this asks it again");
	findings_command(&checking->findings, "%sping -c 1 %s", checking->inside, text);
}

static void judge_remote(struct checking *checking, struct remotes *remotes, const __u8 remote[4])
{
	struct route route;

	if (route_lookup(checking->session->netlink, address_number(remote), &route)) {
		judge_nowhere(checking, remote);
	} else if (route.type == RTN_LOCAL) {
		judge_own(checking, remote);
	} else if (route_is_tunnel(&route)) {
		judge_loop(checking, remote, &route);
	} else if (route.ifindex) {
		judge_next_hop(checking, remotes, remote, &route);
		if (route.ifindex != checking->report.link.ifindex) {
			remotes->elsewhere++;
			if_indextoname(route.ifindex, remotes->device);
		}
	}
}

int check_remotes(struct checking *checking)
{
	const struct peers *peers = &checking->report.peers;
	size_t before = checking->findings.count;
	struct remotes remotes = { 0 };

	for (size_t i = 0; i < peers->count; i++) {
		if (!address_is_zero(peers->list[i].key.remote))
			judge_remote(checking, &remotes, peers->list[i].key.remote);
	}
	if (remotes.elsewhere)
		findings_ok(&checking->findings, "peers reached through %s: %zu; what they send must come in by %s",
			    remotes.device, remotes.elsewhere, checking->device);
	if (checking->findings.count == before)
		findings_ok(&checking->findings, "a route leads to each peer, and none into a tunnel");
	return DONE;
}
