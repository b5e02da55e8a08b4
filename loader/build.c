/* SPDX-License-Identifier: GPL-2.0-only */
#include <errno.h>
#include <string.h>

#include <bpf/bpf.h>

#include "build.h"
#include "fail.h"
#include "layout.h"
#include "objects.h"

static const __u32 first;

bool build_is_ours(const struct maps *maps)
{
	struct build build;

	return maps->build >= 0 && !bpf_map_lookup_elem(maps->build, &first, &build) &&
	       build.digest == objects_digest();
}

/* Older layouts have no such map. */
static int write_digest(const struct maps *maps, __u64 digest)
{
	const struct build build = { .digest = digest };

	if (maps->build >= 0 && bpf_map_update_elem(maps->build, &first, &build, BPF_ANY))
		return fail("cannot write the map 'build': %s", strerror(errno));
	return DONE;
}

int build_forget(const struct maps *maps)
{
	return write_digest(maps, 0);
}

int build_note(const struct maps *maps)
{
	return write_digest(maps, objects_digest());
}
