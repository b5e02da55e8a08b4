/* SPDX-License-Identifier: GPL-2.0-only */
/* What is written to somebody who may stop reading, without waiting for them. */
#ifndef OUTPUT_H
#define OUTPUT_H

#include <stdbool.h>
#include <stddef.h>

struct output {
	int fd;
	const char *name; /* for messages */
	char *data;       /* what is still to be written */
	size_t length;
	size_t room;
	bool closed; /* nothing more can be written: nobody is at the other end any more, or it failed */
};

/* On standard output. */
void output_open(struct output *output);

/* Makes a file, or empties the one that is there. DONE or FAILED. */
int output_create(struct output *output, const char *path);
void output_free(struct output *output);

/* Takes it to be written. DONE or FAILED. */
int output_add(struct output *output, const void *data, size_t length);

/* Writes what can be written at once. DONE, also if the other end is closed, or FAILED. */
int output_flush(struct output *output);

/* True if so much waits to be written that no more should be taken. */
bool output_is_full(const struct output *output);

#endif
