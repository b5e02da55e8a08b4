/* SPDX-License-Identifier: GPL-2.0-only */
#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <syslog.h>

#include "fail.h"

static const char *place;
static unsigned int place_line;

void fail_at(const char *file, unsigned int line)
{
	place = file;
	place_line = line;
}

static bool to_log;

void fail_to_log(void)
{
	openlog("ipipbpf", LOG_PID, LOG_DAEMON);
	to_log = true;
}

static char *kept;
static size_t kept_size;

void fail_keep(char *text, size_t size)
{
	kept = text;
	kept_size = size;
	if (text)
		text[0] = '\0';
}

/* True if it is not to be printed. */
static bool keep(const char *format, va_list arguments)
{
	if (kept && !*kept)
		vsnprintf(kept, kept_size, format, arguments);
	return kept;
}

static void say(const char *before, const char *format, va_list arguments)
{
	if (to_log) {
		vsyslog(LOG_WARNING, format, arguments);
		return;
	}
	fputs(before, stderr);
	if (place && place_line)
		fprintf(stderr, "%s:%u: ", place, place_line);
	else if (place)
		fprintf(stderr, "%s: ", place);
	vfprintf(stderr, format, arguments);
	fputc('\n', stderr);
}

int fail(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	if (!keep(format, arguments))
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

	if (kept)
		return;
	va_start(arguments, format);
	say("ipipbpf: warning: ", format, arguments);
	va_end(arguments);
}

const char *fail_as_root(int error)
{
	return error == EPERM || error == EACCES ? ", run it as root" : "";
}
