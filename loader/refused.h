/* SPDX-License-Identifier: GPL-2.0-only */
/* A refused packet: what an event and the bytes that it holds say of it. */
#ifndef REFUSED_H
#define REFUSED_H

#include <stdbool.h>
#include <stddef.h>
#include <linux/types.h>

#include "event.h"
#include "folder_name.h"
#include "layout.h"

/* The addresses of an IPv4 header. */
struct ends {
	bool known;     /* false: there is no such header, or not all of it */
	bool src_known; /* of an outer header that was not made the destination alone may be known */
	__u8 src[4];
	__u8 dst[4];
};

/* What lies behind the innermost header that is known. */
struct payload {
	bool known;
	__u8 protocol;
	bool has_ports;
	__u16 src_port;
	__u16 dst_port;
	bool has_type;
	__u8 icmp_type;
	__u8 icmp_code;
};

struct refused {
	const struct event *event;
	const struct folder_name *name; /* of the attachment */
	__u64 time;                     /* nanoseconds since 1970 */
	const char *verdict;
	const char *fate;
	bool peer_known;
	__u8 peer[4];
	__u32 length; /* bytes from the first IPv4 header on */
	struct ends outer;
	struct ends inner;
	struct payload payload;
};

/* The attachment that an event comes from, as far as it matters. */
struct refused_at {
	const struct folder_name *name;
	const struct meta *meta;
	int peers;         /* the map */
	__u32 link_header; /* bytes */
	__u64 epoch;       /* nanoseconds from 1970 to where CLOCK_MONOTONIC begins */
};

/* Reads an event, which must outlive *refused. */
void refused_read(const struct event *event, const struct refused_at *at, struct refused *refused);

/* Its time of day, as 2026-01-31T12:00:00.123456Z, in `text`. */
#define MOMENT_TEXT sizeof("2026-01-31T12:00:00.123456Z")
const char *moment_format(__u64 nanoseconds, char text[MOMENT_TEXT]);

#endif
