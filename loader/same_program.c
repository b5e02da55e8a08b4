/* SPDX-License-Identifier: GPL-2.0-only */
#include <bpf/bpf.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ownership.h"
#include "same_program.h"

/* The kernel reports no more maps than a program of ours can have. */
#define MAPS_OF_A_PROGRAM 64

struct identity {
	__u8 tag[BPF_TAG_SIZE];           /* the kernel's digest of the code, in which no map's number counts */
	__u32 map_ids[MAPS_OF_A_PROGRAM]; /* in the order in which the code names them */
	__u32 map_count;
};

static bool read_identity(int program, struct identity *identity)
{
	struct bpf_prog_info info = {
		.map_ids = (unsigned long)identity->map_ids,
		.nr_map_ids = MAPS_OF_A_PROGRAM,
	};
	__u32 len = sizeof(info);

	if (program < 0 || bpf_obj_get_info_by_fd(program, &info, &len) || info.nr_map_ids > MAPS_OF_A_PROGRAM)
		return false;
	memcpy(identity->tag, info.tag, sizeof(identity->tag));
	identity->map_count = info.nr_map_ids;
	return true;
}

/* The one value of a map of constants, to be freed; NULL if the map is another one. */
static void *read_constants(__u32 id, __u32 *size)
{
	struct bpf_map_info info = {};
	__u32 len = sizeof(info), key = 0;
	int map = bpf_map_get_fd_by_id(id);
	void *value = NULL;

	if (map < 0)
		return NULL;
	if (!bpf_obj_get_info_by_fd(map, &info, &len) && info.type == BPF_MAP_TYPE_ARRAY && info.max_entries == 1 &&
	    info.map_flags & BPF_F_RDONLY_PROG)
		value = malloc(info.value_size);
	if (value && bpf_map_lookup_elem(map, &key, value)) {
		free(value);
		value = NULL;
	}
	close(map);
	*size = info.value_size;
	return value;
}

/* Each program has its own map of the constants that the loader gave it. */
static bool same_constants(__u32 one, __u32 other)
{
	__u32 one_size, other_size;
	void *ones = read_constants(one, &one_size);
	void *others = read_constants(other, &other_size);
	bool same = ones && others && one_size == other_size && !memcmp(ones, others, one_size);

	free(ones);
	free(others);
	return same;
}

/* Working memory, which no attachment pins and each program that is loaded has anew. */
static bool is_working_memory(__u32 id)
{
	static const char *const names[] = { "answers", "event_drafts", "icmp_full", "next_hops" };
	struct bpf_map_info info = {};
	__u32 len = sizeof(info);
	int map = bpf_map_get_fd_by_id(id);
	bool found = false;

	if (map < 0)
		return false;
	if (!bpf_obj_get_info_by_fd(map, &info, &len))
		for (size_t i = 0; i < sizeof(names) / sizeof(names[0]) && !found; i++)
			found = !strcmp(info.name, names[i]);
	close(map);
	return found;
}

/* Of a map that no two programs have in common: the running one has the attachment's. */
static bool is_its_own(__u32 id, const struct maps *maps)
{
	return id == map_id(maps->devices) || id == map_id(maps->cpus);
}

/* Maps that may take each other's place. The code, which is the same, names them in the same order. */
static bool same_map(__u32 one, __u32 other, const struct maps *maps)
{
	return one == other || is_its_own(one, maps) || same_constants(one, other) ||
	       (is_working_memory(one) && is_working_memory(other));
}

static bool same_identity(const struct identity *one, const struct identity *other, const struct maps *maps)
{
	if (memcmp(one->tag, other->tag, sizeof(one->tag)) || one->map_count != other->map_count)
		return false;
	for (__u32 i = 0; i < one->map_count; i++) {
		if (!same_map(one->map_ids[i], other->map_ids[i], maps))
			return false;
	}
	return true;
}

bool same_program(__u32 id, int program, const struct maps *maps)
{
	int running = bpf_prog_get_fd_by_id(id);
	struct identity one, other;
	bool same = read_identity(running, &one) && read_identity(program, &other) && same_identity(&one, &other, maps);

	if (running >= 0)
		close(running);
	return same;
}

/* Each map of constants that both have at the same place holds the same. */
static bool same_settings(const struct identity *one, const struct identity *other)
{
	for (__u32 i = 0; i < one->map_count && i < other->map_count; i++) {
		__u32 size;
		void *constants = read_constants(one->map_ids[i], &size);

		free(constants);
		if (constants && !same_constants(one->map_ids[i], other->map_ids[i]))
			return false;
	}
	return true;
}

bool other_code(__u32 id, int program, bool constants)
{
	int running = bpf_prog_get_fd_by_id(id);
	struct identity one, other;
	bool differs = read_identity(running, &one) && read_identity(program, &other) &&
		       (memcmp(one.tag, other.tag, sizeof(one.tag)) || (constants && !same_settings(&one, &other)));

	if (running >= 0)
		close(running);
	return differs;
}
