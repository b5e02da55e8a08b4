/* SPDX-License-Identifier: GPL-2.0-only */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>

#include "fail.h"
#include "wait.h"

int wait_open(void)
{
	sigset_t signals;
	int fd;

	sigemptyset(&signals);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGHUP);
	if (sigprocmask(SIG_BLOCK, &signals, NULL))
		return fail("cannot block signals: %s", strerror(errno));
	fd = signalfd(-1, &signals, SFD_CLOEXEC);
	return fd < 0 ? fail("cannot wait for signals: %s", strerror(errno)) : fd;
}

enum wake wait_for(int waits, double seconds, int fd, short events)
{
	struct pollfd polled[] = { { .fd = waits, .events = POLLIN }, { .fd = fd, .events = events } };
	/* Rounded up: one that wakes early would poll again and again. */
	int milliseconds = seconds > 0 ? (int)(seconds * 1000) + 1 : 0;

	/* Interrupted by SIGWINCH, or stopped and continued. */
	if (poll(polled, 2, milliseconds) < 0)
		return WAKE_INPUT;
	if (polled[0].revents || polled[1].revents & (POLLERR | POLLHUP | POLLNVAL))
		return WAKE_STOP;
	return polled[1].revents ? WAKE_INPUT : WAKE_TIME;
}
