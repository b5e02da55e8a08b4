/* SPDX-License-Identifier: GPL-2.0-only */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include <bpf/libbpf.h>

#include "dispatch.h"
#include "fail.h"
#include "program_options.h"
#include "session.h"

static int run_words(int count, char **arguments)
{
	struct session session = { .bpffs.lock = -1 };
	struct words words;
	bool asked = false;
	int result = program_options_read(count, arguments, &session, &asked);

	if (result || asked)
		return result;
	if (!arguments[optind])
		return wrong("the command is missing: 'ipipbpf help' lists them");
	words.next = &arguments[optind];
	return dispatch(&session, &words);
}

int main(int count, char **arguments)
{
	int result;

	libbpf_set_print(NULL);
	result = run_words(count, arguments);
	if ((fflush(stdout) || ferror(stdout)) && !result)
		result = fail("cannot write to standard output: %s", strerror(errno));
	switch (result) {
	case DONE:
		return 0;
	case WRONG_WORDS:
	case FOUND_ERRORS:
		return 2;
	default:
		return 1;
	}
}
