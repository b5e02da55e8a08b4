/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Clears away what belonged to peers and prefixes that are gone, as when somebody deleted them with bpftool, and what
 * listeners left that were killed.
 */
#ifndef SWEEP_H
#define SWEEP_H

#include "change.h"

/*
 * After a change is done or undone: deletes counters, sources and path MTUs without their peer, and routes with their
 * records whose prefix was gone, bare or `any`'s before it. What fails stays for the next time, with a warning.
 */
void sweep(const struct change *change);

#endif
