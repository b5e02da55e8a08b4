/* SPDX-License-Identifier: GPL-2.0-only */
#define _GNU_SOURCE 1
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "netns.h"

static int open_in(const char *directory, const char *name)
{
	char path[PATH_MAX];
	int fd;

	if ((size_t)snprintf(path, sizeof(path), "%s/%s", directory, name) >= sizeof(path))
		return -ENAMETOOLONG;
	fd = open(path, O_RDONLY | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

static int open_named(const char *name)
{
	int fd = open_in("/run/netns", name);

	return fd == -ENOENT ? open_in("/var/run/netns", name) : fd;
}

bool netns_exists(const char *name)
{
	int fd = open_named(name);

	if (fd >= 0)
		close(fd);
	return fd != -ENOENT;
}

int netns_enter(const char *name)
{
	int fd, error = 0;

	if (!*name || strchr(name, '/') || !strcmp(name, ".") || !strcmp(name, ".."))
		return -EINVAL;
	fd = open_named(name);
	if (fd < 0)
		return fd;
	if (setns(fd, CLONE_NEWNET))
		error = -errno;
	close(fd);
	return error;
}

static int read_cookie(__u64 *cookie)
{
	socklen_t size = sizeof(*cookie);
	int fd, error = 0;

	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	if (getsockopt(fd, SOL_SOCKET, SO_NETNS_COOKIE, cookie, &size))
		error = -errno;
	close(fd);
	return error;
}

int netns_cookie(__u64 *cookie)
{
	struct stat file;
	int error;

	error = read_cookie(cookie);
	if (error != -ENOPROTOOPT)
		return error;
	if (stat("/proc/self/ns/net", &file))
		return -errno;
	*cookie = file.st_ino;
	return 0;
}

/* Whether some line of a mountinfo file tells of the mount `id`; with *id 0, takes the first line's. */
static bool mountinfo_has(const char *path, unsigned long *id)
{
	FILE *file = fopen(path, "re");
	char *line = NULL;
	bool found = false;
	size_t size = 0;

	if (!file)
		return false;
	while (!found && getline(&line, &size, file) > 0) {
		if (!*id)
			*id = strtoul(line, NULL, 10);
		found = strtoul(line, NULL, 10) == *id;
	}
	free(line);
	fclose(file);
	return found;
}

/*
 * Two mount namespaces share no mount, and a mount's number is unique in the kernel. To compare /proc/PID/ns/mnt would
 * be shorter, but takes the right to trace PID 1, which not even root has everywhere.
 */
bool netns_mounts_are_private(void)
{
	unsigned long id = 0;

	return mountinfo_has("/proc/self/mountinfo", &id) && !mountinfo_has("/proc/1/mountinfo", &id);
}
