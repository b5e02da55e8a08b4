/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Packets that were refused, told one by one to whoever listens (event.h). Nothing here is in the way of packets that
 * are carried; without a listener a refused one costs a look at one map.
 *
 * An event is told before its packet is counted: what is counted and was not told has been left out.
 */
#ifndef REFUSAL_H
#define REFUSAL_H

#include "allowance.h"
#include "clock.h"
#include "event.h"
#include "frame.h"
#include "maps.h"

/* Until when each listener is to be written to. Listeners write their own part of it. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, struct listeners);
} listeners SEC(".maps");

/* A listener's ring buffer, of whatever size it made it. */
struct event_ring {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096);
};

/* Each listener's, in the order of struct listeners. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, LISTENERS_MAX);
	__type(key, __u32);
	__array(values, struct event_ring);
} event_rings SEC(".maps");

/* An event while it is made, which is too large for the stack; and this CPU's allowance of events. */
struct event_draft {
	__u64 full;
	struct event event;
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct event_draft);
} event_drafts SEC(".maps");

/* Until when anybody listens; 0: nobody has of late. */
static __always_inline __u64 listeners_until(const struct listeners *table)
{
	__u64 until = 0;

#pragma unroll
	for (__u32 i = 0; i < LISTENERS_MAX; i++)
		until = table->until[i] > until ? table->until[i] : until;
	return until;
}

static __always_inline struct listeners *listeners_find(void)
{
	__u32 key = 0;

	return bpf_map_lookup_elem(&listeners, &key);
}

static __always_inline struct event_draft *event_draft_find(void)
{
	__u32 key = 0;

	return bpf_map_lookup_elem(&event_drafts, &key);
}

/*
 * Begins this CPU's event. Returns 0 if nobody is to be told: nobody listens, or there were too many of late. A global
 * function, which the verifier looks at once, and so without a context (ipv4.h).
 */
__noinline int refusal_begin(__u32 verdict, __u32 packets, __be32 peer, bool peer_known)
{
	const struct listeners *table = listeners_find();
	__u64 until = table ? listeners_until(table) : 0, now;
	struct event_draft *draft;
	struct event *event;
	struct meta *device;
	__u32 key = 0;

	if (!until)
		return 0;
	now = bpf_ktime_get_ns();
	if (until <= now)
		return 0;
	draft = event_draft_find();
	device = bpf_map_lookup_elem(&meta, &key);
	if (!draft || !device || !allowance_take(&draft->full, now, SECOND_NS / EVENTS_PER_SECOND, EVENTS_BURST))
		return 0;
	event = &draft->event;
	__builtin_memset(event, 0, __builtin_offsetof(struct event, bytes));
	event->time = now;
	event->ifindex = device->ifindex;
	event->verdict = verdict;
	event->packets = packets;
	event->peer_known = peer_known;
	__builtin_memcpy(event->peer, &peer, sizeof(event->peer));
	return 1;
}

/*
 * Gives this CPU's event to each listener. One whose ring buffer is full misses it: a slow reader holds up nobody.
 * Global as well.
 */
__noinline int refusal_tell(void)
{
	struct event_draft *draft = event_draft_find();
	struct listeners *table = listeners_find();

	if (!draft || !table)
		return 0;
#pragma unroll
	for (__u32 i = 0; i < LISTENERS_MAX; i++) {
		__u32 key = i;
		void *ring;

		if (table->until[i] <= draft->event.time)
			continue;
		ring = bpf_map_lookup_elem(&event_rings, &key);
		if (ring)
			bpf_ringbuf_output(ring, &draft->event, sizeof(draft->event), 0);
	}
	return 0;
}

#endif
