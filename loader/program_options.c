/* SPDX-License-Identifier: GPL-2.0-only */
#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "fail.h"
#include "help.h"
#include "program_options.h"
#include "version.h"

static const struct option options[] = {
	{ "netns", required_argument, NULL, 'n' },
	{ "json", no_argument, NULL, 'j' },
	{ "version", no_argument, NULL, 'V' },
	{ "help", no_argument, NULL, 'h' },
	{ 0 },
};

static bool is_option(const char *word, const struct option *option)
{
	const char letter[] = { '-', (char)option->val, '\0' };
	size_t length = strlen(option->name);

	if (!strcmp(word, letter))
		return true;
	return !strncmp(word, "--", 2) && !strncmp(word + 2, option->name, length) &&
	       (!word[2 + length] || (option->has_arg && word[2 + length] == '='));
}

/* No command has a word of its own that is one of ours. */
int program_options_refuse(const struct command *command, const struct words *words)
{
	for (char *const *word = words->next; *word; word++) {
		for (const struct option *option = options; option->name; option++) {
			if (is_option(*word, option))
				return wrong("'%s' goes before the command: 'ipipbpf %s%s %s%s%s'", *word, *word,
					     option->has_arg && !strchr(*word, '=') ? " NETNS" : "", command->name,
					     command->verb ? " " : "", command->verb ? command->verb : "");
		}
	}
	return DONE;
}

static int wrong_option(char *const *arguments)
{
	const char *word = arguments[optind - 1];

	if (optopt == 'n')
		return wrong("'-n' needs a value: the name of a network namespace");
	return wrong("unknown option '%s': allowed are -n NETNS, -j, -V and -h", word);
}

static int check_netns(const char *name)
{
	if (!*name || strlen(name) > NAME_MAX || strchr(name, '/') || !strcmp(name, ".") || !strcmp(name, ".."))
		return wrong("'-n %s': this cannot be a network namespace, 'ip netns' lists them", name);
	return DONE;
}

int program_options_read(int count, char **arguments, struct session *session, bool *asked)
{
	int option;

	while ((option = getopt_long(count, arguments, "+:n:jVh", options, NULL)) != -1) {
		switch (option) {
		case 'n':
			session->netns = optarg;
			break;
		case 'j':
			session->json = true;
			break;
		case 'V':
			*asked = true;
			printf("ipipbpf %s (%s)\n", IPIPBPF_VERSION, IPIPBPF_COMMIT);
			return DONE;
		case 'h':
			*asked = true;
			help_print_usage();
			return DONE;
		default:
			return wrong_option(arguments);
		}
	}
	return session->netns ? check_netns(session->netns) : DONE;
}
