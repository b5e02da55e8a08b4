/* SPDX-License-Identifier: GPL-2.0-only */
/* What `mode auto` takes for which device. */
#ifndef AUTO_MODE_H
#define AUTO_MODE_H

#include <stdbool.h>

#include "link.h"

/* By what a device is judged: the kind of a software device, the driver of a real one. */
struct auto_mode_name {
	char text[32];
};

struct auto_mode_name auto_mode_name(const struct link *link);

/* Whether native XDP is to be tried on this device; else, or if the driver refuses it, it is tc. */
bool auto_mode_tries_native(const struct link *link);

#endif
