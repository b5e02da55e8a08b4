/* SPDX-License-Identifier: GPL-2.0-only */
/* The command `confirm`, and what it confirms. */
#define _GNU_SOURCE 1
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "commands.h"
#include "confirm.h"
#include "export.h"
#include "fail.h"
#include "paths.h"

#define FOLDER "/run/ipipbpf"
#define HEADER "# process %d puts this back unless '%s confirm %s' comes in time\n"

static void record_path(const struct attachment *attachment, char path[PATH_MAX])
{
	snprintf(path, PATH_MAX, FOLDER "/%s.conf", strrchr(attachment->folder, '/') + 1);
}

static void remove_record(const char *path)
{
	unlink(path);
	rmdir(FOLDER);
}

/* Whether a process waits; *pid is that one's number, 0: unknown. A record without its process is of no account. */
static bool is_pending(const char *path, int *pid)
{
	FILE *file = fopen(path, "re");
	bool pending;

	*pid = 0;
	if (!file)
		return false;
	pending = flock(fileno(file), LOCK_SH | LOCK_NB) && errno == EWOULDBLOCK;
	if (pending && fscanf(file, "# process %d", pid) != 1)
		*pid = 0;
	fclose(file);
	return pending;
}

int confirm_check(const struct session *session, const struct attachment *attachment, const char *device)
{
	char path[PATH_MAX];
	int pid;

	record_path(attachment, path);
	if (!is_pending(path, &pid))
		return DONE;
	return fail("an apply to %s waits to be confirmed (process %d): '%s confirm %s' first", device, pid,
		    session_program(session), device);
}

static int write_record(FILE *file, const struct confirm *confirm, const struct attachment *attachment)
{
	fprintf(file, HEADER, (int)getpid(), session_program(confirm->session), confirm->device);
	if (!confirm->was_attached)
		fprintf(file, "# %s was not attached\n", confirm->device);
	else if (export_write(file, confirm->session, attachment, confirm->device))
		return FAILED;
	if (fflush(file) || ferror(file))
		return fail("cannot write %s: %s", confirm->path, strerror(errno));
	return DONE;
}

/* Whole and locked before it has its name. Returns its descriptor, or -1. */
static int make_record(const struct confirm *confirm, const struct attachment *attachment)
{
	char path[PATH_MAX + 8];
	int fd, result;
	FILE *file;

	snprintf(path, sizeof(path), "%s.new", confirm->path);
	if (mkdir(FOLDER, 0700) && errno != EEXIST)
		return fail("cannot make %s: %s", FOLDER, strerror(errno));
	file = fopen(path, "we");
	if (!file)
		return fail("cannot make %s: %s", path, strerror(errno));
	fd = fcntl(fileno(file), F_DUPFD_CLOEXEC, 0);
	flock(fd, LOCK_EX);
	result = write_record(file, confirm, attachment);
	fclose(file);
	if (!result && rename(path, confirm->path))
		result = fail("cannot make %s: %s", confirm->path, strerror(errno));
	if (!result)
		return fd;
	close(fd);
	remove_record(path);
	return -1;
}

static bool is_gone(int record)
{
	struct stat about;

	return fstat(record, &about) || !about.st_nlink;
}

/* Until the record is gone, or time is up. */
static void wait_for_confirm(int record, int watch, unsigned int seconds)
{
	const __u64 end = paths_now() + seconds * 1000000000ULL;
	struct pollfd poll_for = { .fd = watch, .events = POLLIN };
	char events[1024];
	__u64 now;

	while (!is_gone(record) && (now = paths_now()) < end) {
		if (poll(&poll_for, 1, (int)((end - now) / 1000000 + 1)) > 0 && read(watch, events, sizeof(events)) < 0)
			return;
	}
}

static int put_back(struct confirm *confirm, int record)
{
	struct session session = { .netns = confirm->session->netns, .bpffs.lock = -1 };
	int result = session_open(&session, confirm->was_attached ? SESSION_CHANGE : SESSION_DETACH);

	if (result)
		return result;
	/* Now nobody else changes anything: it may have been confirmed meanwhile. */
	if (!is_gone(record)) {
		result = confirm->put_back(&session, confirm);
		if (!result)
			remove_record(confirm->path);
		if (!result)
			warn("%s was not confirmed in %u seconds: what it had before is back", confirm->device,
			     confirm->seconds);
	}
	session_close(&session);
	return result;
}

