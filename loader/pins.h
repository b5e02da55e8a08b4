/* SPDX-License-Identifier: GPL-2.0-only */
/* What is pinned for an attachment, in its folder (bpffs.h): maps, programs and links. */
#ifndef PINS_H
#define PINS_H

#include <stdbool.h>
#include <linux/types.h>

#include "bpffs.h"
#include "maps.h"

/*
 * Opens `meta` of whatever layout: an array whose value has room for the layout's number. Says nothing. Returns 0,
 * -EINVAL if what is pinned is something else, or another -errno.
 */
int pins_open_meta(const char *folder, int *fd, unsigned int *value_size);

/* Whether it is this map that is pinned there under that name. */
bool pins_has_map(const char *folder, const char *name, int map);

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
 * Removes our pins, `meta` last, the folder, and `ipipbpf` if it is empty then. Strangers' files stay. DONE or FAILED.
 */
int pins_remove_folder(const struct bpffs *bpffs, const char *folder);

#endif
