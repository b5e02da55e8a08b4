/* SPDX-License-Identifier: GPL-2.0-only */
/* The packets of a file that tcpdump or Wireshark wrote: pcap or pcapng. */
#ifndef CAPTURE_H
#define CAPTURE_H

#include <stdbool.h>
#include <stddef.h>
#include <linux/types.h>

#include "packet.h"

struct capture;

/* Opens a file of Ethernet frames or bare IPv4 packets; "-" is standard input. DONE or FAILED. */
int capture_open(const char *path, struct capture **capture);
void capture_close(struct capture *capture); /* NULL is fine */

/* Whether its frames bear the link headers that they had on their device. */
bool capture_has_link_headers(const struct capture *capture);

/*
 * The next packet, its number from 1 on, always with a link header; what the file cut off is zeros. *end is set, and no
 * packet read, behind the last one. DONE or FAILED.
 */
int capture_next(struct capture *capture, struct frame *frame, __u64 *number, bool *end);

#endif
