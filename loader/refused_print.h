/* SPDX-License-Identifier: GPL-2.0-only */
/* The ways to write refused packets. DONE or FAILED. */
#ifndef REFUSED_PRINT_H
#define REFUSED_PRINT_H

#include "output.h"
#include "refused.h"

/* As lines: a packet, and how many more were refused than were told of. */
struct refused_printer {
	int (*packet)(struct output *output, const struct refused *refused);
	int (*left_out)(struct output *output, const struct folder_name *name, __u64 time, __u64 packets);
};

extern const struct refused_printer refused_text;
extern const struct refused_printer refused_json;

/* As a packet of a capture file, with its verdict as a comment; before it `missed` of that interface were left out. */
int refused_capture(struct output *output, __u32 interface, const struct refused *refused, __u64 missed);

#endif
