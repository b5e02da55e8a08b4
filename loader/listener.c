/* SPDX-License-Identifier: GPL-2.0-only */
#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

#include <bpf/bpf.h>

#include "listener.h"
#include "ownership.h"
#include "paths.h"

/* Each listener writes its own lease alone, at any time: an update through the kernel would write those of all. */
static struct listeners *map_table(int fd)
{
	void *table = mmap(NULL, (size_t)sysconf(_SC_PAGESIZE), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	return table == MAP_FAILED ? NULL : table;
}

static void unmap_table(struct listeners *table)
{
	munmap(table, (size_t)sysconf(_SC_PAGESIZE));
}

static __u64 lease(const struct listeners *table, __u32 slot)
{
	return __atomic_load_n(&table->until[slot], __ATOMIC_RELAXED);
}

static void set_lease(struct listeners *table, __u32 slot, __u64 until)
{
	__atomic_store_n(&table->until[slot], until, __ATOMIC_RELAXED);
}

/* The kernel's number of the ring buffer there, 0: none. */
static __u32 ring_at(int rings, __u32 slot)
{
	__u32 id;

	return bpf_map_lookup_elem(rings, &slot, &id) ? 0 : id;
}

static int take(struct listener *listener, int ring)
{
	const __u64 now = paths_now();

	for (listener->slot = 0; listener->slot < LISTENERS_MAX; listener->slot++) {
		if (lease(listener->table, listener->slot) > now)
			continue;
		if (bpf_map_update_elem(listener->rings, &listener->slot, &ring, BPF_ANY))
			return -errno;
		set_lease(listener->table, listener->slot, now + LISTENER_LEASE_NS);
		return 0;
	}
	return -EBUSY;
}

int listener_open(struct listener *listener, const struct maps *maps, int ring)
{
	int error;

	*listener = (struct listener){ .rings = maps->event_rings, .ring = map_id(ring) };
	listener->table = map_table(maps->listeners);
	if (!listener->table)
		return -errno;
	error = take(listener, ring);
	if (!error)
		return 0;
	unmap_table(listener->table);
	listener->table = NULL;
	return error;
}

bool listener_renew(const struct listener *listener)
{
	set_lease(listener->table, listener->slot, paths_now() + LISTENER_LEASE_NS);
	return ring_at(listener->rings, listener->slot) == listener->ring;
}

void listener_close(struct listener *listener)
{
	if (!listener->table)
		return;
	/* With the lease renewed nobody takes the place meanwhile. */
	if (listener_renew(listener))
		bpf_map_delete_elem(listener->rings, &listener->slot);
	if (!ring_at(listener->rings, listener->slot))
		set_lease(listener->table, listener->slot, 0);
	unmap_table(listener->table);
	listener->table = NULL;
}

void listeners_sweep(const struct maps *maps)
{
	struct listeners *table;

	if (maps->listeners < 0 || maps->event_rings < 0)
		return;
	table = map_table(maps->listeners);
	if (!table)
		return;
	for (__u32 slot = 0; slot < LISTENERS_MAX; slot++) {
		if (!lease(table, slot) || lease(table, slot) > paths_now())
			continue;
		bpf_map_delete_elem(maps->event_rings, &slot);
		set_lease(table, slot, 0);
	}
	unmap_table(table);
}
