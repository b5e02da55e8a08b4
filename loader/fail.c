/* SPDX-License-Identifier: GPL-2.0-only */
#include <stdarg.h>
#include <stdio.h>

#include "fail.h"

static void say(const char *before, const char *format, va_list arguments)
{
	fputs(before, stderr);
	vfprintf(stderr, format, arguments);
	fputc('\n', stderr);
}

int fail(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	say("ipipbpf: ", format, arguments);
	va_end(arguments);
	return FAILED;
}

int wrong(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	say("ipipbpf: ", format, arguments);
	va_end(arguments);
	return WRONG_WORDS;
}

void warn(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	say("ipipbpf: warning: ", format, arguments);
	va_end(arguments);
}
