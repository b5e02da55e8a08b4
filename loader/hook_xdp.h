/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The XDP hook of a device. Where the kernel can put one program into another, ours goes through libxdp's dispatcher,
 * next to other people's; else it stands alone, held by a pinned link, and the place must be free.
 */
#ifndef HOOK_XDP_H
#define HOOK_XDP_H

#include <stdbool.h>

#include "layout.h"
#include "link.h"
#include "maps.h"

enum xdp_place {
	XDP_ABSENT,
	XDP_ALONE,
	XDP_DISPATCHER,
};

/* Where our program is on this device. */
enum xdp_place hook_xdp_find(__u32 ifindex, const char *folder, const struct maps *maps);

/* Its number, or 0. */
__u32 hook_xdp_program(__u32 ifindex, const char *folder, const struct maps *maps);

/* Whether the kernel will not say, to those without CAP_SYS_ADMIN. */
bool hook_xdp_is_hidden(__u32 ifindex, const char *folder);

/* Whether there is anything of it that hook_xdp_detach would take away. */
bool hook_xdp_is_left_over(__u32 ifindex, const char *folder, const struct maps *maps);

/*
 * Attaches the program in MODE_NATIVE or MODE_SKB, or puts it in the place of the one that is there: alone in one step,
 * in a dispatcher in two, unless it is the same program, which stays. `quiet`: the caller has another way if this
 * fails. Makes maps->devices and ->cpus anew for a program that does not just take another one's place. DONE or FAILED.
 */
int hook_xdp_attach(const struct link *link, const char *folder, struct maps *maps, enum mode mode, bool quiet);

/* Takes ours off. ifindex 0: the device is gone, only the pin. */
void hook_xdp_detach(__u32 ifindex, const char *folder, const struct maps *maps);

#endif
