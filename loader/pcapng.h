/* SPDX-License-Identifier: GPL-2.0-only */
/* The blocks of a capture file in the format pcapng, version 1.0, in the host's byte order. DONE or FAILED. */
#ifndef PCAPNG_H
#define PCAPNG_H

#include <linux/types.h>

#include "output.h"

/* Most bytes of a packet, and of a comment on it. */
#define PCAPNG_SNAPLEN 256
#define PCAPNG_COMMENT_MAX 512

/* LINKTYPE_... */
enum pcapng_link {
	PCAPNG_ETHERNET = 1,
	PCAPNG_RAW_IP = 101,
};

enum pcapng_direction {
	PCAPNG_INBOUND = 1,
	PCAPNG_OUTBOUND = 2,
};

struct pcapng_packet {
	__u32 interface; /* the how-manieth, from 0 */
	__u64 time;      /* nanoseconds since 1970 */
	__u32 captured;  /* bytes in `data` */
	__u32 length;    /* of the whole frame */
	const void *data;
	enum pcapng_direction direction;
	__u64 missed; /* packets of this interface that are missing before this one */
	const char *comment;
};

/* What begins the file. */
int pcapng_section(struct output *output, const char *program);

/* A device; the first written is number 0. */
int pcapng_interface(struct output *output, const char *name, enum pcapng_link link);
int pcapng_packet(struct output *output, const struct pcapng_packet *packet);

/* How many packets there were of a device, and how many of them are missing. */
int pcapng_statistics(struct output *output, __u32 interface, __u64 time, __u64 packets, __u64 missed);

#endif
