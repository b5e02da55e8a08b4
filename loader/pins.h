/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The folder `ipipbpf` in a bpffs, and in it one folder for each attachment: DEV, or NETNS:DEV for those that were made
 * with -n. bpffs takes no '.' in a name: '%', '.' and '/' are written %XX.
 */
#ifndef PINS_H
#define PINS_H

#include <linux/types.h>
#include <limits.h>
#include <stdbool.h>
#include <stddef.h>

#include "maps.h"

struct pins {
	const char *root; /* path of the bpffs */
	int lock;         /* file descriptor of that directory, flock()ed */
};

struct folder_name {
	char netns[NAME_MAX + 1]; /* "": made without -n */
	char device[NAME_MAX + 1];
};

/* What is at the place of an attachment's folder. */
enum folder_state {
	FOLDER_ABSENT,
	FOLDER_EMPTY,    /* what an attach that was killed may leave */
	FOLDER_STRANGE,  /* something is there, but no `meta` */
	FOLDER_ATTACHED, /* `meta` is pinned there */
};

/*
 * Opens the bpffs and locks it: against all other commands if this one changes something, else against those.
 * Waits for the lock. DONE, or FAILED if there is no bpffs.
 */
int pins_open(struct pins *pins, bool change);
void pins_close(struct pins *pins);

/* The path of an attachment's folder; `netns` may be NULL. DONE or FAILED. */
int pins_folder(const struct pins *pins, const char *netns, const char *device, char path[PATH_MAX]);

/* The names that the last part of a folder's path stands for. Returns 0, or -EINVAL if no attachment is called so. */
int pins_parse_folder(const char *folder, struct folder_name *name);

/* Calls `each` for every folder in `ipipbpf`; a result that is not 0 ends the walk and is returned. */
int pins_each_folder(const struct pins *pins, int (*each)(const char *path, void *argument), void *argument);

/* DONE or FAILED. */
int pins_folder_state(const char *folder, enum folder_state *state);

/* Makes the folder, and `ipipbpf` around it. DONE or FAILED. */
int pins_make_folder(const struct pins *pins, const char *folder);

/*
 * Opens `meta` of whatever layout: an array whose value has room for the layout's number. Says nothing. Returns 0,
 * -EINVAL if what is pinned is something else, or another -errno.
 */
int pins_open_meta(const char *folder, int *fd, unsigned int *value_size);

/* Opens the maps that are pinned in `folder`; -1 for those that are not. FAILED if one is not of this layout. */
int pins_open_maps(const char *folder, struct maps *maps);

/* Pins the open maps that are not pinned yet, `meta` first. DONE or FAILED. */
int pins_pin_maps(const char *folder, const struct maps *maps);

/* Makes those of the loader's own maps that are -1. DONE or FAILED. */
int pins_make_maps(struct maps *maps);

/* The name of a map that is -1 and that every attachment of that layout has, or NULL. */
const char *pins_missing_map(const struct maps *maps, __u32 layout);

/*
 * A change of layout: maps->meta takes the place of maps->meta_old, which stays pinned as `meta_old` until all that used
 * it is exchanged. pins_settle ends that, and first takes away the pins that `layout` does not know. DONE or FAILED.
 */
int pins_replace_meta(const char *folder, const struct maps *maps);
int pins_settle(const char *folder, __u32 layout);

/* Pins the map there in one step, whatever was pinned there before. DONE or FAILED. */
int pins_pin_over(const char *folder, int fd, const char *name);

/* Takes one pin of an attachment away, if it is there. DONE or FAILED. */
int pins_remove_pin(const char *folder, const char *name);

void pins_close_maps(struct maps *maps);

/*
 * Removes `ipipbpf` if it is empty, as an attach leaves it that was killed before it made its own folder, and nobody
 * made it for others to read.
 */
void pins_remove_empty(const struct pins *pins);

/*
 * Removes our pins, `meta` last, the folder, and `ipipbpf` if it is empty then. Strangers' files stay. DONE or FAILED.
 */
int pins_remove_folder(const struct pins *pins, const char *folder);

#endif
