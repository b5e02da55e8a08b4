/* SPDX-License-Identifier: GPL-2.0-only */
/* What belongs to an attachment and is not there, or not as it was. */
#include <string.h>

#include "address.h"
#include "check.h"
#include "fail.h"
#include "renamed.h"
#include "route.h"

static void name_remedy(struct checking *checking, const struct missing *missing)
{
	const char *program = session_program(checking->session), *device = checking->device;
	struct findings *findings = &checking->findings;
	char command[RENAMED_COMMAND];

	switch (missing->remedy) {
	case REMEDY_ATTACH:
		findings_command(findings, "%s attach %s", program, device);
		findings_by_attach(findings);
		break;
	case REMEDY_SOURCE:
		/* Not `add`, since several routes may have it. */
		findings_command(findings, "%s address replace %s/32 dev lo && %s attach %s", checking->ip,
				 missing->src, program, device);
		break;
	case REMEDY_DEVICE:
		findings_command(findings, "%s detach %s", program, device);
		break;
	case REMEDY_RENAMED:
		findings_command(findings, "%s",
				 renamed_command(checking->session, device, checking->report.link.name, command));
		break;
	case REMEDY_PEER_ADD:
	case REMEDY_PEER_SET:
		findings_command(findings, "%s peer %s %s remote %s", program,
				 missing->remedy == REMEDY_PEER_ADD ? "add" : "set", device, missing->peer);
		break;
	case REMEDY_PREFIX_REPLACE:
		findings_command(findings, "%s prefix replace %s %s remote %s", program, device, missing->prefix,
				 *missing->peer ? missing->peer : "ADDR");
		break;
	case REMEDY_COUNT:
		break;
	}
}

int check_missing(struct checking *checking)
{
	const struct report *report = &checking->report;
	struct findings *findings = &checking->findings;
	bool can_attach = report->present && report->link.up && !strcmp(report->link.name, checking->device);
	size_t before = findings->count;

	for (size_t i = 0; i < report->missing_count; i++) {
		const struct missing *missing = &report->missing[i];

		/* What comes back by itself once the device is what it was. */
		if ((missing->remedy == REMEDY_ATTACH || missing->remedy == REMEDY_SOURCE) && !can_attach)
			continue;
		findings_add(findings, SEVERITY_ERROR, "%s is missing", missing->what);
		findings_why(findings, "%s", missing->why);
		name_remedy(checking, missing);
	}
	if (report->present && report->programs.left_over) {
		findings_add(findings, SEVERITY_WARNING, "an XDP program of ours is left over");
		findings_why(findings, "it passes all packets on, and costs its time");
		findings_command(findings, "%s attach %s", session_program(checking->session), checking->device);
		findings_by_attach(findings);
	}
	if (findings->count == before && report->link.up)
		findings_ok(findings,
			    "programs, maps, routes, neighbour and sysctl are there; peers: %zu, prefixes: %zu",
			    report->peers.count, report->prefixes.count);
	return DONE;
}

static bool is_own(struct checking *checking, const __u8 address[4])
{
	return host_addresses_find(&checking->addresses, address) ||
	       route_is_local(checking->session->netlink, address_number(address));
}

static void judge_local(struct checking *checking)
{
	const struct meta *meta = &checking->report.attachment->meta;
	struct findings *findings = &checking->findings;
	char address[ADDRESS_TEXT];

	address_format(meta->local, address);
	if (is_own(checking, meta->local)) {
		findings_ok(findings, "%s is an address of this host", address);
		return;
	}
	findings_add(findings, meta->local_auto ? SEVERITY_ERROR : SEVERITY_WARNING,
		     "local %s is no address of this host", address);
	findings_why(findings, "what the peers send there does not come here");
	if (meta->local_auto) {
		findings_command(findings, "%s attach %s", session_program(checking->session), checking->device);
		findings_by_attach(findings);
	} else {
		findings_command(findings, "%s address add %s/32 dev %s", checking->ip, address, checking->device);
	}
}

static void judge_peer(struct checking *checking, const struct peer_entry *entry)
{
	struct findings *findings = &checking->findings;
	char address[ADDRESS_TEXT], peer[ADDRESS_TEXT];

	if (address_is_zero(entry->peer.local) || is_own(checking, entry->peer.local))
		return;
	address_format(entry->peer.local, address);
	findings_add(findings, SEVERITY_WARNING, "local %s of peer %s is no address of this host", address,
		     peer_name(entry->key.remote, peer));
	findings_why(findings, "what the peer sends there does not come here");
	findings_command(findings, "%s address add %s/32 dev %s", checking->ip, address, checking->device);
}

int check_local(struct checking *checking)
{
	judge_local(checking);
	for (size_t i = 0; i < checking->report.peers.count; i++)
		judge_peer(checking, &checking->report.peers.list[i]);
	return DONE;
}
