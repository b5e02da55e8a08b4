/* SPDX-License-Identifier: GPL-2.0-only */
/* The options of a device and of a peer as text: by the word of the command line, each with its value. */
#ifndef SETTINGS_H
#define SETTINGS_H

#include <stddef.h>
#include <linux/types.h>

#include "layout.h"

#define SETTINGS_MAX 20
#define SETTING_TEXT 32

struct setting {
	const char *word;
	char value[SETTING_TEXT]; /* "": not set */
};

/* Always the same words in the same order; `list` ends with a NULL word. */
struct settings {
	struct setting list[SETTINGS_MAX];
	size_t count;
};

/* A `local` that was not given is not set. */
struct settings settings_of_meta(const struct meta *meta);
struct settings settings_of_peer(const struct peer *peer, const __u8 src[4]);

#endif
