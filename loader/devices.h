/* SPDX-License-Identifier: GPL-2.0-only */
/* The map `devices`: what XDP may send packets for other hosts out of, while the device has `forward on`. */
#ifndef DEVICES_H
#define DEVICES_H

#include <stdbool.h>

#include "attachment.h"
#include "link.h"
#include "session.h"

/*
 * Writes the map anew as the attachment's options and mode want it, and takes the attachment's own device out of the maps
 * of others: what leaves it must meet its program. DONE or FAILED.
 */
int devices_write(const struct session *session, const struct attachment *attachment, const struct link *link);

/* Calls `each` for every device in the map, with its name. */
void devices_each(const struct attachment *attachment, void (*each)(const char *name, void *argument), void *argument);

/* Whether the attachment is to send packets straight on by XDP, and has no device to send them out of. */
bool devices_lacking(const struct attachment *attachment);

#endif
