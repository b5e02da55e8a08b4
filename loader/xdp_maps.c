/* SPDX-License-Identifier: GPL-2.0-only */
#include <unistd.h>

#include "fail.h"
#include "pins.h"
#include "sharing.h"
#include "xdp_maps.h"

static int drop(const char *folder, const char *name, int *map)
{
	if (*map >= 0)
		close(*map);
	*map = -1;
	return pins_remove_pin(folder, name);
}

int xdp_maps_renew(const char *folder, struct maps *maps)
{
	return drop(folder, "devices", &maps->devices) || drop(folder, "cpus", &maps->cpus) || pins_make_maps(maps) ||
			       pins_pin_maps(folder, maps) || sharing_apply(folder)
		       ? FAILED
		       : DONE;
}
