/* SPDX-License-Identifier: GPL-2.0-only */
/* An attachment as `explain` asks it: whose prefix, which peer, which way through the device. */
#ifndef EXPLAINER_H
#define EXPLAINER_H

#include <stdbool.h>
#include <linux/types.h>

#include "attachment.h"
#include "link.h"
#include "packet.h"
#include "prefixes.h"
#include "session.h"
#include "trial.h"

/* What all packets of one command have in common. */
struct explainer {
	const struct session *session;
	struct attachment attachment;
	struct link link;
	struct prefixes prefixes;
	struct trial *trial;
};

/* DONE, or FAILED with nothing open. */
int explainer_open(const struct session *session, const char *device, struct explainer *explainer);
void explainer_close(struct explainer *explainer);

/* The longest prefix that holds an address, or NULL. */
const struct prefix_entry *explainer_prefix(const struct explainer *explainer, const __u8 address[4]);

/* The peer whose prefix holds an address, so that packets to there are wrapped and from there unwrapped. */
bool explainer_owner(const struct explainer *explainer, const __u8 address[4], __u8 remote[4]);

/* An exception; what is not written rightly is none. */
bool explainer_is_bare(const struct prefix *prefix);

/* False if `peers` has none of that address. */
bool explainer_peer(const struct explainer *explainer, const __u8 remote[4], struct peer *peer);

/* The outer address of this host's end of the tunnel to a peer. */
void explainer_local(const struct explainer *explainer, const struct peer *peer, __u8 local[4]);

/* Whether the header is one that this host writes before what it sends to a peer, and which peer that is. */
bool explainer_wraps(const struct explainer *explainer, const struct header *header, struct peer *peer);

/* Which way a frame of a file goes: as its link header says if `link_headers`, else as its addresses say. */
enum direction explainer_direction(const struct explainer *explainer, const struct frame *frame, bool link_headers);

#endif
