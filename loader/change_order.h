/* SPDX-License-Identifier: GPL-2.0-only */
/* In which order a change is done, so that the packets of what stays are not lost, and the maps have room. */
#ifndef CHANGE_ORDER_H
#define CHANGE_ORDER_H

#include "change.h"

/*
 * Gives each wish its phase. Where what is there and what comes do not fit into a map together, what has nothing to do
 * with what comes goes first. FAILED where even that makes no room; what does not fit by itself fails when it is done.
 */
int change_order(struct change *change);

#endif
