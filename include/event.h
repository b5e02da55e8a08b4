/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the dataplane tells of a refused packet to whoever listens: the records in the ring buffers of `event_rings`.
 *
 * A listener's ring buffer is its own; `listeners` says until when the dataplane writes to it, so that one that was killed
 * or stopped costs nothing for longer than LISTENER_LEASE_NS. As with what is pinned, a record never changes under these
 * maps' names: programs and listener may come from different versions.
 *
 * The includer brings the fixed-width types: <linux/types.h> in the loader, "vmlinux.h" in the dataplane.
 */
#ifndef EVENT_H
#define EVENT_H

/* Commands that can listen to an attachment at once. */
#define LISTENERS_MAX 4

/* How long a listener that does not renew its lease is written to. */
#define LISTENER_LEASE_NS 3000000000ULL

/* Events that each CPU tells in a second, and at once after a pause. */
#define EVENTS_PER_SECOND 1000
#define EVENTS_BURST 1000

/* What is told of the frame itself: its link header with two tags and two IPv4 headers with all options fit. */
#define EVENT_BYTES 192

/* Value of `listeners`, an array of one, which is mapped into the listeners' memory. */
struct listeners {
	__u64 until[LISTENERS_MAX]; /* nanoseconds of CLOCK_MONOTONIC; 0, or past: nobody */
};

enum event_direction {
	EVENT_IN = 1,
	EVENT_OUT = 2,
};

/* A record. Numbers are in the host's byte order, addresses as in layout.h. */
struct event {
	__u64 time;       /* nanoseconds of CLOCK_MONOTONIC */
	__u32 ifindex;    /* the device that is attached */
	__u32 verdict;    /* enum verdict */
	__u32 packets;    /* that were counted under it: a GSO packet's segments */
	__u32 len;        /* bytes of the frame, without a tag that lies beside it */
	__u32 captured;   /* bytes of it that follow */
	__u8 peer[4];     /* the key of `peers`, if peer_known */
	__u16 vlan_proto; /* of the tag beside the frame; 0: none */
	__u16 vlan_tci;
	__u8 direction; /* enum event_direction */
	__u8 peer_known;
	__u8 reserved[2]; /* 0 */
	__u8 bytes[EVENT_BYTES];
};

_Static_assert(sizeof(struct listeners) == 32, "pinned layout");
_Static_assert(sizeof(struct event) == 40 + EVENT_BYTES, "pinned layout");

#endif
