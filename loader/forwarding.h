/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * net.ipv4.conf.lo.forwarding, without which the FIB answers no program that asks it as lo. It forwards nothing. All
 * attachments of a namespace need it; the last of them puts it back. DONE or FAILED.
 */
#ifndef FORWARDING_H
#define FORWARDING_H

#include "attachment.h"
#include "session.h"

/* Sets it; MADE_LO_FORWARDING is in `meta` before it does, also where another attachment did. */
int forwarding_take(const struct session *session, struct attachment *attachment);

/* Puts it back if this attachment is the last that set it, and nobody else needs it or changed it. */
int forwarding_release(const struct session *session, const struct attachment *attachment);

/* Whether it is set. */
int forwarding_read(bool *set);

#endif
