/* SPDX-License-Identifier: GPL-2.0-only */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/if_link.h>
#include <net/if_arp.h>
#include <string.h>
#include <unistd.h>
#include <xdp/libxdp.h>

#include "fail.h"
#include "hook_xdp.h"
#include "objects.h"
#include "ownership.h"
#include "probe.h"
#include "same_program.h"
#include "xdp.skel.h"
#include "xdp_maps.h"

#define PIN "link_xdp"

static const char *mode_name(enum mode mode)
{
	return mode == MODE_NATIVE ? "native" : "skb";
}

/* Ours among the dispatcher's programs, or NULL. It belongs to *all, which the caller closes. */
static struct xdp_program *find_in_dispatcher(__u32 ifindex, const struct maps *maps, struct xdp_multiprog **all)
{
	struct xdp_program *program = NULL;

	*all = programs_are_hidden() ? NULL : xdp_multiprog__get_from_ifindex(ifindex);
	if (!*all || libxdp_get_error(*all)) {
		*all = NULL;
		return NULL;
	}
	if (xdp_multiprog__is_legacy(*all))
		return NULL;
	while ((program = xdp_multiprog__next_prog(program, *all)))
		if (program_is_ours(xdp_program__id(program), maps))
			return program;
	return NULL;
}

enum xdp_place hook_xdp_find(__u32 ifindex, const char *folder, const struct maps *maps)
{
	enum xdp_place place = XDP_ABSENT;
	struct xdp_multiprog *all;
	__u32 attached;
	int link = pinned_link_open(folder, PIN, &attached);

	if (link >= 0) {
		close(link);
		if (attached == ifindex)
			return XDP_ALONE;
	} else if (errno == EACCES) {
		return XDP_ALONE;
	}
	if (find_in_dispatcher(ifindex, maps, &all))
		place = XDP_DISPATCHER;
	xdp_multiprog__close(all);
	return place;
}

bool hook_xdp_is_hidden(__u32 ifindex, const char *folder)
{
	struct bpf_xdp_query_opts query = { .sz = sizeof(query) };
	__u32 attached;
	int link = pinned_link_open(folder, PIN, &attached);

	if (link >= 0)
		close(link);
	return link < 0 && !bpf_xdp_query(ifindex, 0, &query) && query.prog_id && programs_are_hidden();
}

__u32 hook_xdp_program(__u32 ifindex, const char *folder, const struct maps *maps)
{
	struct xdp_multiprog *all;
	struct xdp_program *program;
	__u32 attached, id = 0;
	int link = pinned_link_open(folder, PIN, &attached);

	if (link >= 0) {
		if (attached == ifindex)
			id = link_program(link);
		close(link);
	}
	if (id)
		return id;
	program = find_in_dispatcher(ifindex, maps, &all);
	if (program)
		id = xdp_program__id(program);
	xdp_multiprog__close(all);
	return id;
}

bool hook_xdp_is_left_over(__u32 ifindex, const char *folder, const struct maps *maps)
{
	__u32 attached;
	int link = pinned_link_open(folder, PIN, &attached);

	/* It may be off its device already, and only still have its pin. */
	if (link >= 0)
		close(link);
	return link >= 0 || hook_xdp_find(ifindex, folder, maps) != XDP_ABSENT;
}

/* Says why the program could not be attached. */
static int fail_attach(const struct link *link, enum mode mode, int error)
{
	struct bpf_xdp_query_opts query = { .sz = sizeof(query) };
	char name[BPF_OBJ_NAME_LEN];

	bpf_xdp_query(link->ifindex, 0, &query);
	if (query.prog_id) {
		program_name(query.prog_id, name);
		return fail(
			"attach to %s: another XDP program, %s (id %u), is there, and this kernel and libxdp cannot "
			"run two; use 'mode tc', or take it away ('ip link set %s xdp off')",
			link->name, name, query.prog_id, link->name);
	}
	if (error == EOPNOTSUPP || error == EINVAL || error == ERANGE)
		return fail("attach to %s: its driver cannot run XDP in %s mode (with MTU %u): %s; use 'mode auto' or "
			    "'mode tc'",
			    link->name, mode_name(mode), link->mtu, strerror(error));
	return objects_fail("attach the XDP program", error);
}

/* The mode in which the device runs its XDP program. */
static bool runs_in_mode(__u32 ifindex, enum mode mode)
{
	struct bpf_xdp_query_opts query = { .sz = sizeof(query) };

	return !bpf_xdp_query(ifindex, 0, &query) &&
	       query.attach_mode == (mode == MODE_NATIVE ? XDP_ATTACHED_DRV : XDP_ATTACHED_SKB);
}

/* A new link for the program, pinned. 0 or -errno. */
static int attach_alone(int program, __u32 ifindex, const char *folder, enum mode mode)
{
	LIBBPF_OPTS(bpf_link_create_opts, options,
		    .flags = mode == MODE_NATIVE ? XDP_FLAGS_DRV_MODE : XDP_FLAGS_SKB_MODE);
	int link = bpf_link_create(program, ifindex, BPF_XDP, &options), error;

	if (link < 0)
		return -errno;
	error = pinned_link_make(link, folder, PIN);
	close(link); /* without its pin, the link goes with this */
	return error;
}

/* Puts the program in the place of the link's present one, in one step. 0 or -errno. */
static int exchange_alone(int program, const char *folder)
{
	__u32 attached;
	int link = pinned_link_open(folder, PIN, &attached);
	int error = bpf_link_update(link, program, NULL) ? -errno : 0;

	close(link);
	return error;
}

