/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Settings of the device that layout 1 of `meta` has no room for. With a map of that layout they are off, and what reads
 * them is dead code to the verifier, which would refuse a look behind the map's end.
 */
#ifndef DEVICE_H
#define DEVICE_H

#include "frame.h"
#include "layout.h"

static __always_inline bool device_has_layout(__u32 layout)
{
	return LAYOUT - features.layouts_behind >= layout;
}

static __always_inline bool device_forwards(const struct meta *device)
{
	return device_has_layout(2) && device->forward == SWITCH_ON;
}

static __always_inline bool device_spreads(const struct meta *device)
{
	return device_has_layout(2) && device->spread == SWITCH_ON;
}

#endif
