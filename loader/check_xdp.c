/* SPDX-License-Identifier: GPL-2.0-only */
/* Where packets are unwrapped, why not by native XDP, and who else is in that place. */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <net/if_arp.h>
#include <unistd.h>

#include "auto_mode.h"
#include "check.h"
#include "devices.h"
#include "fail.h"
#include "options.h"
#include "ownership.h"
#include "probe.h"
#include "xdp_features.h"

static __u32 program_of(int link)
{
	struct bpf_link_info info = {};
	__u32 len = sizeof(info);

	return bpf_obj_get_info_by_fd(link, &info, &len) ? 0 : info.prog_id;
}

/* The link that holds a program, 0: none does, so that 'ip link' can take it away. */
static __u32 link_of(__u32 program)
{
	__u32 id = 0;

	while (!bpf_link_get_next_id(id, &id)) {
		int link = bpf_link_get_fd_by_id(id);
		bool found = link >= 0 && program_of(link) == program;

		if (link >= 0)
			close(link);
		if (found)
			return id;
	}
	return 0;
}

/* The XDP program on the device, 0: none. */
static __u32 program_on(__u32 ifindex)
{
	struct bpf_xdp_query_opts query = { .sz = sizeof(query) };

	return bpf_xdp_query((int)ifindex, 0, &query) ? 0 : query.prog_id;
}

static enum mode wanted_mode(const struct checking *checking)
{
	const struct attachment *attachment = checking->report.attachment;

	return attachment ? attachment->meta.mode : MODE_AUTO;
}

static bool needs_place(const struct checking *checking)
{
	enum mode mode = wanted_mode(checking);

	return mode == MODE_NATIVE || mode == MODE_SKB ||
	       (mode == MODE_AUTO && auto_mode_tries_native(&checking->report.link));
}

static void judge_stranger(struct checking *checking, __u32 program)
{
	struct findings *findings = &checking->findings;
	const char *device = checking->report.link.name;
	char name[BPF_OBJ_NAME_LEN];
	__u32 link;

	program_name(program, name);
	if (!needs_place(checking) || probe_dispatcher()) {
		findings_ok(findings, "the XDP program %s (id %u) of somebody else's sees packets before ours", name,
			    program);
		return;
	}
	findings_add(findings, wanted_mode(checking) == MODE_AUTO ? SEVERITY_WARNING : SEVERITY_ERROR,
		     "the XDP program %s (id %u) of somebody else's is in the place", name, program);
	findings_why(findings, "this kernel cannot run ours beside it: packets are unwrapped at TC, or not at all");
	link = link_of(program);
	if (link)
		findings_command(findings, "bpftool link detach id %u && %s attach %s", link,
				 session_program(checking->session), device);
	else
		findings_command(findings, "%s link set %s xdp off && %s attach %s", checking->ip, device,
				 session_program(checking->session), device);
}

/* Mode auto came to tc on a device that native XDP suits. */
static void judge_driver(struct checking *checking)
{
	struct findings *findings = &checking->findings;
	const struct link *link = &checking->report.link;
	int native = xdp_features_native(link->ifindex);

	if (native == 0) {
		findings_ok(findings, "mode tc: the driver of %s has no native XDP", link->name);
	} else if (native < 0) {
		findings_ok(findings, "mode tc: %s did not take native XDP; 'attach %s mode native' says why",
			    link->name, link->name);
	} else {
		findings_add(findings, SEVERITY_WARNING, "mode tc, although the driver of %s has native XDP",
			     link->name);
		findings_why(findings,
			     "it refused it with this MTU (%u) or these offloads, or the place was taken: "
			     "'mode native' says which",
			     link->mtu);
		findings_command(findings, "%s attach %s mode native", session_program(checking->session), link->name);
	}
}

/* Nobody's XDP program is there. */
static void judge_vacant(struct checking *checking)
{
	struct findings *findings = &checking->findings;
	const struct attachment *attachment = checking->report.attachment;
	const struct link *link = &checking->report.link;

	if (attachment && attachment->meta.mode == MODE_AUTO && auto_mode_tries_native(link))
		judge_driver(checking);
	else if (attachment && attachment->meta.mode_used != MODE_TC)
		return; /* check_missing says so */
	else if (attachment && attachment->meta.mode == MODE_TC)
		findings_ok(findings, "mode tc, as it was asked for");
	else if (auto_mode_tries_native(link))
		findings_ok(findings, "mode auto will try native XDP");
	else if (link->type != ARPHRD_ETHER)
		findings_ok(findings, "mode tc: %s has no Ethernet header, which XDP needs", link->name);
	else
		findings_ok(findings, "mode tc, which auto takes on a %s device", auto_mode_name(link).text);
}

static void judge_spread(struct checking *checking)
{
	const struct attachment *attachment = checking->report.attachment;
	struct findings *findings = &checking->findings;

	if (!attachment || attachment->meta.spread != SWITCH_ON || attachment->meta.mode_used == MODE_NATIVE)
		return;
	findings_add(findings, SEVERITY_WARNING, "spread is on, and works in mode native alone");
	findings_why(findings, "in mode %s the kernel spreads flows, where rps_cpus of the device's queues says so",
		     options_mode_name(attachment->meta.mode_used));
	findings_command(findings, "%s attach %s spread off", session_program(checking->session), checking->device);
}

static void judge_forward(struct checking *checking)
{
	const struct attachment *attachment = checking->report.attachment;
	struct findings *findings = &checking->findings;

	if (!attachment || !devices_lacking(attachment))
		return;
	findings_add(findings, SEVERITY_WARNING, "forward is on, and XDP can send out of no device");
	findings_why(findings,
		     "all goes through the stack, until 'attach' finds a device that takes frames from XDP: a veth "
		     "does once its other end has GRO (ethtool -K DEV gro on) or an XDP program");
	findings_command(findings, "%s attach %s mode tc", session_program(checking->session), checking->device);
}

int check_xdp(struct checking *checking)
{
	const struct report *report = &checking->report;
	__u32 program;

	if (!report->present)
		return DONE;
	judge_forward(checking);
	judge_spread(checking);
	if (report->programs.xdp) {
		findings_ok(&checking->findings, "mode %s, XDP %s",
			    options_mode_name(report->attachment->meta.mode_used), report->programs.xdp);
		return DONE;
	}
	program = program_on(report->link.ifindex);
	if (program)
		judge_stranger(checking, program);
	else
		judge_vacant(checking);
	return DONE;
}
