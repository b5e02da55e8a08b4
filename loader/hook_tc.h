/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The TC hooks of a device: a pinned tcx link where the kernel has it (Linux 6.6), else a filter on the clsact qdisc,
 * which is made if it is not there.
 */
#ifndef HOOK_TC_H
#define HOOK_TC_H

#include <stdbool.h>

#include "layout.h"
#include "link.h"
#include "maps.h"

enum tc_side {
	TC_EGRESS,
	TC_INGRESS,
};

/* The number of our program there, or 0. */
__u32 hook_tc_program(__u32 ifindex, const char *folder, const struct maps *maps, enum tc_side side);

/* Whether it is there; true too where that is not for this user to know. */
bool hook_tc_find(__u32 ifindex, const char *folder, const struct maps *maps, enum tc_side side);

/* Attaches the program, or puts it in the place of ours that is there, in one step. DONE or FAILED. */
int hook_tc_attach(int program, const struct link *link, const char *folder, const struct maps *maps, struct meta *meta,
		   enum tc_side side);

/* Takes ours off. ifindex 0: the device is gone, only the pin. DONE or FAILED. */
int hook_tc_detach(__u32 ifindex, const char *folder, const struct maps *maps, enum tc_side side);

/* Takes away the clsact that we made, unless somebody has put a filter there. */
void hook_tc_clean(__u32 ifindex, const struct meta *meta);

#endif
