/* SPDX-License-Identifier: GPL-2.0-only */
#include <stdio.h>
#include <string.h>

#include "command_table.h"
#include "fail.h"
#include "help.h"

static void print_name(const struct command *command)
{
	printf("ipipbpf %s%s%s", command->name, command->verb ? " " : "", command->verb ? command->verb : "");
}

void help_print_usage(void)
{
	printf("Usage: ipipbpf [-n NETNS] [-j] COMMAND\n"
	       "IPIP tunnels (RFC 2003) on a network device, without a tunnel device.\n\n");
	for (size_t i = 0; i < command_count; i++) {
		printf("  ");
		print_name(&commands[i]);
		printf(" %s\n      %s\n", commands[i].words, commands[i].summary);
	}
	printf("\n"
	       "  -n, --netns NETNS  work in that network namespace, as 'ip netns' names it\n"
	       "  -j, --json         print JSON\n"
	       "  -V, --version      print the version\n"
	       "  -h, --help         print this; 'ipipbpf COMMAND help' says more of a command\n"
	       "\n"
	       "Exit status: 0 done, 1 the operation failed, 2 the words are wrong; 'check' has its own.\n");
}

static void print_command(const struct command *command)
{
	printf("Usage: ");
	print_name(command);
	printf(" %s\n%c%s.\n%s\n", command->words, command->summary[0] - 'a' + 'A', command->summary + 1,
	       command->help);
}

int help_on(const char *name, const char *verb)
{
	for (size_t i = 0; i < command_count; i++) {
		if (!strcmp(commands[i].name, name) && (!verb || !strcmp(commands[i].verb, verb)))
			print_command(&commands[i]);
	}
	return DONE;
}
