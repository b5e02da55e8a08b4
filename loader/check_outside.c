/* SPDX-License-Identifier: GPL-2.0-only */
/* Whether what goes through no tunnel is led into none. */
#include <bpf/bpf.h>

#include "address.h"
#include "check.h"
#include "fail.h"
#include "outside.h"

/* A bare prefix, or one of `any`. */
static void judge_exception(struct checking *checking, const struct prefix_entry *entry)
{
	const struct report *report = &checking->report;
	struct findings *findings = &checking->findings;
	char prefix[PREFIX_TEXT], swallow[PREFIX_TEXT], way[OUTSIDE_WAY_TEXT];
	struct prefix_key holder;
	struct route route;
	__u8 address[4];

	if (!outside_is_lost(checking->session->netlink, &entry->key, report->link.ifindex, &route))
		return;
	address_bytes(route.dst, address);
	holder = prefix_of(address, route.prefixlen);
	prefix_format(&entry->key, prefix);
	findings_add(findings, SEVERITY_ERROR, "%s goes through no tunnel, but the kernel's route %s leads it into one",
		     prefix, prefix_format(&holder, swallow));
	findings_why(findings, "what is sent there is lost");
	if (*outside_way(&report->fib, entry->key.addr, way))
		findings_command(findings, "%s route add %s%s", checking->ip, prefix, way);
}

/* A route into the tunnel for which there is no prefix, as after one was deleted with bpftool. */
static void judge_route(struct checking *checking, const struct route *route)
{
	const struct report *report = &checking->report;
	struct findings *findings = &checking->findings;
	char text[PREFIX_TEXT], next_hop[ADDRESS_TEXT];
	struct prefix_key key;
	struct prefix prefix;
	__u8 address[4];

	if (!route_is_into(route, report->link.ifindex))
		return;
	address_bytes(route->dst, address);
	key = prefix_of(address, route->prefixlen);
	if (!bpf_map_lookup_elem(report->attachment->maps.prefixes, &key, &prefix))
		return;
	address_bytes(route->gateway, address);
	prefix_format(&key, text);
	findings_add(findings, SEVERITY_WARNING, "the route %s leads into the tunnel, and no prefix holds it", text);
	findings_why(findings, "what is sent there, but to longer prefixes, is lost");
	findings_command(findings, "%s route del %s via %s dev %s", checking->ip, text,
			 address_format(address, next_hop), checking->device);
}

/* A network that the device itself is in. */
static void judge_own_network(struct checking *checking, const struct host_address *own)
{
	struct prefix_key key = prefix_of(own->address, own->prefixlen);
	struct findings *findings = &checking->findings;
	struct prefix prefix;
	char network[PREFIX_TEXT];

	if (own->ifindex != checking->report.link.ifindex || own->prefixlen == 32 ||
	    bpf_map_lookup_elem(checking->report.attachment->maps.prefixes, &key, &prefix) ||
	    !prefix_is_valid(&prefix) || !prefix_is_routable(&prefix))
		return;
	prefix_format(&key, network);
	findings_add(findings, SEVERITY_ERROR, "a peer's prefix holds %s, a network of %s itself", network,
		     checking->device);
	findings_why(findings, "what is sent there is wrapped too, and what comes from there refused");
	findings_command(findings, "%s prefix add %s %s bare", session_program(checking->session), checking->device,
			 network);
}

int check_outside(struct checking *checking)
{
	const struct report *report = &checking->report;
	size_t before = checking->findings.count;

	for (size_t i = 0; i < report->prefixes.count; i++) {
		const struct prefix_entry *entry = &report->prefixes.list[i];

		if (prefix_is_valid(&entry->prefix) && !prefix_is_routable(&entry->prefix))
			judge_exception(checking, entry);
	}
	for (size_t i = 0; i < report->fib.count; i++)
		judge_route(checking, &report->fib.list[i]);
	for (size_t i = 0; i < checking->addresses.count; i++)
		judge_own_network(checking, &checking->addresses.list[i]);
	if (checking->findings.count == before)
		findings_ok(&checking->findings, "what goes through no tunnel is led into none");
	return DONE;
}
