/* SPDX-License-Identifier: GPL-2.0-only */
/* The map `cpus`: a queue and a thread of the kernel for each CPU that takes its share while the device has `spread on`. */
#ifndef CPUS_H
#define CPUS_H

#include <linux/types.h>

#include "attachment.h"

/* One more than the number of the last CPU that is online; 0 if that is not to be found out. */
__u32 cpus_end(void);

/* Makes those that are missing, or takes all away, as the attachment's options and mode want it. DONE or FAILED. */
int cpus_write(const struct attachment *attachment);

/* Calls `each` for every CPU in the map. */
void cpus_each(const struct attachment *attachment, void (*each)(__u32 cpu, void *argument), void *argument);

#endif
