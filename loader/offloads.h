/* SPDX-License-Identifier: GPL-2.0-only */
/* Offloads of a device of this process's network namespace. */
#ifndef OFFLOADS_H
#define OFFLOADS_H

#include <stdbool.h>

/* Whether it merges what it receives by LRO, of which nothing can be taken apart again. */
bool offloads_merge(const char *device);

/* Whether it writes the checksums of what it sends; true where it does not say. */
bool offloads_sum_up(const char *device);

#endif