/* What is open here and there must not stay open here: locks would be held, a terminal or pipe be kept waiting. */
static void let_go(int *record, int *watch, int *released)
{
	int nowhere = open("/dev/null", O_RDWR), *const kept[] = { record, watch, released };

	for (int i = 0; i < 3; i++)
		dup2(nowhere, i);
	/* Out of the way of one another first. */
	for (int i = 0; i < 3; i++)
		*kept[i] = fcntl(*kept[i], F_DUPFD_CLOEXEC, 64);
	for (int i = 0; i < 3; i++)
		*kept[i] = dup3(*kept[i], 3 + i, O_CLOEXEC);
	close_range(6, ~0U, 0);
}

static int watch_record(const char *path)
{
	int watch = inotify_init1(IN_CLOEXEC);

	if (watch >= 0 && inotify_add_watch(watch, path, IN_ATTRIB | IN_DELETE_SELF) >= 0)
		return watch;
	return fail("cannot watch %s: %s", path, strerror(errno));
}

__attribute__((noreturn)) static void guard(struct confirm *confirm, const struct attachment *attachment, int ready,
					    int released)
{
	int record, watch;
	char byte = 0;

	setsid();
	signal(SIGHUP, SIG_IGN);
	signal(SIGINT, SIG_IGN);
	signal(SIGPIPE, SIG_IGN);
	record = make_record(confirm, attachment);
	watch = record < 0 ? -1 : watch_record(confirm->path);
	if (watch < 0 || write(ready, &byte, 1) != 1)
		_exit(1);
	let_go(&record, &watch, &released);
	fail_to_log();
	while (read(released, &byte, 1) < 0 && errno == EINTR)
		;
	wait_for_confirm(record, watch, confirm->seconds);
	_exit(is_gone(record) || !put_back(confirm, record) ? 0 : 1);
}

/* Waits until the process has what it needs. */
static int start(struct confirm *confirm, const struct attachment *attachment, const int ready[2],
		 const int released[2])
{
	pid_t pid = fork();
	char byte;

	if (pid < 0)
		return fail("cannot start a process: %s", strerror(errno));
	if (!pid) {
		close(released[1]);
		guard(confirm, attachment, ready[1], released[0]);
	}
	close(ready[1]);
	if (read(ready[0], &byte, 1) == 1)
		return DONE;
	waitpid(pid, NULL, 0);
	return FAILED;
}

int confirm_begin(struct confirm *confirm, const struct attachment *attachment)
{
	int ready[2], released[2], result;

	record_path(attachment, confirm->path);
	if (pipe2(ready, O_CLOEXEC) || pipe2(released, O_CLOEXEC))
		return fail("cannot make a pipe: %s", strerror(errno));
	result = start(confirm, attachment, ready, released);
	close(ready[0]);
	close(released[0]);
	confirm->release = released[1];
	if (result)
		close(released[1]);
	return result;
}

void confirm_made(struct confirm *confirm)
{
	warn("in %u seconds %s gets back what it had, unless '%s confirm %s' comes first", confirm->seconds,
	     confirm->device, session_program(confirm->session), confirm->device);
	close(confirm->release);
}

void confirm_cancel(struct confirm *confirm)
{
	remove_record(confirm->path);
	close(confirm->release);
}

static int confirm(const struct session *session, const char *device)
{
	struct attachment attachment = { 0 };
	char path[PATH_MAX];
	int pid;

	if (bpffs_folder(&session->bpffs, session->netns, device, attachment.folder))
		return FAILED;
	record_path(&attachment, path);
	if (!is_pending(path, &pid))
		return fail("nothing that was applied to %s waits to be confirmed", device);
	remove_record(path);
	return DONE;
}

int confirm_run(struct session *session, struct words *words)
{
	const char *device;
	int result = words_last_device(words, &device);

	if (!result)
		result = session_open(session, SESSION_CHANGE);
	if (result)
		return result;
	result = confirm(session, device);
	session_close(session);
	return result;
}
