/* SPDX-License-Identifier: GPL-2.0-only */
/* An attachment as the file that `apply` would read. */
#ifndef EXPORT_H
#define EXPORT_H

#include <stdio.h>

#include "attachment.h"
#include "session.h"

/*
 * Writes the attachment's options, peers and prefixes, with `Device =` where `device` is not NULL. DONE, or FAILED with
 * nothing written: the maps hold what no file can say.
 */
int export_write(FILE *file, const struct session *session, const struct attachment *attachment, const char *device);

#endif
