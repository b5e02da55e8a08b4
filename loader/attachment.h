/* SPDX-License-Identifier: GPL-2.0-only */
/* One attachment: its folder of pins, its maps, its `meta`. */
#ifndef ATTACHMENT_H
#define ATTACHMENT_H

#include <stdbool.h>
#include <stddef.h>
#include <linux/types.h>

#include "folder_name.h"
#include "layout.h"
#include "link.h"
#include "maps.h"
#include "session.h"

struct attachment {
	char folder[PATH_MAX];
	struct folder_name name;
	struct meta meta; /* whatever layout its map has (layouts.h) */
	struct maps maps;
};

/*
 * Opens what is pinned for a device, or says in *state what is there instead: then only folder and name are set. FAILED
 * for a stranger's folder, a layout that is not known, or another namespace's pins, none of which is touched.
 */
int attachment_open(const struct session *session, const char *device, struct attachment *attachment,
		    enum folder_state *state);

/* Reads the `meta` in a folder, of whatever layout. Returns 0, -EINVAL if that is not ours, or another -errno. */
int attachment_peek(const char *folder, struct meta *meta);

/* Opens it for the commands that need it with all its maps. */
int attachment_require(const struct session *session, const char *device, struct attachment *attachment);

/* The same for one that may lack maps, since its migration was cut short. */
int attachment_require_begun(const struct session *session, const char *device, struct attachment *attachment);
void attachment_close(struct attachment *attachment);

/* Writes attachment->meta into its map. DONE or FAILED. */
int attachment_write_meta(const struct attachment *attachment);

struct attachments {
	struct attachment *list;
	size_t count;
};

/*
 * Opens the attachments of this session's namespace, by name. Other folders are passed over; with `tell` those that
 * somebody may look for are named in a warning. DONE or FAILED.
 */
int attachments_open(const struct session *session, bool tell, struct attachments *attachments);

/* The same for a command that works on the attachment of one device, which must be there; or with NULL on all. */
int attachments_select(const struct session *session, const char *device, bool tell, struct attachments *attachments);
void attachments_close(struct attachments *attachments);

/*
 * The device that is attached, by its number: *present is false if it is gone. FAILED if another device of this
 * namespace has the number now, so that the attachment's was renamed; or the kernel does not say.
 */
int attachment_link(const struct session *session, const struct attachment *attachment, struct link *link,
		    bool *present);

#endif
