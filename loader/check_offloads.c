/* SPDX-License-Identifier: GPL-2.0-only */
/* What the device does to packets by itself that is in the way of the tunnels. */
#include <net/if_arp.h>

#include "check.h"
#include "ethtool.h"
#include "fail.h"

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

int check_offloads(struct checking *checking)
{
	const char *device = checking->report.link.name;

	if (!checking->report.present)
		return DONE;
	judge_merging(checking, device);
	judge_sums(checking, device);
	return DONE;
}
