/* SPDX-License-Identifier: GPL-2.0-only */
/* What is not in the way of a change, and yet hardly meant. */
#ifndef CHANGE_WARNINGS_H
#define CHANGE_WARNINGS_H

#include "change.h"

/* Warns of what a change that was done has made: after its routes are there. */
void change_warn(const struct change *change);

/* Of the outer address of a device or peer, where it is no address of this host. */
void change_warn_local(const struct change *change, const __u8 local[4]);

#endif
