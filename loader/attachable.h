/* SPDX-License-Identifier: GPL-2.0-only */
/* Which devices `attach` takes. */
#ifndef ATTACHABLE_H
#define ATTACHABLE_H

#include "link.h"
#include "session.h"

/* Finds a device that it takes. DONE or FAILED. */
int attachable_find(const struct session *session, const char *name, struct link *link);

#endif
