/* SPDX-License-Identifier: GPL-2.0-only */
/* Whether this host forwards between the tunnels and a network behind it, where it seems that it should. */
#include <net/if.h>
#include <string.h>

#include "check.h"
#include "fail.h"
#include "sysctl.h"

static int read_forwarding(const char *device, int *value)
{
	return sysctl_read(device, "forwarding", value) ? fail("cannot read forwarding of %s", device) : DONE;
}

/*
 * The device of a network behind this host that is joined to the tunnels: the source of a route into them is an address
 * on it, and it is no device of tunnels itself.
 */
static const struct host_address *find_joined(const struct checking *checking)
{
	const struct report *report = &checking->report;

	for (size_t i = 0; i < report->prefixes.count; i++) {
		const struct host_address *own;
		char name[IF_NAMESIZE];
		__u8 src[4];

		if (!report_source(report, &report->prefixes.list[i], src))
			continue;
		own = host_addresses_find(&checking->addresses, src);
		if (own && own->prefixlen < 32 && own->ifindex != report->link.ifindex &&
		    if_indextoname(own->ifindex, name) && strcmp(name, "lo") != 0)
			return own;
	}
	return NULL;
}

static void judge(struct checking *checking, const char *off, int all, const char *why)
{
	struct findings *findings = &checking->findings;
	char setting[SYSCTL_TEXT];

	findings_add(findings, SEVERITY_WARNING, "%s forwards nothing", off);
	findings_why(findings, "%s", why);
	if (all)
		findings_command(findings, "%ssysctl -w %s=1", checking->inside,
				 sysctl_name(off, "forwarding", setting));
	else
		findings_command(findings, "%ssysctl -w net.ipv4.ip_forward=1", checking->inside);
}

int check_forwarding(struct checking *checking)
{
	const struct host_address *joined = find_joined(checking);
	char device[IF_NAMESIZE] = "";
	int all, own, other = 1;

	if (joined)
		if_indextoname(joined->ifindex, device);
	if (read_forwarding("all", &all) || read_forwarding(checking->device, &own) ||
	    (*device && read_forwarding(device, &other)))
		return FAILED;
	if (!own && checking->report.attachment->meta.forward == SWITCH_ON)
		judge(checking, checking->device, all, "'forward on' does nothing where the kernel does not forward");
	else if (!own && all)
		judge(checking, checking->device, all, "this host forwards, but not what comes through the tunnels");
	else if (!own && joined)
		judge(checking, checking->device, all, "the network that the routes' source is in is not reached");
	else if (!other)
		judge(checking, device, all, "nothing of the network behind it is sent into the tunnels");
	else
		findings_ok(&checking->findings, own ? "this host forwards for the peers"
						     : "off: the peers reach this host, and none behind it");
	return DONE;
}
