/* SPDX-License-Identifier: GPL-2.0-only */
/* From the words of the command line to the command that they name. */
#ifndef DISPATCH_H
#define DISPATCH_H

#include "session.h"
#include "words.h"

/* Runs the command that the words begin with, or prints the help that they ask for. What the command returns. */
int dispatch(struct session *session, struct words *words);

#endif
