/* SPDX-License-Identifier: GPL-2.0-only */
/* The command `top`. */
#include <poll.h>
#include <unistd.h>

#include "commands.h"
#include "fail.h"
#include "sample.h"
#include "top_screen.h"
#include "wait.h"

/* Seconds between two readings. */
#define INTERVAL 1

struct readings {
	struct samples before; /* nothing before the second reading */
	struct samples now;
};

static int draw(const struct readings *readings)
{
	return screen_draw(readings->before.list ? &readings->before : &readings->now, &readings->now);
}

/* False if it is to end. Where only the window changed, the same numbers are drawn again. */
static bool wait_for_next(int waits, const struct readings *readings)
{
	double moment = readings->now.time + INTERVAL;
	enum wake wake;

	while ((wake = wait_for(waits, moment - sample_now(), STDIN_FILENO, POLLIN)) == WAKE_INPUT) {
		if (screen_keys_end() || draw(readings))
			return false;
	}
	return wake == WAKE_TIME;
}

/* What fails while the screen is ours is told on it and gone with it: then again, where it stays to be read. */
static int read_next(struct session *session, const char *device, struct readings *readings)
{
	samples_free(&readings->before);
	readings->before = readings->now;
	if (!samples_read(session, device, false, &readings->now))
		return DONE;
	screen_close();
	return samples_read(session, device, false, &readings->now) ? FAILED : screen_open();
}

static int watch(struct session *session, const char *device, int waits, struct readings *readings)
{
	int result = screen_open();

	while (!result) {
		result = draw(readings);
		if (result || !wait_for_next(waits, readings))
			break;
		result = read_next(session, device, readings);
	}
	screen_close();
	return result;
}

static int top(struct session *session, const char *device)
{
	struct readings readings = { 0 };
	int result, waits;

	/* Warnings go before the screen. */
	if (samples_read(session, device, true, &readings.now))
		return FAILED;
	waits = wait_open();
	result = waits < 0 ? FAILED : watch(session, device, waits, &readings);
	if (waits >= 0)
		close(waits);
	samples_free(&readings.before);
	samples_free(&readings.now);
	return result;
}

int top_run(struct session *session, struct words *words)
{
	const char *device = NULL;
	int result = DONE;

	if (*words->next)
		result = words_last_device(words, &device);
	if (result)
		return result;
	if (session->json)
		return wrong("'top' is for people: '%s -j stats -w 1' prints the same as JSON",
			     session_program(session));
	if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO))
		return fail("'top' needs a terminal: '%s stats -w 1' prints the same into a pipe",
			    session_program(session));
	return top(session, device);
}
