/* SPDX-License-Identifier: GPL-2.0-only */
/* What `show` tells of an attachment, read from its maps and the kernel. Reading changes nothing. */
#ifndef REPORT_H
#define REPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <linux/types.h>

#include "address.h"
#include "attachment.h"
#include "fib.h"
#include "peers.h"
#include "prefixes.h"
#include "programs.h"
#include "route_records.h"
#include "session.h"
#include "verdict.h"

/* Which command mends what is missing. */
enum remedy {
	REMEDY_ATTACH,
	REMEDY_SOURCE,  /* attach, once the route's source is an address of this host again */
	REMEDY_DEVICE,  /* attach, once the device is there again */
	REMEDY_RENAMED, /* renamed.h */
	REMEDY_PEER_ADD,
	REMEDY_PEER_SET,
	REMEDY_PREFIX_REPLACE,
	REMEDY_COUNT,
};

struct missing {
	char what[48];
	const char *why; /* what becomes of packets without it */
	enum remedy remedy;
	/* What the remedy names, else "". */
	char prefix[PREFIX_TEXT];
	char peer[ADDRESS_TEXT];
	char src[ADDRESS_TEXT];
};

struct report {
	const struct attachment *attachment;
	__u64 now;    /* paths.h */
	bool present; /* the device is there */
	struct link link;
	__u32 mtu; /* what is left inside */
	struct programs_state programs;
	struct peers peers;
	struct prefixes prefixes; /* sorted by owner: bare ones last, then by remote */
	struct route_records records;
	struct fib fib;
	__u64 verdicts[VERDICT_COUNT];
	struct missing *missing;
	size_t missing_count;
	size_t missing_room;
};

/* DONE or FAILED. */
int report_read(const struct session *session, const struct attachment *attachment, struct report *report);
void report_free(struct report *report);

/* The prefixes of a peer, or with NULL the bare ones: a part of report->prefixes, NULL where *count is 0. */
const struct prefix_entry *report_prefixes(const struct report *report, const __u8 *remote, size_t *count);

/* Whether a kernel route leads into the prefix. */
bool report_has_route(const struct report *report, const struct prefix_key *key);

/* The source that the prefix's route has or is to have; false: none was set, or it has no route. */
bool report_source(const struct report *report, const struct prefix_entry *entry, __u8 src[4]);

#endif
