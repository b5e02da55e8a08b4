/* SPDX-License-Identifier: GPL-2.0-only */
/* Where the kernel sends what the prefixes hold, and whether it takes what comes from there. */
#include <errno.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <stdio.h>
#include <string.h>

#include "address.h"
#include "check.h"
#include "fail.h"
#include "fib.h"
#include "options.h"
#include "route.h"
#include "sysctl.h"

#define OVERHEAD 20

/* How the peer's inner sources are checked. */
struct source_check {
	bool strict; /* the route back must leave through the device */
	bool any;    /* there must be one */
};

static struct source_check check_of(const struct report *report, const __u8 remote[4])
{
	const struct peer_entry *entry = peers_find(&report->peers, remote);
	struct peer effective;

	if (!entry)
		return (struct source_check){ 0 };
	effective = options_effective(&entry->peer, &report->attachment->meta);
	if (effective.monitor == SWITCH_ON)
		return (struct source_check){ 0 };
	return (struct source_check){
		.strict = effective.rpf == RPF_STRICT,
		.any = effective.rpf == RPF_STRICT || effective.rpf == RPF_LOOSE,
	};
}

/* The kernel's route to the prefix as a whole. -ESRCH where what it says is of a part of it, or of a part of it alone. */
static int find_route(struct checking *checking, const struct prefix_key *key, struct route *route)
{
	__u8 address[4];
	int error;

	/* The first address of a subnet may be its broadcast. */
	memcpy(address, key->addr, 4);
	if (key->prefixlen < 31)
		address[3] |= 1;
	error = route_lookup(checking->session->netlink, address_number(address), route);
	if (!error && (route->prefixlen > key->prefixlen || route->type != RTN_UNICAST || !route->ifindex))
		return -ESRCH;
	return error;
}

static void suggest_route(struct checking *checking, const struct prefix_entry *entry, const struct route *route,
			  const char *prefix)
{
	const struct report *report = &checking->report;
	const __u8 next_hop[] = NEXT_HOP;
	char address[ADDRESS_TEXT], src[ADDRESS_TEXT + 5] = "";
	__u8 source[4];

	if (report->attachment->meta.routes == SWITCH_ON) {
		findings_command(&checking->findings, "%s prefix replace %s %s remote %s",
				 session_program(checking->session), checking->device, prefix,
				 address_format(entry->prefix.remote, address));
		return;
	}
	if (route && route->src) {
		address_bytes(route->src, source);
		snprintf(src, sizeof(src), " src %s", address_format(source, address));
	}
	findings_command(&checking->findings, "%s route replace %s via %s dev %s onlink%s mtu %u", checking->ip, prefix,
			 address_format(next_hop, address), checking->device, src, report->mtu);
}

/* No route of ours leads into it: it was made with `routes off`, or by bpftool. */
static void judge_unrouted(struct checking *checking, const struct prefix_entry *entry)
{
	const struct source_check source = check_of(&checking->report, entry->prefix.remote);
	const __u32 ifindex = checking->report.link.ifindex;
	struct findings *findings = &checking->findings;
	char prefix[PREFIX_TEXT];
	struct route route = { 0 };
	int error = find_route(checking, &entry->key, &route);

	prefix_format(&entry->key, prefix);
	if (error == -ESRCH)
		return;
	if (error && source.any) {
		findings_add(findings, SEVERITY_ERROR, "no route leads to %s", prefix);
		findings_why(findings, "nothing is sent there, and what comes from there is dropped (no_route)");
	} else if (!error && route.ifindex != ifindex && source.strict) {
		findings_add(findings, SEVERITY_ERROR, "the route to %s does not lead through %s", prefix,
			     checking->device);
		findings_why(findings,
			     "nothing is sent into the tunnel, and what comes from there is dropped (rpf_route)");
	} else if (!error && route.ifindex == ifindex && !route.gateway && checking->report.link.type == ARPHRD_ETHER) {
		findings_add(findings, SEVERITY_ERROR, "the route to %s has no next hop", prefix);
		findings_why(findings, "the kernel asks for inner addresses by ARP on %s, in vain", checking->device);
	} else {
		return;
	}
	suggest_route(checking, entry, &route, prefix);
}

/* A route of others for the same prefix, which the kernel prefers. */
static bool judge_rival(struct checking *checking, const struct prefix_entry *entry)
{
	const struct route *best = fib_find_best(&checking->report.fib, &entry->key);
	struct findings *findings = &checking->findings;
	char prefix[PREFIX_TEXT], device[IF_NAMESIZE] = "";

	if (!best || !fib_find_tunnel(&checking->report.fib, &entry->key, checking->report.link.ifindex) ||
	    best->ifindex == checking->report.link.ifindex)
		return false;
	if_indextoname(best->ifindex, device);
	findings_add(findings, SEVERITY_ERROR, "the route %s through %s goes before the tunnel's",
		     prefix_format(&entry->key, prefix), device);
	findings_why(findings, "nothing is sent into the tunnel");
	findings_command(findings, "%s route del %s dev %s", checking->ip, prefix, device);
	return true;
}

