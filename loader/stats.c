/* SPDX-License-Identifier: GPL-2.0-only */
/* The command `stats`. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "commands.h"
#include "fail.h"
#include "sample.h"
#include "stats.h"
#include "wait.h"

#define COUNT(array) (sizeof(array) / sizeof(*(array)))
#define SECONDS_MAX 86400

struct stats_request {
	const char *device; /* NULL: all */
	bool openmetrics;
	__u32 seconds; /* between two blocks of rates; 0: the counters, once */
};

enum {
	GROUP_FORM = GROUP_COMMAND,
};

static int take_openmetrics(struct words *words, const struct keyword *keyword, void *into)
{
	struct stats_request *request = into;

	(void)words;
	(void)keyword;
	request->openmetrics = true;
	return DONE;
}

static int take_seconds(struct words *words, const struct keyword *keyword, void *into)
{
	struct stats_request *request = into;

	return words_number(words, keyword, 1, SECONDS_MAX, &request->seconds);
}

static const struct keyword keywords[] = {
	{ .name = "--openmetrics", .group = GROUP_FORM, .take = take_openmetrics },
	{ .name = "openmetrics", .group = GROUP_FORM, .take = take_openmetrics },
	{ .name = "-w", .allowed = "1..86400 (seconds)", .group = GROUP_FORM, .take = take_seconds },
};

static bool is_keyword(const char *word)
{
	for (size_t i = 0; i < COUNT(keywords); i++) {
		if (!strcmp(word, keywords[i].name))
			return true;
	}
	return false;
}

static int parse(struct words *words, struct stats_request *request)
{
	unsigned int given;
	int result = DONE;

	memset(request, 0, sizeof(*request));
	if (*words->next && !is_keyword(*words->next))
		result = words_device(words, &request->device);
	return result ? result : words_keywords(words, keywords, COUNT(keywords), request, &given);
}

static int print_once(struct session *session, const struct stats_request *request)
{
	struct samples samples;
	int result;

	if (samples_read(session, request->device, true, &samples))
		return FAILED;
	if (request->openmetrics)
		result = stats_openmetrics(&samples);
	else
		result = session->json ? stats_json(&samples) : stats_text(&samples);
	samples_free(&samples);
	return result;
}

/* Whoever reads it waits for it: not before the next block fills the buffer. */
static int print_rates(const struct session *session, const struct samples *before, const struct samples *now)
{
	int result = session->json ? stats_rates_json(before, now) : stats_rates_text(before, now);

	/* What went wrong here main() says. */
	return result || fflush(stdout) ? FAILED : DONE;
}

/*
 * The moments do not drift by the time that a block takes, and those that passed while the process was stopped are left
 * out.
 */
static double next_moment(double moment, double seconds)
{
	double late = sample_now() - moment;

	return moment + seconds * (double)(1 + (late > 0 ? (__u64)(late / seconds) : 0));
}

/* False if it is to end. */
static bool wait_for_moment(int waits, double moment)
{
	enum wake wake;

	do
		wake = wait_for(waits, moment - sample_now(), STDOUT_FILENO, 0);
	while (wake == WAKE_INPUT);
	return wake == WAKE_TIME;
}

static int print_each(struct session *session, const struct stats_request *request, int waits)
{
	struct samples before, now;
	double moment;
	int result = DONE;

	if (samples_read(session, request->device, true, &before))
		return FAILED;
	moment = before.time + request->seconds;
	while (!result && wait_for_moment(waits, moment)) {
		result = samples_read(session, request->device, false, &now);
		if (result)
			break;
		result = print_rates(session, &before, &now);
		samples_free(&before);
		before = now;
		moment = next_moment(moment, request->seconds);
	}
	samples_free(&before);
	return result;
}

static int print_on(struct session *session, const struct stats_request *request)
{
	int waits = wait_open();
	int result;

	if (waits < 0)
		return FAILED;
	result = print_each(session, request, waits);
	close(waits);
	return result;
}

int stats_run(struct session *session, struct words *words)
{
	struct stats_request request;
	int result = parse(words, &request);

	if (result)
		return result;
	if (request.openmetrics && session->json)
		return wrong("'openmetrics' is a format of its own: leave '-j' away");
	return request.seconds ? print_on(session, &request) : print_once(session, &request);
}
