/* SPDX-License-Identifier: GPL-2.0-only */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "bpffs.h"
#include "fail.h"
#include "folder_name.h"
#include "netns.h"
#include "sharing.h"

static int no_bpffs(const char *root)
{
	if (netns_mounts_are_private())
		return fail("there is no bpffs at %s: inside 'ip netns exec' pins would die with the command, "
			    "run 'ipipbpf -n NETNS ...' outside of it",
			    root);
	return fail("there is no bpffs at %s: 'mount -t bpf bpf %s'", root, root);
}

static int check_root(const char *root, int fd)
{
	struct statfs about;

	if (fstatfs(fd, &about))
		return fail("%s: %s", root, strerror(errno));
	return about.f_type == BPF_FS_MAGIC ? DONE : no_bpffs(root);
}

int bpffs_open(struct bpffs *bpffs, bool change)
{
	const char *elsewhere = getenv("IPIPBPF_BPFFS");

	bpffs->root = elsewhere && *elsewhere ? elsewhere : "/sys/fs/bpf";
	bpffs->lock = open(bpffs->root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (bpffs->lock < 0 && (errno == ENOENT || errno == ENOTDIR))
		return no_bpffs(bpffs->root);
	if (bpffs->lock < 0)
		return fail("cannot open the bpffs at %s: %s%s", bpffs->root, strerror(errno), fail_as_root(errno));
	if (check_root(bpffs->root, bpffs->lock)) {
		bpffs_close(bpffs);
		return FAILED;
	}
	while (flock(bpffs->lock, change ? LOCK_EX : LOCK_SH)) {
		if (errno == EINTR)
			continue;
		fail("cannot lock %s: %s", bpffs->root, strerror(errno));
		bpffs_close(bpffs);
		return FAILED;
	}
	return DONE;
}

void bpffs_close(struct bpffs *bpffs)
{
	if (bpffs->lock >= 0)
		close(bpffs->lock);
	bpffs->lock = -1;
}

int bpffs_folder(const struct bpffs *bpffs, const char *netns, const char *device, char path[PATH_MAX])
{
	char name[NAME_MAX + 1];

	if (!folder_name_format(netns, device, name) ||
	    snprintf(path, PATH_MAX, "%s/ipipbpf/%s", bpffs->root, name) >= PATH_MAX)
		return fail("the names '%s' and '%s' are too long for a folder", netns ? netns : "", device);
	return DONE;
}

static int each_entry(DIR *directory, const char *path, int (*each)(const char *path, void *argument), void *argument)
{
	const struct dirent *entry;
	char folder[PATH_MAX];
	int result = DONE;

	while (!result && (entry = readdir(directory))) {
		if (entry->d_name[0] == '.')
			continue;
		if (snprintf(folder, sizeof(folder), "%s/%s", path, entry->d_name) < PATH_MAX)
			result = each(folder, argument);
	}
	return result;
}

int bpffs_each_folder(const struct bpffs *bpffs, int (*each)(const char *path, void *argument), void *argument)
{
	char path[PATH_MAX];
	DIR *directory;
	int result;

	snprintf(path, sizeof(path), "%s/ipipbpf", bpffs->root);
	directory = opendir(path);
	if (!directory)
		return errno == ENOENT ? DONE
				       : fail("cannot read %s: %s%s", path, strerror(errno), fail_as_root(errno));
	result = each_entry(directory, path, each, argument);
	closedir(directory);
	return result;
}

static int note_entry(const char *path, void *argument)
{
	enum folder_state *state = argument;

	if (!strcmp(strrchr(path, '/'), "/meta")) {
		*state = FOLDER_ATTACHED;
		return 1;
	}
	*state = FOLDER_STRANGE;
	return 0;
}

int bpffs_folder_state(const char *folder, enum folder_state *state)
{
	DIR *directory = opendir(folder);

	*state = FOLDER_EMPTY;
	if (!directory && errno == ENOENT)
		*state = FOLDER_ABSENT;
	else if (!directory && errno == ENOTDIR)
		*state = FOLDER_STRANGE;
	else if (!directory)
		return fail("cannot read %s: %s%s", folder, strerror(errno), fail_as_root(errno));
	if (directory) {
		each_entry(directory, folder, note_entry, state);
		closedir(directory);
	}
	return DONE;
}

int bpffs_make_folder(const struct bpffs *bpffs, const char *folder)
{
	char parent[PATH_MAX];
	int error;

	snprintf(parent, sizeof(parent), "%s/ipipbpf", bpffs->root);
	if (mkdir(parent, 0700) && errno != EEXIST)
		return fail("cannot make %s: %s", parent, strerror(errno));
	error = sharing_make_folder(folder, parent);
	if (error && error != -EEXIST) {
		fail("cannot make %s: %s", folder, strerror(-error));
		bpffs_remove_empty(bpffs);
		return FAILED;
	}
	return DONE;
}

void bpffs_remove_empty(const struct bpffs *bpffs)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/ipipbpf", bpffs->root);
	if (!sharing_with_group(path))
		rmdir(path);
}
