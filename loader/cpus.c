/* SPDX-License-Identifier: GPL-2.0-only */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cpus.h"
#include "fail.h"

#define ONLINE "/sys/devices/system/cpu/online"

/* Frames that a CPU's queue holds, beyond which it loses some. */
#define QUEUE_FRAMES 2048

/* Notes in `online`, where it is not NULL, which of `count` CPUs are online; returns one more than the last's number. */
static __u32 read_online(bool *online, __u32 count)
{
	unsigned int first, last;
	FILE *file = fopen(ONLINE, "re");
	__u32 end = 0;

	/* Ranges and single numbers, with commas between them: 0-3,5. */
	while (file && fscanf(file, "%u", &first) == 1) {
		if (fscanf(file, "-%u", &last) != 1)
			last = first;
		for (__u32 cpu = first; cpu <= last && cpu < count; cpu++) {
			if (online)
				online[cpu] = true;
			end = cpu + 1;
		}
		if (fgetc(file) != ',')
			break;
	}
	if (file)
		fclose(file);
	return end;
}

static __u32 possible(void)
{
	int count = libbpf_num_possible_cpus();

	return count > 0 ? (__u32)count : 0;
}

__u32 cpus_end(void)
{
	return read_online(NULL, possible());
}

/* Of a CPU that has one already the queue stays, with what is in it. */
static int make(int map, __u32 cpu)
{
	__u32 frames = QUEUE_FRAMES, present;

	if (!bpf_map_lookup_elem(map, &cpu, &present) && present)
		return 0;
	return bpf_map_update_elem(map, &cpu, &frames, BPF_ANY) ? -errno : 0;
}

static int drop(int map, __u32 cpu)
{
	return bpf_map_delete_elem(map, &cpu) && errno != ENOENT ? -errno : 0;
}

int cpus_write(const struct attachment *attachment)
{
	const struct meta *meta = &attachment->meta;
	bool *online = calloc(possible() + 1, sizeof(*online));
	int error = 0;

	if (!online)
		return fail("out of memory");
	if (meta->spread == SWITCH_ON && meta->mode_used == MODE_NATIVE && !read_online(online, possible()))
		error = -ENOENT;
	for (__u32 cpu = 0; cpu < possible() && !error; cpu++)
		error = online[cpu] ? make(attachment->maps.cpus, cpu) : drop(attachment->maps.cpus, cpu);
	free(online);
	return error ? fail("cannot spread over the CPUs of %s: %s", ONLINE, strerror(-error)) : DONE;
}

void cpus_each(const struct attachment *attachment, void (*each)(__u32 cpu, void *argument), void *argument)
{
	for (__u32 cpu = 0; attachment->maps.cpus >= 0 && cpu < possible(); cpu++) {
		__u32 frames;

		if (!bpf_map_lookup_elem(attachment->maps.cpus, &cpu, &frames) && frames)
			each(cpu, argument);
	}
}
