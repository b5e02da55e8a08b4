/* SPDX-License-Identifier: GPL-2.0-only */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "fail.h"
#include "hook_tc.h"
#include "layouts.h"
#include "objects.h"
#include "ownership.h"
#include "pinned_program.h"
#include "qdisc.h"

/* enum bpf_attach_type of Linux 6.6, which older headers lack. */
#define TCX_INGRESS 46
#define TCX_EGRESS 47

/* Our filters on a clsact: this handle, at the first of these priorities that nobody else has. */
#define FILTER_HANDLE 4
#define FILTER_PRIORITY 4
#define FILTER_PRIORITIES 8

static const char *pin_of(enum tc_side side)
{
	return side == TC_EGRESS ? "link_encap" : "link_decap";
}

static const char *program_of(enum tc_side side)
{
	return side == TC_EGRESS ? "program_encap" : "program_decap";
}

static struct bpf_tc_hook clsact_of(__u32 ifindex, enum tc_side side)
{
	return (struct bpf_tc_hook){
		.sz = sizeof(struct bpf_tc_hook),
		.ifindex = ifindex,
		.attach_point = side == TC_EGRESS ? BPF_TC_EGRESS : BPF_TC_INGRESS,
	};
}

/* Of the filters with our handle at our priorities: */
struct filters {
	__u32 ours;    /* the priority of ours, or 0 */
	__u32 program; /* its program */
	__u32 vacant;  /* the first priority without any, or 0 */
	bool hidden;   /* of one, the kernel does not say whose it is */
};

static struct filters find_filters(__u32 ifindex, const char *folder, const struct maps *maps, enum tc_side side)
{
	struct bpf_tc_hook hook = clsact_of(ifindex, side);
	struct filters filters = { 0 };

	for (__u32 priority = FILTER_PRIORITY; priority < FILTER_PRIORITY + FILTER_PRIORITIES; priority++) {
		struct bpf_tc_opts filter = { .sz = sizeof(filter), .handle = FILTER_HANDLE, .priority = priority };

		if (bpf_tc_query(&hook, &filter)) {
			if (!filters.vacant)
				filters.vacant = priority;
		} else if (pinned_program_is(folder, program_of(side), filter.prog_id) ||
			   program_is_ours(filter.prog_id, maps)) {
			filters.ours = priority;
			filters.program = filter.prog_id;
			return filters;
		} else if (programs_are_hidden()) {
			filters.hidden = true;
		}
	}
	return filters;
}

static __u32 filter_program(__u32 ifindex, const char *folder, const struct maps *maps, enum tc_side side)
{
	return find_filters(ifindex, folder, maps, side).program;
}

__u32 hook_tc_program(__u32 ifindex, const char *folder, const struct maps *maps, enum tc_side side)
{
	__u32 attached, program;
	int link = pinned_link_open(folder, pin_of(side), &attached);

	if (link < 0)
		return filter_program(ifindex, folder, maps, side);
	program = attached == ifindex ? link_program(link) : 0;
	close(link);
	return program;
}

bool hook_tc_find(__u32 ifindex, const char *folder, const struct maps *maps, enum tc_side side)
{
	struct filters filters;
	__u32 attached;
	int link = pinned_link_open(folder, pin_of(side), &attached);

	if (link >= 0) {
		close(link);
		return attached == ifindex;
	}
	if (errno == EACCES)
		return true;
	filters = find_filters(ifindex, folder, maps, side);
	return filters.ours || filters.hidden;
}

/* 0 or -errno; -EINVAL on a kernel without tcx. */
static int attach_link(int program, __u32 ifindex, const char *folder, enum tc_side side)
{
	__u32 attached;
	int link = pinned_link_open(folder, pin_of(side), &attached), error = 0;

	if (link >= 0 && attached == ifindex) {
		if (bpf_link_update(link, program, NULL))
			error = -errno;
		close(link);
		return error;
	}
	if (link >= 0)
		close(link); /* its device is gone, and the new one takes its pin */
	link = bpf_link_create(program, ifindex, side == TC_EGRESS ? TCX_EGRESS : TCX_INGRESS, NULL);
	if (link < 0)
		return -errno;
	error = pinned_link_make(link, folder, pin_of(side));
	close(link); /* without its pin, the link goes with this */
	return error;
}

