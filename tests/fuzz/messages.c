/* SPDX-License-Identifier: GPL-2.0-only */
#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fail.h"
#include "messages.h"

unsigned int messages_said;

static void say(const char *format, va_list arguments)
{
	char *line;

	assert(vasprintf(&line, format, arguments) > 0);
	assert(!strchr(line, '\n'));
	free(line);
	messages_said++;
}

int fail(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	say(format, arguments);
	va_end(arguments);
	return FAILED;
}

int wrong(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	say(format, arguments);
	va_end(arguments);
	return WRONG_WORDS;
}

void warn(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	say(format, arguments);
	va_end(arguments);
}

const char *fail_as_root(int error)
{
	(void)error;
	return "";
}

/* Where a line is from is no part of it here. */
void fail_at(const char *file, unsigned int line)
{
	(void)file;
	(void)line;
}

/* What is kept is no line that is said; nothing here looks at it. */
void fail_keep(char *text, size_t size)
{
	(void)size;
	if (text)
		text[0] = '\0';
}

void fail_to_log(void)
{
}
