/* SPDX-License-Identifier: GPL-2.0-only */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fail.h"
#include "hook_tc.h"
#include "hook_xdp.h"
#include "objects.h"
#include "probe.h"
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
	__u32 key = 0;

	if (bpf_map_update_elem(maps->meta, &key, meta, BPF_ANY))
		return fail("write the attachment's options: %s", strerror(errno));
	return DONE;
}

/* Puts decapsulation where `mode` says. Until meta->hook names it, a new program leaves every packet to the old one. */
static int attach_decap(struct programs *programs, const struct link *link, const char *folder, const struct maps *maps,
			struct meta *meta, enum mode mode, bool quiet)
{
	/* Mode skb needs both: XDP leaves GSO packets to TC. */
	if (mode != MODE_NATIVE &&
	    hook_tc_attach(bpf_program__fd(programs->tc->progs.decap_tc), link, folder, maps, meta, TC_INGRESS))
		return FAILED;
	return mode == MODE_TC ? DONE : hook_xdp_attach(link, folder, maps, mode, quiet);
}

/* Mode auto: native XDP where the driver gains from it and takes it, else TC. */
static int attach_decap_as_asked(struct programs *programs, const struct link *link, const char *folder,
				 const struct maps *maps, struct meta *meta)
{
	meta->mode_used = meta->mode;
	if (meta->mode != MODE_AUTO)
		return attach_decap(programs, link, folder, maps, meta, meta->mode, false);
	meta->mode_used = MODE_NATIVE;
	if (probe_native_gains(link) && attach_decap(programs, link, folder, maps, meta, MODE_NATIVE, true) == DONE)
		return DONE;
	meta->mode_used = MODE_TC;
	return attach_decap(programs, link, folder, maps, meta, MODE_TC, false);
}

int programs_attach(struct programs *programs, const struct link *link, const char *folder, const struct maps *maps,
		    struct meta *meta)
{
	bool had_encap = hook_tc_find(link->ifindex, folder, maps, TC_EGRESS);

	if (hook_tc_attach(bpf_program__fd(programs->tc->progs.encap), link, folder, maps, meta, TC_EGRESS))
		return FAILED;
	if (attach_decap_as_asked(programs, link, folder, maps, meta)) {
		if (!had_encap)
			programs_detach(link->ifindex, folder, maps, meta);
		return FAILED;
	}
	meta->hook = meta->mode_used == MODE_TC ? HOOK_TC : HOOK_XDP;
	if (write_meta(maps, meta))
		return FAILED;
	if (meta->mode_used == MODE_TC)
		hook_xdp_detach(link->ifindex, folder, maps);
	if (meta->mode_used == MODE_NATIVE)
		hook_tc_detach(link->ifindex, folder, maps, TC_INGRESS);
	return DONE;
}

int programs_detach(__u32 ifindex, const char *folder, const struct maps *maps, struct meta *meta)
{
	hook_xdp_detach(ifindex, folder, maps);
	hook_tc_detach(ifindex, folder, maps, TC_INGRESS);
	hook_tc_detach(ifindex, folder, maps, TC_EGRESS);
	if (ifindex)
		hook_tc_clean(ifindex, meta);
	return DONE;
}

int programs_state(__u32 ifindex, const char *folder, const struct maps *maps, const struct meta *meta,
		   struct programs_state *state)
{
	enum xdp_place place = meta->hook == HOOK_XDP ? hook_xdp_find(ifindex, folder, maps) : XDP_ABSENT;

	state->encap = hook_tc_find(ifindex, folder, maps, TC_EGRESS);
	state->decap = (meta->mode_used == MODE_TC || place != XDP_ABSENT) &&
		       (meta->mode_used == MODE_NATIVE || hook_tc_find(ifindex, folder, maps, TC_INGRESS));
	state->xdp = place == XDP_DISPATCHER ? "dispatcher" : place == XDP_ALONE ? "alone" : NULL;
	return DONE;
}
