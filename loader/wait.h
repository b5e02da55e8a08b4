/* SPDX-License-Identifier: GPL-2.0-only */
/* Waiting for the next moment of a command that runs on until somebody ends it. */
#ifndef WAIT_H
#define WAIT_H

enum wake {
	WAKE_TIME,  /* the moment has come */
	WAKE_INPUT, /* `fd` has what `events` asks for, or the window has another size */
	WAKE_STOP,  /* SIGINT, SIGTERM or SIGHUP came, or nobody is at the other end of `fd` any more */
};

/* From here on those signals end a wait and not the process. Returns a file descriptor, or FAILED. */
int wait_open(void);

/* Waits for so many seconds, or for the events of poll() on `fd`. `waits` is what wait_open() returned. */
enum wake wait_for(int waits, double seconds, int fd, short events);

#endif