static int place_alone(const struct link *link, const char *folder, const struct maps *maps, enum mode mode,
		       bool present, bool quiet)
{
	struct xdp_bpf *xdp;
	int error;

	if (objects_open_xdp(link, maps, mode, &xdp))
		return FAILED;
	if (xdp_bpf__load(xdp)) {
		error = errno;
		xdp_bpf__destroy(xdp);
		return objects_fail("load the XDP program", error);
	}
	error = present ? exchange_alone(bpf_program__fd(xdp->progs.decap_xdp), folder)
			: attach_alone(bpf_program__fd(xdp->progs.decap_xdp), link->ifindex, folder, mode);
	xdp_bpf__destroy(xdp);
	if (!error)
		return DONE;
	return quiet ? FAILED : fail_attach(link, mode, -error);
}

static void detach_from_dispatcher(__u32 ifindex, const struct maps *maps)
{
	struct xdp_multiprog *all;
	struct xdp_program *program = find_in_dispatcher(ifindex, maps, &all);

	if (program)
		xdp_program__detach(program, ifindex, xdp_multiprog__attach_mode(all), 0);
	xdp_multiprog__close(all);
}

/* Attaches the XDP object's program by libxdp. Returns true if that put it into a dispatcher. */
static bool attach_in_dispatcher(struct xdp_bpf *xdp, __u32 ifindex, const struct maps *maps, enum mode mode)
{
	enum xdp_attach_mode as = mode == MODE_NATIVE ? XDP_MODE_NATIVE : XDP_MODE_SKB;
	struct xdp_program *program = xdp_program__from_bpf_obj(xdp->obj, "xdp");
	struct xdp_multiprog *all;
	bool found = false;

	if (libxdp_get_error(program))
		return false;
	if (!xdp_program__attach(program, ifindex, as, 0)) {
		found = find_in_dispatcher(ifindex, maps, &all);
		xdp_multiprog__close(all);
		/* libxdp falls back to a program alone, which it cannot exchange later. */
		if (!found)
			xdp_program__detach(program, ifindex, as, 0);
	}
	xdp_program__close(program);
	return found;
}

/*
 * Whether the dispatcher runs this very program. It cannot exchange one of its programs: so long as there is nothing
 * new, ours stays, and no packet meets a gap.
 */
static bool is_in_dispatcher(const struct link *link, const struct maps *maps, enum mode mode)
{
	struct maps others = *maps;
	struct xdp_multiprog *all;
	struct xdp_program *program;
	struct xdp_bpf *xdp;
	bool same;

	/* Those that are there belong to the program that runs (xdp_maps.h). */
	others.devices = others.cpus = -1;
	if (!runs_in_mode(link->ifindex, mode) || objects_open_xdp(link, &others, mode, &xdp))
		return false;
	program = find_in_dispatcher(link->ifindex, maps, &all);
	same = program && !xdp_bpf__load(xdp) &&
	       same_program(xdp_program__id(program), bpf_program__fd(xdp->progs.decap_xdp), maps);
	xdp_multiprog__close(all);
	xdp_bpf__destroy(xdp);
	return same;
}

/* libxdp would put ours there, and then not find it again. */
static bool may_use_dispatcher(void)
{
	return probe_dispatcher() && !programs_are_hidden();
}

/* FAILED says nothing: to stand alone is the other way. */
static int place_in_dispatcher(const struct link *link, const struct maps *maps, enum mode mode)
{
	struct xdp_bpf *xdp;
	bool done;

	if (objects_open_xdp(link, maps, mode, &xdp))
		return FAILED;
	done = attach_in_dispatcher(xdp, link->ifindex, maps, mode);
	xdp_bpf__destroy(xdp);
	return done ? DONE : FAILED;
}

int hook_xdp_attach(const struct link *link, const char *folder, struct maps *maps, enum mode mode, bool quiet)
{
	enum xdp_place place = hook_xdp_find(link->ifindex, folder, maps);

	/* The kernel takes the first 14 bytes for an Ethernet header, and would make one of what is left. */
	if (link->type != ARPHRD_ETHER)
		return fail("%s has no Ethernet header, which XDP needs: use 'mode tc'", link->name);
	if (place == XDP_DISPATCHER && is_in_dispatcher(link, maps, mode))
		return DONE;
	/* The kernel runs one mode on a device at a time; and a dispatcher cannot exchange one of its programs. */
	if (place == XDP_DISPATCHER || (place == XDP_ALONE && !runs_in_mode(link->ifindex, mode))) {
		hook_xdp_detach(link->ifindex, folder, maps);
		place = XDP_ABSENT;
	}
	if (place == XDP_ABSENT && may_use_dispatcher()) {
		if (xdp_maps_renew(folder, maps))
			return FAILED;
		if (!place_in_dispatcher(link, maps, mode))
			return DONE;
	}
	/* A dispatcher older than the kernel may be refused (seen: libxdp 1.3.1's, from Linux 6.12 on). */
	if (place == XDP_ABSENT && xdp_maps_renew(folder, maps))
		return FAILED;
	return place_alone(link, folder, maps, mode, place == XDP_ALONE, quiet);
}

void hook_xdp_detach(__u32 ifindex, const char *folder, const struct maps *maps)
{
	pinned_link_remove(folder, PIN);
	if (ifindex)
		detach_from_dispatcher(ifindex, maps);
}
