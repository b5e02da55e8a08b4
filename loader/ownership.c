/* SPDX-License-Identifier: GPL-2.0-only */
#include <bpf/bpf.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "ownership.h"

/* The kernel reports no more maps than a program of ours can have. */
#define MAPS_OF_A_PROGRAM 64

__u32 map_id(int map)
{
	struct bpf_map_info info = {};
	__u32 len = sizeof(info);

	return map < 0 || bpf_obj_get_info_by_fd(map, &info, &len) ? 0 : info.id;
}

bool program_is_ours(__u32 program_id, const struct maps *maps)
{
	__u32 ids[MAPS_OF_A_PROGRAM] = {}, len = sizeof(struct bpf_prog_info);
	const __u32 meta = map_id(maps->meta), old = map_id(maps->meta_old);
	struct bpf_prog_info info = { .map_ids = (unsigned long)ids, .nr_map_ids = MAPS_OF_A_PROGRAM };
	int program = bpf_prog_get_fd_by_id(program_id);
	bool found = false;

	if (program < 0)
		return false;
	if (!bpf_obj_get_info_by_fd(program, &info, &len))
		for (__u32 i = 0; i < info.nr_map_ids && i < MAPS_OF_A_PROGRAM && !found; i++)
			found = (meta && ids[i] == meta) || (old && ids[i] == old);
	close(program);
	return found;
}

bool programs_are_hidden(void)
{
	int program = bpf_prog_get_fd_by_id(0);

	if (program >= 0)
		close(program);
	return program < 0 && errno == EPERM;
}

void program_name(__u32 program_id, char *name)
{
	int program = bpf_prog_get_fd_by_id(program_id);
	struct bpf_prog_info info = {};
	__u32 len = sizeof(info);

	strcpy(name, "?");
	if (program < 0)
		return;
	if (!bpf_obj_get_info_by_fd(program, &info, &len) && info.name[0])
		snprintf(name, BPF_OBJ_NAME_LEN, "%s", info.name);
	close(program);
}

int pinned_link_open(const char *folder, const char *name, __u32 *ifindex)
{
	struct bpf_link_info info = {};
	__u32 len = sizeof(info);
	char path[PATH_MAX];
	int link;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	link = bpf_obj_get(path);
	*ifindex = 0;
	/* A tcx link's ifindex lies where an XDP link's does: first in the union. */
	if (link >= 0 && !bpf_obj_get_info_by_fd(link, &info, &len))
		*ifindex = info.xdp.ifindex;
	return link;
}

__u32 link_program(int link)
{
	struct bpf_link_info info = {};
	__u32 len = sizeof(info);

	return bpf_obj_get_info_by_fd(link, &info, &len) ? 0 : info.prog_id;
}

bool pinned_link_remove(const char *folder, const char *name)
{
	char path[PATH_MAX];
	int link;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	link = bpf_obj_get(path);
	if (link < 0)
		return false;
	bpf_link_detach(link);
	unlink(path);
	close(link);
	return true;
}

int pinned_link_make(int link, const char *folder, const char *name)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	unlink(path);
	return bpf_obj_pin(link, path) ? -errno : 0;
}
