/* SPDX-License-Identifier: GPL-2.0-only */
/* A device's configuration file, read whole: what `apply` makes true and `export` writes. */
#ifndef CONFIG_H
#define CONFIG_H

#include <net/if.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "commands.h"
#include "layout.h"

struct config_peer {
	__u8 remote[4]; /* first: sorted by it */
	unsigned int line;
	struct peer peer;
	__u8 src[4];
};

struct config_prefix {
	struct prefix_key key; /* first: sorted by it */
	unsigned int line;
	bool bare;
	bool routed;
	__u8 remote[4];
	__u8 src[4];
};

struct config {
	char device[IFNAMSIZ];
	struct attach_request attach;
	struct config_peer *peers; /* none twice */
	size_t peer_count;
	struct config_prefix *prefixes; /* none twice */
	size_t prefix_count;
};

/* Reads a file, or one that is open and called `name`. DONE, or FAILED after a line that names file and line. */
int config_read(const char *path, struct config *config);
int config_read_stream(FILE *file, const char *name, struct config *config);
void config_free(struct config *config);

/* Whether the file names it. */
bool config_has_peer(const struct config *config, const __u8 remote[4]);
bool config_has_prefix(const struct config *config, const struct prefix_key *key);

/* A command's word as the file writes it: MTUExpires for mtu_expires. */
const char *config_key(const char *word);

#endif
