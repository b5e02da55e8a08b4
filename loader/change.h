/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A change of an attachment's peers, prefixes and their kernel routes: wished for, checked as a whole, then done or
 * undone as a whole. Functions return DONE or FAILED.
 */
#ifndef CHANGE_H
#define CHANGE_H

#include <stdbool.h>
#include <stddef.h>

#include "attachment.h"
#include "fib.h"
#include "journal.h"
#include "peers.h"
#include "prefixes.h"
#include "route_records.h"
#include "session.h"
#include "ways.h"

/* When a prefix's wish is fulfilled. */
enum phase {
	PHASE_GO_FIRST, /* it goes, and nothing that comes has to do with it */
	PHASE_ROUTED,   /* it comes, or changes, with its route ... */
	PHASE_UNROUTED, /* ... or without one */
	PHASE_GO,
	PHASE_LATE_ROUTED, /* it comes, and nothing that goes has to do with it */
	PHASE_LATE_UNROUTED,
};

/* What a prefix is to be. */
struct prefix_wish {
	struct prefix_key key;
	bool present; /* false: it goes, and its route and record with it */
	bool routed;  /* it has a kernel route if the device has `routes on` */
	__u8 phase;   /* enum phase; change_order.h */
	struct prefix prefix;
	struct route_record record; /* of a routed one: the source that was given with the prefix */
	/* What is there of it, or NULL. After change_check. */
	const struct prefix_entry *before;
	const struct route_entry *recorded;
};

/* What a peer is to be. */
struct peer_wish {
	struct peer_key key;
	bool present;    /* false: it goes */
	bool goes_first; /* before anything comes */
	struct peer peer;
	__u8 src[4];
};

struct change {
	const struct session *session;
	struct attachment *attachment; /* with `meta` as it is to be */
	struct link link;
	bool hold_routes; /* the device is down and takes no route: they wait for the next attach */
	/* What is there before the change. */
	struct prefixes prefixes;
	struct route_records records;
	struct peers peers;
	struct fib fib;
	/* What is wished for. */
	struct peer_wish *peer_wishes;
	size_t peer_wish_count;
	size_t peer_wish_room;
	struct prefix_wish *wishes;
	size_t wish_count;
	size_t wish_room;
	struct ways ways; /* to the peers that are there or wished for; after change_check */
	/* What was done. */
	struct journal journal;
	__u8 checked_src[4];         /* the source that was last found to be this host's */
	struct prefix_key unsourced; /* a route without a source that was made ... */
	bool has_unsourced;          /* ... if any was */
};

/* Makes the wishes of a request. DONE or FAILED. */
typedef int (*change_wishes)(struct change *change, const void *request);

/* Opens the session, changes the attachment of a device as `wish` wishes, and closes it again. */
int change_run(struct session *session, const char *device, change_wishes wish, const void *request);

/* Reads what is there. `link` is the attached device. */
int change_begin(struct change *change, const struct session *session, struct attachment *attachment,
		 const struct link *link);

/* Reads the records of routes again, which a change of layout has moved. */
int change_read_records(struct change *change);

/* Wishes for a peer, for a prefix: at most once for each. */
int change_wish_peer(struct change *change, const struct peer_wish *wish);
int change_wish_prefix(struct change *change, const struct prefix_wish *wish);

/*
 * Wishes for the prefixes that have a route, of one peer or with NULL of all, to stay as they are: so their routes
 * follow a change of settings, and those that are missing come back.
 */
int change_wish_routes(struct change *change, const __u8 *remote);

/* The wish for this very prefix, for this peer, or NULL. Only after change_check. */
const struct prefix_wish *change_find_wish(const struct change *change, const struct prefix_key *key);
struct peer_wish *change_find_peer_wish(const struct change *change, const __u8 remote[4]);

/* Whether a wish, if there is one, asks for a kernel route. */
bool change_wants_route(const struct change *change, const struct prefix_wish *wish);

/* Whether any wish is for a prefix with a kernel route, be it held back. */
bool change_has_routes(const struct change *change);

/* The route that a wish asks for, if it asks for one, and the one into the tunnel that is there, or NULL. */
struct route change_route(struct change *change, const struct prefix_wish *wish);
const struct route *change_route_before(const struct change *change, const struct prefix_wish *wish);

/* Orders the wishes; refuses what finds no room, loops, kernel routes that others made, and sources that are not this host's. Changes nothing. */
int change_check(struct change *change);
int change_check_source(struct change *change, const __u8 src[4]);

/* Does it. FAILED leaves nothing done. */
int change_apply(struct change *change);

/* Checks, does and keeps it. FAILED leaves nothing done. */
int change_carry_out(struct change *change);

/* Takes back what change_apply did. */
void change_undo(struct change *change);

/* Keeps it: warns (change_warnings.h), clears away what belongs to peers and prefixes that are gone. */
void change_keep(struct change *change);

/* Frees all; does not undo. */
void change_end(struct change *change);

#endif
