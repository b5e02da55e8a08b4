/* SPDX-License-Identifier: GPL-2.0-only */
/* Which build's programs are attached: the kernel would tell only who may do everything. */
#ifndef BUILD_H
#define BUILD_H

#include <stdbool.h>

#include "maps.h"

/* Whether the attached programs are those of this binary. */
bool build_is_ours(const struct maps *maps);

/* Before and after programs are exchanged. DONE or FAILED. */
int build_forget(const struct maps *maps);
int build_note(const struct maps *maps);

#endif
