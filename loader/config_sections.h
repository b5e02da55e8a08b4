/* SPDX-License-Identifier: GPL-2.0-only */
/* The sections of a configuration file and their keys. Functions return DONE or FAILED. */
#ifndef CONFIG_SECTIONS_H
#define CONFIG_SECTIONS_H

#include "config.h"

struct config_section;

/* What is being read. */
struct config_reading {
	struct config *config;
	const char *name; /* of the file */
	unsigned int line;
	const struct config_section *section; /* NULL: none has begun */
	unsigned int section_line;
	unsigned int given; /* groups of keywords that the section had */
	bool attach;        /* an [Attach] has begun */
	struct peer_request peer;
	size_t peer_room;
	size_t prefix_first; /* of the section */
	size_t prefix_room;
};

int config_section_begin(struct config_reading *reading, const char *name);
int config_section_take(struct config_reading *reading, const char *key, const char *value);

/* The last section ends. */
int config_section_end(struct config_reading *reading);

#endif
