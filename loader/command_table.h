/* SPDX-License-Identifier: GPL-2.0-only */
/* The table of commands: each with its name, what runs it, and what the usage and `help` say of it. */
#ifndef COMMAND_TABLE_H
#define COMMAND_TABLE_H

#include <stddef.h>

#include "session.h"
#include "words.h"

struct command {
	const char *name;
	const char *verb; /* the second word, or NULL */
	int (*run)(struct session *session, struct words *words);
	const char *words;   /* what follows, as in the usage */
	const char *summary; /* one line */
	const char *help;    /* the rest of what 'help' prints */
};

/* Those of one name stand together. */
extern const struct command commands[];
extern const size_t command_count;

#endif
