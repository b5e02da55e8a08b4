/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The lines of a configuration file as inih takes them: without comments, blanks around them and empty lines, and none
 * longer than inih's buffer, since a list with commas is handed over in pieces. inih tells its caller neither where a
 * line came from nor that a section begins: both are known here.
 */
#ifndef CONFIG_LINES_H
#define CONFIG_LINES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

struct config_lines {
	FILE *file;
	const char *name; /* of the file, for messages */
	unsigned int number;
	size_t bytes;   /* that were read */
	char *text;     /* the line */
	size_t room;    /* of it */
	char *key_end;  /* behind "Key =", where it has one */
	char *rest;     /* what was not handed over yet, or NULL */
	bool section;   /* a section's line was handed over: the next says so by an empty key */
	bool announces; /* the empty key */
	bool pending;   /* a key was handed over; who gets it clears this */
	bool failed;    /* nothing more is read: somebody has said why */
};

void config_lines_begin(struct config_lines *lines, FILE *file, const char *name);
void config_lines_end(struct config_lines *lines);

/* inih's reader; `stream` is a struct config_lines. */
char *config_lines_read(char *into, int room, void *stream);

/* Whether all was read, and the last line was taken for what it should be. DONE or FAILED. */
int config_lines_check(struct config_lines *lines);

#endif
