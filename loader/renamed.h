/* SPDX-License-Identifier: GPL-2.0-only */
/* A device that was attached and has another name now. */
#ifndef RENAMED_H
#define RENAMED_H

#include "session.h"

/* Three commands, each with the name of a namespace and of a device, and a file. */
#define RENAMED_COMMAND 1024

/* The commands that attach it by its new name with all that it has but the counters. Returns `text`. */
const char *renamed_command(const struct session *session, const char *before, const char *now,
			    char text[RENAMED_COMMAND]);

#endif
