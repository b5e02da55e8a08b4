/* SPDX-License-Identifier: GPL-2.0-only */
#include <bpf/bpf.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <unistd.h>

#include "pinned_program.h"

static const char *const places[] = { "", "2" };

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

__u32 program_id(int program)
{
	struct bpf_prog_info info = {};
	__u32 len = sizeof(info);

	return bpf_obj_get_info_by_fd(program, &info, &len) ? 0 : info.id;
}

/* What is pinned at a place, 0: nothing. */
static __u32 id_at(const char *folder, const char *name, const char *place, char path[PATH_MAX])
{
	__u32 id = 0;
	int program;

	snprintf(path, PATH_MAX, "%s/%s%s", folder, name, place);
	program = bpf_obj_get(path);
	if (program < 0)
		return 0;
	id = program_id(program);
	close(program);
	return id;
}

bool pinned_program_is(const char *folder, const char *name, __u32 id)
{
	char path[PATH_MAX];

	for (size_t i = 0; i < COUNT(places); i++) {
		if (id_at(folder, name, places[i], path) == id)
			return true;
	}
	return false;
}

int pinned_program_make(int program, const char *folder, const char *name, __u32 attached)
{
	char path[PATH_MAX];

	for (size_t i = 0; i < COUNT(places); i++) {
		if (attached && id_at(folder, name, places[i], path) == attached)
			continue;
		snprintf(path, sizeof(path), "%s/%s%s", folder, name, places[i]);
		unlink(path);
		return bpf_obj_pin(program, path) ? -errno : 0;
	}
	return -EBUSY;
}

void pinned_program_settle(const char *folder, const char *name, __u32 attached)
{
	char path[PATH_MAX];

	for (size_t i = 0; i < COUNT(places); i++) {
		if (id_at(folder, name, places[i], path) != attached)
			unlink(path);
	}
}
