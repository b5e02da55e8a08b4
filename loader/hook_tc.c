/* SPDX-License-Identifier: GPL-2.0-only */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "fail.h"
#include "hook_tc.h"
#include "objects.h"
#include "ownership.h"
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

static struct bpf_tc_hook clsact_of(__u32 ifindex, enum tc_side side)
{
	return (struct bpf_tc_hook){
		.sz = sizeof(struct bpf_tc_hook),
		.ifindex = ifindex,
		.attach_point = side == TC_EGRESS ? BPF_TC_EGRESS : BPF_TC_INGRESS,
	};
}

/* The priority of our filter, or 0; *vacant gets the first priority without any, or 0. */
static __u32 find_filter(__u32 ifindex, const struct maps *maps, enum tc_side side, __u32 *vacant)
{
	struct bpf_tc_hook hook = clsact_of(ifindex, side);

	*vacant = 0;
	for (__u32 priority = FILTER_PRIORITY; priority < FILTER_PRIORITY + FILTER_PRIORITIES; priority++) {
		struct bpf_tc_opts filter = { .sz = sizeof(filter), .handle = FILTER_HANDLE, .priority = priority };

		if (bpf_tc_query(&hook, &filter)) {
			if (!*vacant)
				*vacant = priority;
		} else if (program_is_ours(filter.prog_id, maps->meta)) {
			return priority;
		}
	}
	return 0;
}

static __u32 filter_program(__u32 ifindex, const struct maps *maps, enum tc_side side)
{
	struct bpf_tc_hook hook = clsact_of(ifindex, side);
	struct bpf_tc_opts filter = { .sz = sizeof(filter), .handle = FILTER_HANDLE };
	__u32 vacant;

	filter.priority = find_filter(ifindex, maps, side, &vacant);
	return filter.priority && !bpf_tc_query(&hook, &filter) ? filter.prog_id : 0;
}

__u32 hook_tc_program(__u32 ifindex, const char *folder, const struct maps *maps, enum tc_side side)
{
	__u32 attached, program;
	int link = pinned_link_open(folder, pin_of(side), &attached);

	if (link < 0)
		return filter_program(ifindex, maps, side);
	program = attached == ifindex ? link_program(link) : 0;
	close(link);
	return program;
}

bool hook_tc_find(__u32 ifindex, const char *folder, const struct maps *maps, enum tc_side side)
{
	return hook_tc_program(ifindex, folder, maps, side);
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
	__u32 key = 0;

	if (error || present)
		return error;
	meta->made |= MADE_CLSACT;
	if (bpf_map_update_elem(maps->meta, &key, meta, BPF_ANY))
		return -errno;
	error = bpf_tc_hook_create(&hook);
	return error == -EEXIST ? 0 : error;
}

static int attach_filter(int program, __u32 ifindex, const struct maps *maps, struct meta *meta, enum tc_side side)
{
	struct bpf_tc_hook hook = clsact_of(ifindex, side);
	struct bpf_tc_opts filter = { .sz = sizeof(filter), .handle = FILTER_HANDLE, .prog_fd = program };
	__u32 vacant, ours;
	int error = make_clsact(ifindex, maps, meta);

	if (error)
		return error;
	ours = find_filter(ifindex, maps, side, &vacant);
	if (!ours && !vacant)
		return -EBUSY;
	filter.priority = ours ?: vacant;
	filter.flags = ours ? BPF_TC_F_REPLACE : 0;
	return bpf_tc_attach(&hook, &filter);
}

int hook_tc_attach(int program, const struct link *link, const char *folder, const struct maps *maps, struct meta *meta,
		   enum tc_side side)
{
	int error = attach_link(program, link->ifindex, folder, side);

	if (error == -EINVAL)
		error = attach_filter(program, link->ifindex, maps, meta, side);
	if (error == -EBUSY)
		return fail(
			"attach to %s: other filters hold priorities %d to %d of its clsact; free one ('tc filter show "
			"dev %s %s')",
			link->name, FILTER_PRIORITY, FILTER_PRIORITY + FILTER_PRIORITIES - 1, link->name,
			side == TC_EGRESS ? "egress" : "ingress");
	return error ? objects_fail("attach the TC program", -error) : DONE;
}

void hook_tc_detach(__u32 ifindex, const char *folder, const struct maps *maps, enum tc_side side)
{
	struct bpf_tc_hook hook = clsact_of(ifindex, side);
	struct bpf_tc_opts filter = { .sz = sizeof(filter), .handle = FILTER_HANDLE };
	__u32 vacant;

	pinned_link_remove(folder, pin_of(side));
	if (!ifindex)
		return;
	filter.priority = find_filter(ifindex, maps, side, &vacant);
	if (filter.priority)
		bpf_tc_detach(&hook, &filter);
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
