/* SPDX-License-Identifier: GPL-2.0-only */
/* What the loader asks of the kernel while it reads an attachment, answered from a fuzzer's input. */
#ifndef KERNEL_H
#define KERNEL_H

#include <stddef.h>
#include <stdint.h>

#include "attachment.h"

#define KERNEL_ENTRIES_MAX 24

/* Entries of the maps `peers` and `prefixes`, by their bytes. */
struct kernel_peer {
	uint8_t remote[4];
	uint8_t value[32];
	uint8_t path[24]; /* its entry in `paths`, which it lacks if the first byte is 0xFF */
};

struct kernel_prefix {
	uint32_t prefixlen;
	uint8_t addr[4];
	uint8_t value[8];
};

/* An entry of `routes2`. */
struct kernel_place {
	uint32_t place;
	struct route_place value;
};

struct kernel {
	struct kernel_peer peers[KERNEL_ENTRIES_MAX];
	size_t peer_count;
	struct kernel_prefix prefixes[KERNEL_ENTRIES_MAX];
	size_t prefix_count;
	struct kernel_place places[KERNEL_ENTRIES_MAX];
	uint8_t routes[KERNEL_ENTRIES_MAX]; /* of each prefix: 1: in `routes2`, 2: in the FIB, 4: in `peer_src` */
	uint8_t state;                      /* what is there of the device, programs, neighbour, sysctl: a bit each */
	uint8_t count;                      /* every counter, on every CPU */
};

extern struct kernel kernel;

/* Makes a kernel and an attachment of an input; bytes that it lacks are 0. */
void kernel_fill(const uint8_t *data, size_t size, struct attachment *attachment);

#endif
