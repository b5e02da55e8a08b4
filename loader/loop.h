/* SPDX-License-Identifier: GPL-2.0-only */
/* Loops: a kernel route into the tunnel that would swallow the way to a peer's own outer address. */
#ifndef LOOP_H
#define LOOP_H

struct change;

/*
 * Refuses a change after which the FIB's route to the remote of any peer in this namespace would lead into a tunnel,
 * and a new peer whose remote is an address of this host. DONE or FAILED.
 */
int loop_check(const struct change *change);

#endif
