/* SPDX-License-Identifier: GPL-2.0-only */
/* What this kernel can do. Answers hold for the running kernel; nothing is changed. */
#ifndef PROBE_H
#define PROBE_H

#include <stdbool.h>
#include <linux/types.h>

#include "features.h"
#include "link.h"

/* What the programs for this device must know. */
struct features probe_features(const struct link *link);

/* How many ticks the kernel has in 2^TICKS_MS_SHIFT milliseconds, rounded down; 0 if it does not say. */
__u32 probe_ticks(void);

/* Whether one XDP program can be put into another, as libxdp's dispatcher needs. A locked-down kernel refuses it. */
bool probe_dispatcher(void);

#endif
