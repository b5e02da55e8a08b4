/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A trial of single packets: an attachment's programs, loaded a second time over its live `prefixes` and `peers`, which
 * no program writes, and given packets by BPF_PROG_TEST_RUN in this process's namespace. All that the programs do write
 * they have maps of their own for, so that nothing of the attachment moves.
 */
#ifndef TRIAL_H
#define TRIAL_H

#include <stdbool.h>
#include <stddef.h>
#include <linux/types.h>

#include "attachment.h"
#include "link.h"
#include "packet.h"
#include "verdict.h"

struct trial;

struct outcome {
	bool counted; /* under `verdict` */
	enum verdict verdict;
	bool dropped;    /* the frame goes no further */
	bool redirected; /* not to the next in DEV's chain: to the kernel's neighbour code, or to this host's stack */
	size_t cut;      /* bytes at the end of the frame that the programs were not given: it is too long for a test */
	struct frame frame; /* as the programs left it */
};

/* Loads the programs. Warns if those that are attached are of another version. DONE, or FAILED if one is not there. */
int trial_open(const struct session *session, const struct attachment *attachment, const struct link *link,
	       struct trial **trial);
void trial_close(struct trial *trial); /* NULL is fine */

/*
 * What the attached programs would do with a frame that has a link header; each is judged by what the attachment knows
 * now. `from` is the device that a packet on its way out came by, 0: it is this host's own. DONE or FAILED.
 */
int trial_run(struct trial *trial, enum direction direction, const struct frame *frame, __u32 from,
	      struct outcome *outcome);

#endif
