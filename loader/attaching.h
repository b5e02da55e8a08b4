/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A device that is being attached, or whose attachment is being put right: opened, its options filled in, its change
 * wished for and checked, then all of it done or nothing. Functions return DONE or FAILED.
 */
#ifndef ATTACHING_H
#define ATTACHING_H

#include <stdbool.h>
#include <linux/types.h>

#include "attachment.h"
#include "change.h"
#include "commands.h"
#include "programs.h"

struct attaching {
	const struct session *session;
	struct link link;
	bool is_new;        /* nothing is attached yet */
	bool device_is_new; /* the device of that name is another than the one that was attached */
	struct meta before; /* not of a new one */
	__u32 layout;       /* the one that was there before */
	__u8 made;          /* of meta.made, what is there before this run makes anything */
	enum mode mode;     /* the one to be */
	struct attachment attachment;
	struct programs *programs; /* to be attached; NULL: those that are there stay */
	struct change change;
};

/* Finds the device and what is attached to it. Closed by attaching_close. */
int attaching_open(struct attaching *attaching, const struct session *session, const char *device);
void attaching_close(struct attaching *attaching);

/* Sets all options to their defaults. What was made, and where the programs are, stays known. */
void attaching_defaults(const struct session *session, struct meta *meta);

/* The options as they are to be: the request over what is set or, with `anew`, over the defaults. */
int attaching_fill(struct attaching *attaching, const struct attach_request *request, bool anew);

/* Begins the change of peers and prefixes, in which the caller then wishes; checks it with all that belongs to it. */
int attaching_begin(struct attaching *attaching);
int attaching_check(struct attaching *attaching);

/* Brings what is there to LAYOUT and loads the programs, so that attaching_carry_out attaches or exchanges them. */
int attaching_load(struct attaching *attaching);

/* Does it all and keeps it. FAILED leaves what was there before. */
int attaching_carry_out(struct attaching *attaching);

#endif