/* A route into the tunnel that is not the loader's, which keeps the MTU of its own. */
static void judge_mtu(struct checking *checking, const struct prefix_entry *entry, const struct route *tunnel)
{
	struct findings *findings = &checking->findings;
	char prefix[PREFIX_TEXT];

	if (checking->report.attachment->meta.routes == SWITCH_ON &&
	    route_records_find(&checking->report.records, &entry->key))
		return; /* check_attach says so */
	if (tunnel->mtu && tunnel->mtu <= checking->report.mtu)
		return;
	prefix_format(&entry->key, prefix);
	findings->check = "mtu";
	if (tunnel->mtu)
		findings_add(findings, SEVERITY_WARNING, "the route %s has MTU %u, and %u is left inside", prefix,
			     tunnel->mtu, checking->report.mtu);
	else
		findings_add(findings, SEVERITY_WARNING, "the route %s has no MTU, and %u is left inside", prefix,
			     checking->report.mtu);
	findings_why(findings,
		     "packets that are too big are dropped, and only then their senders told (encap_too_big)");
	suggest_route(checking, entry, tunnel, prefix);
	findings->check = "prefix";
}

static void judge_prefix(struct checking *checking, const struct prefix_entry *entry)
{
	const struct report *report = &checking->report;
	const struct route *best = fib_find_best(&report->fib, &entry->key);

	if (!prefix_is_valid(&entry->prefix) || !prefix_is_routable(&entry->prefix) || judge_rival(checking, entry))
		return;
	if (best && route_is_into(best, report->link.ifindex))
		judge_mtu(checking, entry, best);
	else if (report->attachment->meta.routes != SWITCH_ON || !route_records_find(&report->records, &entry->key))
		judge_unrouted(checking, entry);
}

int check_prefixes(struct checking *checking)
{
	const struct prefixes *prefixes = &checking->report.prefixes;
	size_t before = checking->findings.count;

	for (size_t i = 0; i < prefixes->count; i++)
		judge_prefix(checking, &prefixes->list[i]);
	if (checking->findings.count == before)
		findings_ok(&checking->findings, "the kernel's routes fit the prefixes");
	return DONE;
}

/* Whether somebody sends from this prefix who is let in, and whom rp_filter=1 would turn away. */
static bool is_turned_away(struct checking *checking, const struct prefix_entry *entry)
{
	struct route route;

	return prefix_is_valid(&entry->prefix) && prefix_is_routable(&entry->prefix) &&
	       peers_find(&checking->report.peers, entry->prefix.remote) &&
	       !check_of(&checking->report, entry->prefix.remote).strict &&
	       !find_route(checking, &entry->key, &route) && route.ifindex != checking->report.link.ifindex;
}

int check_rp_filter(struct checking *checking)
{
	const struct prefixes *prefixes = &checking->report.prefixes;
	struct findings *findings = &checking->findings;
	char prefix[PREFIX_TEXT], setting[SYSCTL_TEXT];
	int all, own;

	if (sysctl_read("all", "rp_filter", &all) || sysctl_read(checking->device, "rp_filter", &own))
		return fail("cannot read rp_filter of %s", checking->device);
	own = all > own ? all : own;
	for (size_t i = 0; own == 1 && i < prefixes->count; i++) {
		if (!is_turned_away(checking, &prefixes->list[i]))
			continue;
		findings_add(findings, SEVERITY_ERROR, "rp_filter is 1, and the route to %s does not lead through %s",
			     prefix_format(&prefixes->list[i].key, prefix), checking->device);
		findings_why(findings, "the kernel drops what comes from there, whatever rpf says");
		findings_command(findings, "%ssysctl -w %s=2", checking->inside,
				 sysctl_name(checking->device, "rp_filter", setting));
		return DONE;
	}
	findings_ok(findings, "rp_filter is %d", own);
	return DONE;
}

/* A host's own address as a source is refused: by the FIB, which names no route to it, and by the kernel itself. */
static void judge_shared(struct checking *checking, const struct prefix_entry *entry, bool accepts)
{
	struct source_check source = check_of(&checking->report, entry->prefix.remote);
	struct findings *findings = &checking->findings;
	char prefix[PREFIX_TEXT], peer[ADDRESS_TEXT], setting[SYSCTL_TEXT];

	if (!source.any && accepts)
		return;
	findings_add(findings, SEVERITY_WARNING, "%s is an address of this host too",
		     prefix_format(&entry->key, prefix));
	if (source.any) {
		findings_why(findings, "what comes from there is dropped (no_route), unless rpf is off");
		findings_command(findings, "%s peer set %s remote %s rpf off", session_program(checking->session),
				 checking->device, address_format(entry->prefix.remote, peer));
	} else {
		findings_why(findings, "the kernel drops what comes from there, unless accept_local is 1");
		findings_command(findings, "%ssysctl -w %s=1", checking->inside,
				 sysctl_name(checking->device, "accept_local", setting));
	}
}

int check_accept_local(struct checking *checking)
{
	const struct prefixes *prefixes = &checking->report.prefixes;
	size_t before = checking->findings.count;
	int all, own;

	if (sysctl_read("all", "accept_local", &all) || sysctl_read(checking->device, "accept_local", &own))
		return fail("cannot read accept_local of %s", checking->device);
	for (size_t i = 0; i < prefixes->count; i++) {
		const struct prefix_entry *entry = &prefixes->list[i];

		if (entry->key.prefixlen == 32 && prefix_is_valid(&entry->prefix) &&
		    prefix_is_routable(&entry->prefix) && host_addresses_find(&checking->addresses, entry->key.addr))
			judge_shared(checking, entry, all || own);
	}
	if (checking->findings.count == before)
		findings_ok(&checking->findings, "accept_local is %d, which suits the prefixes", all || own);
	return DONE;
}
