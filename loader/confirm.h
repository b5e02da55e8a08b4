/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A change that is put back unless it is confirmed in time. The old state lies in /run/ipipbpf as a file that `apply` can
 * read. A process of its own holds a lock on it, belongs to no terminal, and puts it back; to take the file away is to
 * confirm. Functions return DONE or FAILED.
 */
#ifndef CONFIRM_H
#define CONFIRM_H

#include <limits.h>
#include <stdbool.h>

#include "attachment.h"
#include "session.h"

struct confirm {
	const struct session *session;
	const char *device;
	bool was_attached;
	unsigned int seconds;
	char path[PATH_MAX]; /* of the old state */
	int release;         /* the process begins to count when this is closed, by whatever */
	int (*put_back)(const struct session *session, const struct confirm *confirm);
};

/* FAILED if a change of this attachment waits to be confirmed; the line names the process. */
int confirm_check(const struct session *session, const struct attachment *attachment, const char *device);

/*
 * Keeps the old state, and starts the process. session, device, was_attached, seconds and put_back are the caller's; the
 * last is called in that process, in a session of its own.
 */
int confirm_begin(struct confirm *confirm, const struct attachment *attachment);

/* The change was made, and time runs; or it was not, and all is as before. */
void confirm_made(struct confirm *confirm);
void confirm_cancel(struct confirm *confirm);

#endif
