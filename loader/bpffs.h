/* SPDX-License-Identifier: GPL-2.0-only */
/* The bpffs, and the folder `ipipbpf` in it, which has a folder for each attachment (folder_name.h, pins.h). */
#ifndef BPFFS_H
#define BPFFS_H

#include <limits.h>
#include <stdbool.h>

struct bpffs {
	const char *root; /* its path */
	int lock;         /* file descriptor of that directory, flock()ed */
};

/* What is at the place of an attachment's folder. */
enum folder_state {
	FOLDER_ABSENT,
	FOLDER_EMPTY,    /* what an attach that was killed may leave */
	FOLDER_STRANGE,  /* something is there, but no `meta` */
	FOLDER_ATTACHED, /* `meta` is pinned there */
};

/*
 * Opens it and locks it: against all other commands if this one changes something, else against those. Waits for the
 * lock. DONE, or FAILED if there is no bpffs.
 */
int bpffs_open(struct bpffs *bpffs, bool change);
void bpffs_close(struct bpffs *bpffs);

/* The path of an attachment's folder; `netns` may be NULL. DONE or FAILED. */
int bpffs_folder(const struct bpffs *bpffs, const char *netns, const char *device, char path[PATH_MAX]);

/* Calls `each` for every folder in `ipipbpf`; a result that is not 0 ends the walk and is returned. */
int bpffs_each_folder(const struct bpffs *bpffs, int (*each)(const char *path, void *argument), void *argument);

/* DONE or FAILED. */
int bpffs_folder_state(const char *folder, enum folder_state *state);

/* Makes the folder, and `ipipbpf` around it. DONE or FAILED. */
int bpffs_make_folder(const struct bpffs *bpffs, const char *folder);

/*
 * Removes `ipipbpf` if it is empty, as an attach leaves it that was killed before it made its own folder, and nobody
 * made it for others to read.
 */
void bpffs_remove_empty(const struct bpffs *bpffs);

#endif
