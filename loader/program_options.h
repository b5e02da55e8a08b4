/* SPDX-License-Identifier: GPL-2.0-only */
/* The options of the program itself, which go before the command. */
#ifndef PROGRAM_OPTIONS_H
#define PROGRAM_OPTIONS_H

#include <stdbool.h>

#include "command_table.h"
#include "session.h"
#include "words.h"

/*
 * Reads the options into the session; what follows them begins at arguments[optind]. *asked is set if that was all: -V or
 * -h. DONE or WRONG_WORDS.
 */
int program_options_read(int count, char **arguments, struct session *session, bool *asked);

/* None of them may stand behind the command: DONE or WRONG_WORDS. */
int program_options_refuse(const struct command *command, const struct words *words);

#endif
