/* SPDX-License-Identifier: GPL-2.0-only */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "counters.h"
#include "fail.h"

/* Room for a value of each CPU, or NULL after a line that says why. */
static void *values_of_cpus(size_t size, int *cpu_count)
{
	void *values;

	*cpu_count = libbpf_num_possible_cpus();
	if (*cpu_count < 0) {
		fail("cannot tell the number of CPUs: %s", strerror(-*cpu_count));
		return NULL;
	}
	values = calloc((size_t)*cpu_count, size);
	if (!values)
		fail("out of memory");
	return values;
}

static int read_verdict(int fd, __u32 index, __u64 *cpus, int cpu_count, __u64 *sum)
{
	*sum = 0;
	if (bpf_map_lookup_elem(fd, &index, cpus))
		return fail("cannot read the map 'verdicts': %s", strerror(errno));
	for (int cpu = 0; cpu < cpu_count; cpu++)
		*sum += cpus[cpu];
	return DONE;
}

int counters_read_verdicts(int fd, __u64 verdicts[VERDICT_COUNT])
{
	int cpu_count, result = DONE;
	__u64 *cpus;

	memset(verdicts, 0, VERDICT_COUNT * sizeof(*verdicts));
	if (fd < 0)
		return DONE;
	cpus = values_of_cpus(sizeof(*cpus), &cpu_count);
	if (!cpus)
		return FAILED;
	for (__u32 i = 0; i < VERDICT_COUNT && !result; i++)
		result = read_verdict(fd, i, cpus, cpu_count, &verdicts[i]);
	free(cpus);
	return result;
}

static void add(struct peer_counters *sum, const struct peer_counters *cpu)
{
	sum->tx_packets += cpu->tx_packets;
	sum->tx_bytes += cpu->tx_bytes;
	sum->rx_packets += cpu->rx_packets;
	sum->rx_bytes += cpu->rx_bytes;
	sum->drops += cpu->drops;
}

int counters_read_peer(int fd, const struct peer_key *key, struct peer_counters *sum)
{
	struct peer_counters *cpus;
	int cpu_count, error = 0;

	memset(sum, 0, sizeof(*sum));
	if (fd < 0)
		return DONE;
	cpus = values_of_cpus(sizeof(*cpus), &cpu_count);
	if (!cpus)
		return FAILED;
	if (bpf_map_lookup_elem(fd, key, cpus))
		error = errno;
	for (int cpu = 0; cpu < cpu_count && !error; cpu++)
		add(sum, &cpus[cpu]);
	free(cpus);
	return error && error != ENOENT ? fail("cannot read the map 'peer_counters': %s", strerror(error)) : DONE;
}

int counters_make_peer(int fd, const struct peer_key *key)
{
	int cpu_count = libbpf_num_possible_cpus();
	struct peer_counters *cpus;
	int error = 0;

	if (cpu_count < 0)
		return cpu_count;
	cpus = calloc((size_t)cpu_count, sizeof(*cpus));
	if (!cpus)
		return -ENOMEM;
	if (bpf_map_update_elem(fd, key, cpus, BPF_NOEXIST) && errno != EEXIST)
		error = -errno;
	free(cpus);
	return error;
}
