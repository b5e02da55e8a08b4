/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Clears away what belonged to peers and prefixes that are gone, as when somebody deleted them with bpftool, and what
 * listeners left that were killed.
 */
#ifndef SWEEP_H
#define SWEEP_H

#include <linux/types.h>

#include "attachment.h"
#include "session.h"

/*
 * Deletes counters, sources and path MTUs without their peer, and routes with their records whose prefix is gone, is
 * bare or is `any`'s. What fails stays for the next time, with a warning.
 */
void sweep(const struct session *session, const struct attachment *attachment, __u32 ifindex);

#endif
