/* SPDX-License-Identifier: GPL-2.0-only */
/* A device as such, and whether `attach` would work on it. */
#include <errno.h>
#include <linux/rtnetlink.h>
#include <net/if_arp.h>
#include <string.h>

#include "address.h"
#include "attaching.h"
#include "check.h"
#include "fail.h"
#include "neighbour.h"

int check_link(struct checking *checking)
{
	const struct link *link = &checking->report.link;
	struct findings *findings = &checking->findings;

	if (!checking->report.present)
		return DONE; /* check_attach or check_missing says so */
	if (!link->up) {
		findings_add(findings, SEVERITY_ERROR, "%s is down", link->name);
		findings_why(findings, "nothing is sent or received; its routes and neighbour go with it");
		findings_command(findings, "%s link set %s up%s%s%s%s", checking->ip, link->name,
				 checking->report.attachment ? " && " : "",
				 checking->report.attachment ? session_program(checking->session) : "",
				 checking->report.attachment ? " attach " : "",
				 checking->report.attachment ? link->name : "");
	} else if (!link->carrier) {
		findings_add(findings, SEVERITY_ERROR, "%s has no carrier", link->name);
		findings_why(findings, "the cable, or the device at its other end");
	} else {
		findings_ok(findings, "%s is up, with MTU %u", link->name, link->mtu);
	}
	return DONE;
}

/* A route into the tunnel that has not the MTU that is left now, as after either MTU was changed. */
static void judge_mtu(struct checking *checking, const struct route *before, const struct route *after,
		      const struct prefix_key *key)
{
	struct findings *findings = &checking->findings;
	char prefix[PREFIX_TEXT];

	findings->check = "mtu";
	findings_add(findings, SEVERITY_WARNING, "the route %s has MTU %u, and %u is left on the way to its peer",
		     prefix_format(key, prefix), before->mtu, after->mtu);
	findings_why(findings, before->mtu > after->mtu ? "packets that are too big are dropped (encap_too_big)"
							: "packets are cut smaller than they need be");
	findings_command(findings, "%s attach %s", session_program(checking->session), checking->device);
	findings_by_attach(findings);
}

/* Whether the kernel's route to the peer leads out of this host; else it has no MTU, and check_remotes tells of it. */
static bool has_way(struct checking *checking, const __u8 remote[4])
{
	struct route route;

	return !route_lookup(checking->session->netlink, address_number(remote), &route) && route.type == RTN_UNICAST &&
	       !route_is_tunnel(&route);
}

static void judge_routes(struct checking *checking, struct attaching *attaching)
{
	struct change *change = &attaching->change;
	size_t before_count = checking->findings.count;

	for (size_t i = 0; i < change->wish_count; i++) {
		const struct prefix_wish *wish = &change->wishes[i];
		const struct route *before = change_route_before(change, wish);
		struct route after;

		if (!before || !change_wants_route(change, wish))
			continue;
		after = change_route(change, wish);
		if (before->mtu != after.mtu && has_way(checking, wish->prefix.remote))
			judge_mtu(checking, before, &after, &wish->key);
	}
	checking->findings.check = "mtu";
	if (checking->report.attachment && checking->findings.count == before_count)
		findings_ok(&checking->findings, "%u is left inside", checking->report.mtu);
}

/* Somebody else's entry for our next hop. */
static void judge_neighbour(struct checking *checking, const struct attaching *attaching)
{
	struct findings *findings = &checking->findings;
	const __u8 next_hop[] = NEXT_HOP;
	char address[ADDRESS_TEXT];
	bool present, right;

	if (attaching->link.type != ARPHRD_ETHER || attaching->attachment.meta.made & MADE_NEIGHBOUR ||
	    neighbour_find(checking->session->netlink, attaching->link.ifindex, &present, &right) || !present || right)
		return;
	address_format(next_hop, address);
	findings_add(findings, SEVERITY_ERROR, "%s has a neighbour %s of somebody else's", attaching->link.name,
		     address);
	findings_why(findings, "the tunnel needs it for itself");
	findings_command(findings, "%s neighbour del %s dev %s", checking->ip, address, attaching->link.name);
}

static int prepare(struct attaching *attaching)
{
	static const struct attach_request nothing;

	if (attaching_fill(attaching, &nothing, false) || attaching_begin(attaching) ||
	    change_wish_routes(&attaching->change, NULL) || attaching_check(attaching))
		return FAILED;
	return attaching->is_new ? attaching_load(attaching) : DONE;
}

/* What `attach` would refuse, and the command that helps where there is one. */
static void refused(struct checking *checking, const char *line)
{
	const struct link *link = &checking->report.link;
	struct findings *findings = &checking->findings;
	const char *command = strstr(line, "'ip ");
	__be32 address;

	checking->refused = true;
	findings->check = "attach";
	findings_add(findings, SEVERITY_ERROR, "%s", line);
	findings_why(findings, checking->report.attachment ? "to attach again would fail" : "to attach would fail");
	if (!checking->report.present)
		return;
	if (*link->master && strcmp(link->master_kind, "vrf") != 0)
		findings_command(findings, "%s attach %s", session_program(checking->session), link->master);
	else if (command)
		findings_command(findings, "%s%.*s", checking->ip, (int)strcspn(command + 3, "'"), command + 3);
	else if (link_first_address(checking->session->netlink, link->ifindex, &address) == -EADDRNOTAVAIL)
		findings_command(findings, "%s address add ADDR/LENGTH dev %s", checking->ip, link->name);
}

/* Whether the attachment in hand is the one that `attach` in this session finds: it may have been made with another -n. */
static bool is_of_session(const struct checking *checking)
{
	const struct attachment *attachment = checking->report.attachment;
	const char *netns = checking->session->netns;

	return !attachment || !strcmp(attachment->name.netns, netns ? netns : "");
}

/* All that `attach` does before it changes anything. */
int check_attach(struct checking *checking)
{
	struct attaching attaching;
	char line[512];
	int result;

	if (!is_of_session(checking))
		return DONE;
	fail_keep(line, sizeof(line));
	result = attaching_open(&attaching, checking->session, checking->device);
	if (result) {
		fail_keep(NULL, 0);
		refused(checking, line);
		return DONE;
	}
	result = prepare(&attaching);
	fail_keep(NULL, 0);
	judge_neighbour(checking, &attaching);
	if (result)
		refused(checking, line);
	else if (attaching.is_new)
		findings_ok(&checking->findings, "'%s attach %s' would work", session_program(checking->session),
			    checking->device);
	else
		judge_routes(checking, &attaching);
	attaching_close(&attaching);
	return DONE;
}
