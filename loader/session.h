/* SPDX-License-Identifier: GPL-2.0-only */
/* What every command has in hand: the namespace it works in, a netlink socket there, and the bpffs with its lock. */
#ifndef SESSION_H
#define SESSION_H

#include <stdbool.h>
#include <linux/types.h>

#include "bpffs.h"
#include "netlink.h"

struct session {
	const char *netns; /* -n, or NULL */
	bool json;         /* -j */
	bool netns_gone;   /* `netns` names no namespace: nothing but pins can be left of it */
	__u64 netns_cookie;
	struct netlink *netlink;
	struct bpffs bpffs;
};

enum session_purpose {
	SESSION_SHOW,   /* reads only */
	SESSION_CHANGE, /* needs the capabilities for it, and no other command beside it */
	SESSION_DETACH, /* the same, but the namespace may be gone */
};

/* Checks the capabilities, enters the namespace, opens all. DONE, or FAILED with nothing open. */
int session_open(struct session *session, enum session_purpose purpose);
void session_close(struct session *session);

/* "ipipbpf" with the -n that leads back into this namespace, for messages; in a static buffer. */
const char *session_program(const struct session *session);

#endif
