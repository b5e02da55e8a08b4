/* SPDX-License-Identifier: GPL-2.0-only */
#include <string.h>
#include <unistd.h>

#include "fail.h"
#include "layouts.h"
#include "migration.h"
#include "pins.h"
#include "prefix_cache.h"
#include "programs.h"
#include "route_records.h"
#include "sharing.h"

static int load(const struct migration *migration, struct programs **programs)
{
	struct maps *maps = migration->maps;

	*programs = NULL;
	if (!migration->link)
		return DONE;
	if (!prefix_cache_fits(maps, migration->meta) && prefix_cache_make(maps, migration->meta))
		return FAILED;
	return programs_load(migration->link, maps, programs);
}

static void forget(int *map)
{
	if (*map >= 0)
		close(*map);
	*map = -1;
}

/* What belongs to other layouts goes. */
static int settle(const struct migration *migration)
{
	const __u32 layout = migration->meta->layout;

	if (pins_settle(migration->folder, layout))
		return FAILED;
	forget(&migration->maps->meta_old);
	forget(layout < ROUTES2_SINCE ? &migration->maps->routes2 : &migration->maps->routes);
	return DONE;
}

static int exchange(const struct migration *migration, struct programs *programs)
{
	const char *folder = migration->folder;
	struct maps *maps = migration->maps;
	struct meta *meta = migration->meta;

	/* Whoever finds the new `meta` finds all that belongs to it. */
	if (pins_make_maps(maps) || pins_pin_maps(folder, maps) || pins_replace_meta(folder, maps) ||
	    sharing_apply(folder) ||
	    (programs && programs_attach(programs, migration->link, folder, maps, meta->mode, meta)))
		return FAILED;
	return settle(migration);
}

/* What was begun is ended as it was meant: the pinned `meta` is the one to be. */
static int finish(const struct migration *migration)
{
	struct programs *programs;
	int result;

	if (load(migration, &programs))
		return FAILED;
	result = exchange(migration, programs);
	programs_free(programs);
	return result;
}

/* The new map and the programs for it. FAILED has changed nothing. */
static int prepare(const struct migration *migration, __u32 layout, struct programs **programs)
{
	struct maps *maps = migration->maps;
	const __u32 before = migration->meta->layout;
	int old = maps->meta;

	if (route_records_move(maps, before, layout))
		return FAILED;
	migration->meta->layout = layout;
	maps->meta = layout_make_meta(migration->meta);
	if (maps->meta < 0)
		fail("cannot make the map 'meta': %s", strerror(-maps->meta));
	if (maps->meta >= 0 && !load(migration, programs)) {
		maps->meta_old = old;
		return DONE;
	}
	if (maps->meta >= 0)
		close(maps->meta);
	maps->meta = old;
	migration->meta->layout = before;
	return FAILED;
}

static void go_back(const struct migration *migration, __u32 layout)
{
	struct maps *maps = migration->maps;
	const int new = maps->meta;

	maps->meta = maps->meta_old;
	maps->meta_old = new;
	migration->meta->layout = layout;
	finish(migration);
}

int migration_run(const struct migration *migration, __u32 layout)
{
	const __u32 before = migration->meta->layout;
	struct programs *programs;
	int result;

	if (migration->maps->meta_old >= 0 && finish(migration))
		return FAILED;
	if (before == layout)
		return settle(migration);
	if (prepare(migration, layout, &programs))
		return FAILED;
	result = route_records_pin(migration->maps, migration->folder, layout) || exchange(migration, programs);
	programs_free(programs);
	if (result)
		go_back(migration, before);
	return result;
}
