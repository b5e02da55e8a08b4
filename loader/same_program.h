/* SPDX-License-Identifier: GPL-2.0-only */
/* Whether to exchange one loaded program for another would change anything. */
#ifndef SAME_PROGRAM_H
#define SAME_PROGRAM_H

#include <stdbool.h>
#include <linux/types.h>

#include "maps.h"

/*
 * Whether the program of this number does what the one whose descriptor is `program` does: the same code, over the same
 * maps and the same constants. maps->devices and ->cpus, which no two have in common, it must have itself. False too if
 * the kernel will not say.
 */
bool same_program(__u32 id, int program, const struct maps *maps);

/*
 * Whether it has other code, or with `constants` other constants, over whatever maps. False too if the kernel will not
 * say: it gives nobody a program by its number who lacks CAP_SYS_ADMIN.
 */
bool other_code(__u32 id, int program, bool constants);

#endif
