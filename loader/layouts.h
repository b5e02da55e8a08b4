/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The layouts of `meta`: LAYOUT, and the older ones that this version reads, writes and migrates from and to. In memory
 * a `struct meta` is always LAYOUT's; its field `layout` names the one that its map has.
 */
#ifndef LAYOUTS_H
#define LAYOUTS_H

#include <stdbool.h>
#include <linux/types.h>

#include "layout.h"

#define LAYOUT_FIRST 1

/* LAYOUT or LAYOUT_FIRST as text. */
#define LAYOUT_TEXT_OF_NUMBER(number) #number
#define LAYOUT_TEXT(layout) LAYOUT_TEXT_OF_NUMBER(layout)

bool layout_is_known(__u32 layout);

/*
 * Reads a `meta` map: of a layout that is not known, as far as this version's has the same fields. Returns 0, -EINVAL
 * if its value is not as large as its layout's, or another -errno.
 */
int layout_read_meta(int fd, unsigned int value_size, struct meta *meta);

/* Writes it as the layout that it names has it. Returns 0 or -errno. */
int layout_write_meta(int fd, const struct meta *meta);

/* A new map of the layout that `meta` names, filled with it. Returns its descriptor or -errno. */
int layout_make_meta(const struct meta *meta);

/* The layout of a `meta` map, LAYOUT if there is none yet. */
__u32 layout_of_meta(int fd);

/* The first setting that is in use and that an older layout has no room for, or NULL. */
const char *layout_lacks(__u32 layout, const struct meta *meta);

#endif
