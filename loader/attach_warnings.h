/* SPDX-License-Identifier: GPL-2.0-only */
/* What works otherwise than somebody may think who said it: told once all is attached. */
#ifndef ATTACH_WARNINGS_H
#define ATTACH_WARNINGS_H

#include "attaching.h"

void attach_warn(const struct attaching *attaching);

#endif