/* Makes the clsact if there is none, and notes that first. 0 or -errno. */
static int make_clsact(__u32 ifindex, const struct maps *maps, struct meta *meta)
{
	struct bpf_tc_hook hook = clsact_of(ifindex, TC_EGRESS);
	bool present;
	int error = qdisc_has_clsact(ifindex, &present);

	if (error || present)
		return error;
	meta->made |= MADE_CLSACT;
	error = layout_write_meta(maps->meta, meta);
	if (error)
		return error;
	error = bpf_tc_hook_create(&hook);
	return error == -EEXIST ? 0 : error;
}

static int attach_filter(int program, __u32 ifindex, const char *folder, const struct maps *maps, struct meta *meta,
			 enum tc_side side)
{
	struct bpf_tc_hook hook = clsact_of(ifindex, side);
	struct bpf_tc_opts filter = { .sz = sizeof(filter), .handle = FILTER_HANDLE, .prog_fd = program };
	int error = make_clsact(ifindex, maps, meta);
	struct filters filters;

	if (error)
		return error;
	filters = find_filters(ifindex, folder, maps, side);
	if (!filters.ours && filters.hidden)
		return -EACCES;
	if (!filters.ours && !filters.vacant)
		return -EBUSY;
	filter.priority = filters.ours ?: filters.vacant;
	filter.flags = filters.ours ? BPF_TC_F_REPLACE : 0;
	error = pinned_program_make(program, folder, program_of(side), filters.program);
	if (!error)
		error = bpf_tc_attach(&hook, &filter);
	pinned_program_settle(folder, program_of(side), error ? filters.program : program_id(program));
	return error;
}

static int fail_hidden(const char *device)
{
	return fail("%s: whose the filters on its clsact are, the kernel tells only to CAP_SYS_ADMIN; run it as root",
		    device);
}

int hook_tc_attach(int program, const struct link *link, const char *folder, const struct maps *maps, struct meta *meta,
		   enum tc_side side)
{
	int error = attach_link(program, link->ifindex, folder, side);

	if (error == -EINVAL)
		error = attach_filter(program, link->ifindex, folder, maps, meta, side);
	if (error == -EACCES)
		return fail_hidden(link->name);
	if (error == -EBUSY)
		return fail(
			"attach to %s: other filters hold priorities %d to %d of its clsact; free one ('tc filter show "
			"dev %s %s')",
			link->name, FILTER_PRIORITY, FILTER_PRIORITY + FILTER_PRIORITIES - 1, link->name,
			side == TC_EGRESS ? "egress" : "ingress");
	return error ? objects_fail("attach the TC program", -error) : DONE;
}

int hook_tc_detach(__u32 ifindex, const char *folder, const struct maps *maps, enum tc_side side)
{
	struct bpf_tc_hook hook = clsact_of(ifindex, side);
	struct bpf_tc_opts filter = { .sz = sizeof(filter), .handle = FILTER_HANDLE };
	struct filters filters;

	if (pinned_link_remove(folder, pin_of(side)) || !ifindex)
		return DONE;
	filters = find_filters(ifindex, folder, maps, side);
	if (!filters.ours && filters.hidden)
		return fail_hidden(strrchr(folder, '/') + 1);
	filter.priority = filters.ours;
	if (filter.priority)
		bpf_tc_detach(&hook, &filter);
	return DONE;
}

void hook_tc_clean(__u32 ifindex, const struct meta *meta)
{
	struct bpf_tc_hook hook = {
		.sz = sizeof(hook),
		.ifindex = ifindex,
		.attach_point = BPF_TC_INGRESS | BPF_TC_EGRESS, /* both: libbpf then takes the qdisc itself away */
	};
	bool used;

	if (!(meta->made & MADE_CLSACT) || qdisc_has_filters(ifindex, &used) || used)
		return;
	bpf_tc_hook_destroy(&hook);
}
