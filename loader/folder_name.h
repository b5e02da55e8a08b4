/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the folder of an attachment is called: DEV, or NETNS:DEV for those that were made with -n. bpffs takes no '.' in
 * a name: '%', '.' and '/' are written %XX.
 */
#ifndef FOLDER_NAME_H
#define FOLDER_NAME_H

#include <limits.h>
#include <stdbool.h>

struct folder_name {
	char netns[NAME_MAX + 1]; /* "": made without -n */
	char device[NAME_MAX + 1];
};

/* `netns` may be NULL. False if they are too long for a name. */
bool folder_name_format(const char *netns, const char *device, char text[NAME_MAX + 1]);

/* The names that the last part of a folder's path stands for. Returns 0, or -EINVAL if no attachment is called so. */
int folder_name_parse(const char *folder, struct folder_name *name);

#endif
