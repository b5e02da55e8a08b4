/* SPDX-License-Identifier: GPL-2.0-only */
/* What `check` found: a list that the checks write and that is printed as text or JSON. */
#ifndef FINDINGS_H
#define FINDINGS_H

#include <stdbool.h>
#include <stddef.h>

enum severity {
	SEVERITY_OK,
	SEVERITY_FIXED, /* was in the way, until this run mended it */
	SEVERITY_WARNING,
	SEVERITY_ERROR,
};

struct finding {
	char *device;      /* NULL: it is about the machine or the namespace */
	const char *check; /* the subject, one word */
	enum severity severity;
	char *what;
	char *why;      /* what it does to the tunnel; NULL where `what` says all */
	char *command;  /* mends it; NULL if no command can */
	bool by_attach; /* to attach again mends it, and changes nothing else */
};

struct findings {
	struct finding *list;
	size_t count;
	size_t room;
	bool failed; /* out of memory: something is not in the list */
	/* Of what is added from here on. */
	const char *device;
	const char *check;
};

/* Adds one. The functions below add to that. */
__attribute__((format(printf, 3, 4))) void findings_add(struct findings *findings, enum severity severity,
							const char *format, ...);
#define findings_ok(findings, ...) findings_add(findings, SEVERITY_OK, __VA_ARGS__)

__attribute__((format(printf, 2, 3))) void findings_why(struct findings *findings, const char *format, ...);
__attribute__((format(printf, 2, 3))) void findings_command(struct findings *findings, const char *format, ...);
void findings_by_attach(struct findings *findings);
void findings_fixed(struct findings *findings);

/* Of those from `first` on: whether attaching again mends any. */
bool findings_want_attach(const struct findings *findings, size_t first);

/* The device was attached again: of those from `first` on, what that mends is called fixed, and the others go. */
void findings_attached(struct findings *findings, size_t first);

/* The worst of them. */
enum severity findings_worst(const struct findings *findings);

void findings_free(struct findings *findings);

/* Print them on standard output. DONE or FAILED. */
int findings_print_text(const struct findings *findings);
int findings_print_json(const struct findings *findings);

#endif
