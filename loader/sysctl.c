/* SPDX-License-Identifier: GPL-2.0-only */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sysctl.h"

/* A path, and not a dotted name, since a device's name may hold dots. Returns a file descriptor or -errno. */
static int open_setting(const char *device, const char *name, int flags)
{
	char path[PATH_MAX];
	int fd;

	if (!*device || strchr(device, '/') || !strcmp(device, ".") || !strcmp(device, ".."))
		return -EINVAL;
	if ((size_t)snprintf(path, sizeof(path), "/proc/sys/net/ipv4/conf/%s/%s", device, name) >= sizeof(path))
		return -ENAMETOOLONG;
	fd = open(path, flags | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

static int parse(const char *text, int *value)
{
	char *end;
	long number;

	errno = 0;
	number = strtol(text, &end, 10);
	if (end == text || (*end && *end != '\n') || errno || number < INT_MIN || number > INT_MAX)
		return -EINVAL;
	*value = (int)number;
	return 0;
}

/* Closes the file. */
static int read_value(int fd, int *value)
{
	char text[32];
	ssize_t length;
	int error = 0;

	length = read(fd, text, sizeof(text) - 1);
	if (length < 0)
		error = -errno;
	close(fd);
	if (error)
		return error;
	text[length] = '\0';
	return parse(text, value);
}

int sysctl_read(const char *device, const char *name, int *value)
{
	int fd = open_setting(device, name, O_RDONLY);

	return fd < 0 ? fd : read_value(fd, value);
}

bool sysctl_bridge_calls_iptables(void)
{
	int fd = open("/proc/sys/net/bridge/bridge-nf-call-iptables", O_RDONLY | O_CLOEXEC), value;

	return fd >= 0 && !read_value(fd, &value) && value;
}

int sysctl_write(const char *device, const char *name, int value)
{
	char text[16];
	int fd, length, error = 0;

	length = snprintf(text, sizeof(text), "%d\n", value);
	fd = open_setting(device, name, O_WRONLY);
	if (fd < 0)
		return fd;
	if (write(fd, text, (size_t)length) < 0)
		error = -errno;
	close(fd);
	return error;
}

const char *sysctl_name(const char *device, const char *name, char text[SYSCTL_TEXT])
{
	static const char before[] = "net.ipv4.conf.";

	snprintf(text, SYSCTL_TEXT, "%s%s.%s", before, device, name);
	for (size_t i = 0; i < strlen(device) && sizeof(before) - 1 + i < SYSCTL_TEXT; i++)
		if (device[i] == '.')
			text[sizeof(before) - 1 + i] = '/';
	return text;
}
