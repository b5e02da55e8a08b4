/* SPDX-License-Identifier: GPL-2.0-only */
/* What the device does to packets by itself that is in the way of the tunnels. */
#include <net/if_arp.h>
#include <stdio.h>
#include <string.h>

#include "check.h"
#include "ethtool.h"
#include "fail.h"
#include "options.h"

static void judge_merging(struct checking *checking, const char *device)
{
	struct findings *findings = &checking->findings;

	if (!ethtool_merges(device)) {
		findings_ok(findings, "large receive offload is off");
		return;
	}
	findings_add(findings, SEVERITY_WARNING, "large receive offload (LRO) is on");
	findings_why(findings,
		     "it merges packets for good: what is forwarded is too big, and drivers refuse native XDP");
	findings_command(findings, "%sethtool -K %s lro off", checking->inside, device);
}

/* Devices without a link header (tun) mostly cannot. */
static void judge_sums(struct checking *checking, const char *device)
{
	struct findings *findings = &checking->findings;

	if (checking->report.link.type != ARPHRD_ETHER || ethtool_sums_up(device))
		return;
	findings_add(findings, SEVERITY_WARNING, "%s writes no checksums (tx-checksumming off)", device);
	findings_why(findings, "what programs send with UDP_SEGMENT (QUIC) cannot be wrapped: encap_error");
	findings_command(findings, "%sethtool -K %s tx on", checking->inside, device);
}

/* Whether it matters to what the tunnels carry by which VLAN it came. */
static bool minds_vlans(const struct report *report)
{
	const struct meta *meta = &report->attachment->meta;

	for (size_t i = 0; i < report->peers.count; i++)
		if (options_effective(&report->peers.list[i].peer, meta).rpf == RPF_STRICT)
			return true;
	return meta->forward == SWITCH_ON || meta->spread == SWITCH_ON;
}

/*
 * Whether tags come to XDP beside the frame, where it cannot see them. Network cards say what they do. To a veth the tag
 * comes as its other end sends it, which mostly is in another namespace; what bridges and the like hand up has lost its
 * tag before. A tap has the frames that a program wrote.
 */
static bool hides_tags(const struct link *link)
{
	return *link->kind ? strcmp(link->kind, "tun") != 0 : ethtool_takes_tags_off(link->name);
}

static void say_vlans(struct checking *checking, const struct link_vlans *vlans)
{
	struct findings *findings = &checking->findings;
	const struct link *link = &checking->report.link;
	char others[32] = "";

	if (vlans->count > 1)
		snprintf(others, sizeof(others), " and %zu more", vlans->count - 1);
	findings_add(findings, SEVERITY_WARNING, "frames for VLAN devices on %s (%s%s) are taken for untagged ones",
		     link->name, vlans->first, others);
	findings_why(findings,
		     "'rpf strict', 'forward on' and 'spread on' treat them so: XDP sees no tag beside the frame%s",
		     strcmp(link->kind, "veth") ? "" : ", as on a veth unless its other end has txvlan off");
	if (*link->kind)
		findings_command(findings, "%s attach %s mode tc", session_program(checking->session), link->name);
	else
		findings_command(findings, "%sethtool -K %s rxvlan off", checking->inside, link->name);
}

/* XDP alone: at TC the tag is known. */
static int judge_tags(struct checking *checking)
{
	const struct report *report = &checking->report;
	struct link_vlans vlans;
	int error;

	if (!report->attachment || report->attachment->meta.mode_used == MODE_TC || !minds_vlans(report) ||
	    !hides_tags(&report->link))
		return DONE;
	error = link_vlans(checking->session->netlink, report->link.ifindex, &vlans);
	if (error)
		return fail("cannot list the VLAN devices on %s: %s", report->link.name, strerror(-error));
	if (vlans.count)
		say_vlans(checking, &vlans);
	return DONE;
}

int check_offloads(struct checking *checking)
{
	const char *device = checking->report.link.name;

	if (!checking->report.present)
		return DONE;
	judge_merging(checking, device);
	judge_sums(checking, device);
	return judge_tags(checking);
}
