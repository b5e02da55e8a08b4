/* SPDX-License-Identifier: GPL-2.0-only */
/* What goes wrong is said once, where it is known, and travels up as a return value; only main() knows exit codes. */
#ifndef FAIL_H
#define FAIL_H

#include <stddef.h>

/* Return values of everything that can fail and has already said why. */
enum {
	DONE = 0,
	FAILED = -1,      /* the operation failed: exit status 1 */
	WRONG_WORDS = -2, /* the command line is wrong: exit status 2 */
	/* What `check` found, and has printed: its exit status is 1 or 2. */
	FOUND_WARNINGS = -3,
	FOUND_ERRORS = -4,
};

/* Prints "ipipbpf: ..." on standard error. Returns FAILED. */
__attribute__((format(printf, 1, 2))) int fail(const char *format, ...);

/* Prints "ipipbpf: ..." on standard error. Returns WRONG_WORDS. */
__attribute__((format(printf, 1, 2))) int wrong(const char *format, ...);

/* Prints "ipipbpf: warning: ..." on standard error. */
__attribute__((format(printf, 1, 2))) void warn(const char *format, ...);

/* The remedy that a line ends with, if that is what an errno means; else "". */
const char *fail_as_root(int error);

/* From here on every line names this file, and the line in it unless that is 0. NULL: none again. */
void fail_at(const char *file, unsigned int line);

/*
 * From here on failures are not printed: the first of them is written into `text`, which is "" until then. Warnings are
 * forgotten. NULL: printed again.
 */
void fail_keep(char *text, size_t size);

/* From here on all lines go to the system's log, for a process that has no standard error. */
void fail_to_log(void);

#endif
