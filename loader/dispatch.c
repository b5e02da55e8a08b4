/* SPDX-License-Identifier: GPL-2.0-only */
#include <stdio.h>
#include <string.h>

#include "command_table.h"
#include "dispatch.h"
#include "fail.h"
#include "help.h"
#include "program_options.h"

/* The first command of that name; with `verb`, that one. NULL if there is none. */
static const struct command *find(const char *name, const char *verb)
{
	for (size_t i = 0; i < command_count; i++) {
		if (!strcmp(commands[i].name, name) && (!verb || (commands[i].verb && !strcmp(commands[i].verb, verb))))
			return &commands[i];
	}
	return NULL;
}

static int wrong_verb(const char *name, const char *word)
{
	char verbs[64] = "";

	for (size_t i = 0; i < command_count; i++) {
		size_t length = strlen(verbs);

		if (!strcmp(commands[i].name, name))
			snprintf(verbs + length, sizeof(verbs) - length, "%s%s", length ? ", " : "", commands[i].verb);
	}
	if (!word)
		return wrong("'%s' needs a word behind it: %s or help", name, verbs);
	return wrong("unknown word '%s': allowed behind '%s' are %s and help", word, name, verbs);
}

static bool asks_for_help(struct words *words)
{
	return words_skip(words, "help") || words_skip(words, "--help") || words_skip(words, "-h");
}

static int run(const struct command *command, struct session *session, struct words *words)
{
	int result;

	if (asks_for_help(words))
		return help_on(command->name, command->verb);
	result = program_options_refuse(command, words);
	return result ? result : command->run(session, words);
}

/* The command behind a name that has several. */
static int dispatch_verb(const char *name, struct session *session, struct words *words)
{
	const struct command *command;

	if (asks_for_help(words))
		return help_on(name, NULL);
	command = *words->next ? find(name, *words->next) : NULL;
	if (!command)
		return wrong_verb(name, *words->next);
	words->next++;
	return run(command, session, words);
}

static int unknown_command(const char *name)
{
	char names[256] = "";

	for (size_t i = 0; i < command_count; i++) {
		size_t length = strlen(names);

		if (!i || strcmp(commands[i].name, commands[i - 1].name))
			snprintf(names + length, sizeof(names) - length, "%s, ", commands[i].name);
	}
	return wrong("unknown command '%s': allowed are %shelp", name, names);
}

/* Behind `help` that stands first. */
static int help_before(struct words *words)
{
	const char *name = *words->next, *verb = NULL;
	const struct command *command;
	int result;

	if (!name || asks_for_help(words)) {
		help_print_usage();
		return DONE;
	}
	command = find(name, NULL);
	if (!command)
		return unknown_command(name);
	words->next++;
	if (command->verb && *words->next) {
		verb = *words->next++;
		if (!find(name, verb))
			return wrong_verb(name, verb);
	}
	result = words_end(words);
	return result ? result : help_on(name, verb);
}

int dispatch(struct session *session, struct words *words)
{
	const char *name = *words->next++;
	const struct command *command = find(name, NULL);

	if (!strcmp(name, "help"))
		return help_before(words);
	if (!command)
		return unknown_command(name);
	return command->verb ? dispatch_verb(name, session, words) : run(command, session, words);
}
