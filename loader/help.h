/* SPDX-License-Identifier: GPL-2.0-only */
/* What `help` prints, made from the table of commands. */
#ifndef HELP_H
#define HELP_H

/* Prints the usage: all commands, a summary of each, and the options. */
void help_print_usage(void);

/* Prints the help on all commands of that name; with `verb`, on that one alone. DONE. */
int help_on(const char *name, const char *verb);

#endif
