/* SPDX-License-Identifier: GPL-2.0-only */
/* The compiled BPF objects inside this binary, opened over an attachment's maps. */
#ifndef OBJECTS_H
#define OBJECTS_H

#include "layout.h"
#include "link.h"
#include "maps.h"

struct tc_bpf;
struct xdp_bpf;

/* Loads the TC object. Maps that are -1 are made, and their descriptors (the caller's to close) put into *maps. */
int objects_load_tc(const struct link *link, struct maps *maps, struct tc_bpf **object);

/* Opens the XDP object for MODE_NATIVE or MODE_SKB over *maps, all of them open; to load it is the caller's. */
int objects_open_xdp(const struct link *link, const struct maps *maps, enum mode mode, struct xdp_bpf **object);

/* Differs from one build of them to the next; never 0. */
__u64 objects_digest(void);

/* From here on libbpf's messages are kept to the last warning, which a failure can quote. */
void objects_keep_messages(void);

/* fail() for a program that the kernel did not take; `error` is a positive errno. */
int objects_fail(const char *what, int error);

#endif
