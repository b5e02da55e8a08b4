/* SPDX-License-Identifier: GPL-2.0-only */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fail.h"
#include "findings.h"
#include "json.h"

/* So many lines of one kind are printed as text; of the others their number. */
#define ALIKE_MAX 10

#define INDENT "                           "

static const struct {
	const char *name;
	const char *colour;
} severities[] = {
	[SEVERITY_OK] = { "ok", "\033[32m" },
	[SEVERITY_FIXED] = { "fixed", "\033[36m" },
	[SEVERITY_WARNING] = { "warning", "\033[33m" },
	[SEVERITY_ERROR] = { "error", "\033[31m" },
};

/* As others do it: https://no-color.org. */
static bool is_coloured(void)
{
	const char *terminal = getenv("TERM"), *unwanted = getenv("NO_COLOR");

	return isatty(STDOUT_FILENO) && !(unwanted && *unwanted) && terminal && strcmp(terminal, "dumb") != 0;
}

static bool same(const char *a, const char *b)
{
	return a == b || (a && b && !strcmp(a, b));
}

static bool alike(const struct finding *a, const struct finding *b)
{
	return same(a->device, b->device) && a->check == b->check && a->severity == b->severity;
}

static void print_finding(const struct finding *finding, bool coloured)
{
	const char *name = severities[finding->severity].name;

	printf("  %s%-8s%s %-15s %s\n", coloured ? severities[finding->severity].colour : "", name,
	       coloured ? "\033[0m" : "", finding->check, finding->what);
	if (finding->why)
		printf(INDENT "%s\n", finding->why);
	if (finding->command)
		printf(INDENT "%s: %s\n", finding->severity == SEVERITY_FIXED ? "done" : "mend", finding->command);
}

int findings_print_text(const struct findings *findings)
{
	bool coloured = is_coloured();
	size_t run = 0;

	for (size_t i = 0; i < findings->count; i++) {
		const struct finding *finding = &findings->list[i];

		if (!i || !same(finding->device, findings->list[i - 1].device))
			printf("%s\n", finding->device ? finding->device : "machine");
		run = i && alike(finding, &findings->list[i - 1]) ? run + 1 : 0;
		if (run < ALIKE_MAX)
			print_finding(finding, coloured);
		else if (i + 1 == findings->count || !alike(finding, &findings->list[i + 1]))
			printf(INDENT "and %zu more of these: -j prints all\n", run + 1 - ALIKE_MAX);
	}
	return DONE;
}

static json_t *text_json(const char *text)
{
	return text ? json_name(text) : json_null();
}

int findings_print_json(const struct findings *findings)
{
	json_t *list = json_array();

	for (size_t i = 0; i < findings->count; i++) {
		const struct finding *finding = &findings->list[i];

		list = json_append(list,
				   JSON_OBJECT({ "ifname", text_json(finding->device) },
					       { "severity", json_string(severities[finding->severity].name) },
					       { "check", json_string(finding->check) },
					       { "what", text_json(finding->what) }, { "why", text_json(finding->why) },
					       { "command", text_json(finding->command) }));
	}
	return json_print(list);
}
