/* SPDX-License-Identifier: GPL-2.0-only */
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "fail.h"
#include "sharing.h"

bool sharing_with_group(const char *path)
{
	struct stat about;

	return !stat(path, &about) && about.st_mode & S_IRGRP;
}

/* By mkdir's own mode: chmod would take the setgid bit away that the new folder has from the one around it. */
int sharing_make_folder(const char *folder, const char *parent)
{
	mode_t mask = umask(0);
	int error = mkdir(folder, sharing_with_group(parent) ? 0750 : 0700) ? -errno : 0;

	umask(mask);
	return error;
}

static bool is_map(const char *name)
{
	return strncmp(name, "link_", strlen("link_")) && strncmp(name, "program_", strlen("program_"));
}

static int share_maps(DIR *directory, const char *folder)
{
	const struct dirent *entry;
	char path[PATH_MAX];

	while ((entry = readdir(directory))) {
		if (entry->d_name[0] != '.' && is_map(entry->d_name) &&
		    snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name) < PATH_MAX &&
		    !sharing_with_group(path) && chmod(path, 0640))
			return fail("cannot share %s: %s", path, strerror(errno));
	}
	return DONE;
}

int sharing_apply(const char *folder)
{
	DIR *directory;
	int result;

	if (!sharing_with_group(folder))
		return DONE;
	directory = opendir(folder);
	if (!directory)
		return fail("cannot read %s: %s", folder, strerror(errno));
	result = share_maps(directory, folder);
	closedir(directory);
	return result;
}
