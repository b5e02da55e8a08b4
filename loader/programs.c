/* SPDX-License-Identifier: GPL-2.0-only */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "auto_mode.h"
#include "build.h"
#include "fail.h"
#include "features.h"
#include "hook_tc.h"
#include "hook_xdp.h"
#include "layouts.h"
#include "objects.h"
#include "programs.h"
#include "tc.skel.h"

struct programs {
	struct tc_bpf *tc;
};

int programs_load(const struct link *link, struct maps *maps, struct programs **programs)
{
	struct programs *new = calloc(1, sizeof(*new));

	if (!new)
		return fail("out of memory");
	objects_keep_messages();
	if (objects_load_tc(link, maps, &new->tc)) {
		free(new);
		return FAILED;
	}
	*programs = new;
	return DONE;
}

void programs_free(struct programs *programs)
{
	if (!programs)
		return;
	tc_bpf__destroy(programs->tc);
	free(programs);
}

static int write_meta(const struct maps *maps, const struct meta *meta)
{
	int error = layout_write_meta(maps->meta, meta);

	return error ? fail("write the attachment's options: %s", strerror(-error)) : DONE;
}

/*
 * In every mode decap_tc stands at TC ingress: for ICMP errors from inside the tunnel, which only there can be turned
 * into others; for all packets in mode tc; for the GSO packets that XDP leaves it in mode skb.
 */
static int attach_tc(struct programs *programs, const struct link *link, const char *folder, const struct maps *maps,
		     struct meta *meta)
{
	const struct tc_bpf *tc = programs->tc;

	if (hook_tc_attach(bpf_program__fd(tc->progs.encap), link, folder, maps, meta, TC_EGRESS))
		return FAILED;
	return hook_tc_attach(bpf_program__fd(tc->progs.decap_tc), link, folder, maps, meta, TC_INGRESS);
}

/*
 * A dispatcher cannot exchange one of its programs: it goes and comes again. In between, and for what is then on its way
 * from XDP to TC, decap_tc stands in, which is exchanged already.
 */
static int bridge_gap(const struct link *link, const char *folder, const struct maps *maps, struct meta *meta)
{
	if (!(meta->hook & HOOK_XDP) || hook_xdp_find(link->ifindex, folder, maps) != XDP_DISPATCHER)
		return DONE;
	meta->hook = HOOK_BOTH;
	return write_meta(maps, meta);
}

/*
 * Puts XDP where the mode that is asked for needs it; mode auto: where the driver gains from it and takes it. Until
 * meta->hook names XDP, its program leaves every packet to TC.
 */
static int attach_xdp(const struct link *link, const char *folder, struct maps *maps, enum mode mode, struct meta *meta)
{
	meta->mode_used = (__u8)mode;
	if (mode == MODE_TC)
		return DONE;
	if (mode != MODE_AUTO)
		return hook_xdp_attach(link, folder, maps, mode, false);
	meta->mode_used = MODE_NATIVE;
	if (!auto_mode_tries_native(link) || hook_xdp_attach(link, folder, maps, MODE_NATIVE, true))
		meta->mode_used = MODE_TC;
	return DONE;
}

/* Ours may be in a dispatcher, where those without CAP_SYS_ADMIN can neither find nor exchange it. */
static int check_hidden(__u32 ifindex, const char *folder, const struct meta *meta)
{
	if (!ifindex || !(meta->hook & HOOK_XDP) || !hook_xdp_is_hidden(ifindex, folder))
		return DONE;
	return fail("%s: whose its XDP program is, the kernel tells only to CAP_SYS_ADMIN; run it as root",
		    strrchr(folder, '/') + 1);
}

int programs_attach(struct programs *programs, const struct link *link, const char *folder, struct maps *maps,
		    enum mode mode, struct meta *meta)
{
	bool present = hook_tc_find(link->ifindex, folder, maps, TC_EGRESS) ||
		       hook_tc_find(link->ifindex, folder, maps, TC_INGRESS);

	if (check_hidden(link->ifindex, folder, meta))
		return FAILED;
	if (build_forget(maps) || attach_tc(programs, link, folder, maps, meta) ||
	    bridge_gap(link, folder, maps, meta) || attach_xdp(link, folder, maps, mode, meta)) {
		if (!present)
			programs_detach(link->ifindex, folder, maps, meta);
		return FAILED;
	}
	meta->mode = (__u8)mode;
	meta->hook = meta->mode_used == MODE_TC ? HOOK_TC : HOOK_XDP;
	if (write_meta(maps, meta) || build_note(maps))
		return FAILED;
	if (meta->mode_used == MODE_TC)
		hook_xdp_detach(link->ifindex, folder, maps);
	return DONE;
}

int programs_detach(__u32 ifindex, const char *folder, const struct maps *maps, struct meta *meta)
{
	if (check_hidden(ifindex, folder, meta))
		return FAILED;
	if (hook_tc_detach(ifindex, folder, maps, TC_INGRESS) || hook_tc_detach(ifindex, folder, maps, TC_EGRESS))
		return FAILED;
	hook_xdp_detach(ifindex, folder, maps);
	if (ifindex)
		hook_tc_clean(ifindex, meta);
	return DONE;
}

int programs_state(__u32 ifindex, const char *folder, const struct maps *maps, const struct meta *meta,
		   struct programs_state *state)
{
	enum xdp_place place = meta->hook & HOOK_XDP ? hook_xdp_find(ifindex, folder, maps) : XDP_ABSENT;

	if (meta->hook & HOOK_XDP && place == XDP_ABSENT && hook_xdp_is_hidden(ifindex, folder))
		place = XDP_DISPATCHER;
	state->left_over = !(meta->hook & HOOK_XDP) && hook_xdp_is_left_over(ifindex, folder, maps);
	state->encap = hook_tc_find(ifindex, folder, maps, TC_EGRESS);
	state->decap = (meta->mode_used == MODE_TC || place != XDP_ABSENT) &&
		       hook_tc_find(ifindex, folder, maps, TC_INGRESS);
	state->xdp = place == XDP_DISPATCHER ? "dispatcher" : place == XDP_ALONE ? "alone" : NULL;
	return DONE;
}
