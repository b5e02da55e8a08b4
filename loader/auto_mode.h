/* SPDX-License-Identifier: GPL-2.0-only */
/* What `mode auto` takes for which device. */
#ifndef AUTO_MODE_H
#define AUTO_MODE_H

#include <stdbool.h>

#include "link.h"

/* Whether native XDP is to be tried on this device; else, or if the driver refuses it, it is tc. */
bool auto_mode_tries_native(const struct link *link);

#endif
