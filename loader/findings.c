/* SPDX-License-Identifier: GPL-2.0-only */
#define _GNU_SOURCE 1
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "findings.h"

static char *format_text(struct findings *findings, const char *format, va_list arguments)
{
	char *text;

	if (vasprintf(&text, format, arguments) >= 0)
		return text;
	findings->failed = true;
	return NULL;
}

static struct finding *add(struct findings *findings, enum severity severity)
{
	struct finding *finding;

	if (findings->count == findings->room) {
		size_t room = findings->room ? 2 * findings->room : 32;
		struct finding *list = realloc(findings->list, room * sizeof(*list));

		if (!list) {
			findings->failed = true;
			return NULL;
		}
		findings->list = list;
		findings->room = room;
	}
	finding = &findings->list[findings->count++];
	*finding = (struct finding){ .check = findings->check, .severity = severity };
	if (findings->device)
		finding->device = strdup(findings->device);
	findings->failed |= findings->device && !finding->device;
	return finding;
}

void findings_add(struct findings *findings, enum severity severity, const char *format, ...)
{
	struct finding *finding = add(findings, severity);
	va_list arguments;

	va_start(arguments, format);
	if (finding)
		finding->what = format_text(findings, format, arguments);
	va_end(arguments);
}

static struct finding *last(struct findings *findings)
{
	return findings->count ? &findings->list[findings->count - 1] : NULL;
}

void findings_why(struct findings *findings, const char *format, ...)
{
	struct finding *finding = last(findings);
	va_list arguments;

	va_start(arguments, format);
	if (finding && !finding->why)
		finding->why = format_text(findings, format, arguments);
	va_end(arguments);
}

void findings_command(struct findings *findings, const char *format, ...)
{
	struct finding *finding = last(findings);
	va_list arguments;

	va_start(arguments, format);
	if (finding && !finding->command)
		finding->command = format_text(findings, format, arguments);
	va_end(arguments);
}

void findings_by_attach(struct findings *findings)
{
	if (last(findings))
		last(findings)->by_attach = true;
}

void findings_fixed(struct findings *findings)
{
	if (last(findings))
		last(findings)->severity = SEVERITY_FIXED;
}

bool findings_want_attach(const struct findings *findings, size_t first)
{
	for (size_t i = first; i < findings->count; i++)
		if (findings->list[i].by_attach)
			return true;
	return false;
}

static void free_finding(struct finding *finding)
{
	free(finding->device);
	free(finding->what);
	free(finding->why);
	free(finding->command);
}

void findings_attached(struct findings *findings, size_t first)
{
	size_t kept = first;

	for (size_t i = first; i < findings->count; i++) {
		struct finding *finding = &findings->list[i];

		if (!finding->by_attach) {
			free_finding(finding);
			continue;
		}
		finding->severity = SEVERITY_FIXED;
		findings->list[kept++] = *finding;
	}
	findings->count = kept;
}

enum severity findings_worst(const struct findings *findings)
{
	enum severity worst = SEVERITY_OK;

	for (size_t i = 0; i < findings->count; i++)
		if (findings->list[i].severity > worst)
			worst = findings->list[i].severity;
	return worst;
}

void findings_free(struct findings *findings)
{
	for (size_t i = 0; i < findings->count; i++)
		free_finding(&findings->list[i]);
	free(findings->list);
	*findings = (struct findings){ 0 };
}
