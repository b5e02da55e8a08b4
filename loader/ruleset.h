/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The nftables ruleset of this namespace, those of iptables-nft among it, and what it does to a class of packets, as far
 * as that can be told from the rules alone.
 */
#ifndef RULESET_H
#define RULESET_H

#include <stdbool.h>
#include <stddef.h>
#include <linux/types.h>

struct ruleset;

/* Numbers of the host's order, the last one included. */
struct span {
	__u32 first;
	__u32 last;
};

#define SPAN_ALL ((struct span){ 0, 0xffffffff })

/* A class of IPv4 packets, none of which has a mark. What is not named here may be anything. */
struct packet_class {
	const char *in;  /* the device it came in by; "": none, it is this host's own; NULL: any */
	const char *out; /* the one it leaves by, in the same way */
	struct span src;
	struct span dst;
	struct span protocol; /* 0..255 */
	const char *device;   /* at the hooks of single devices: this one's or, with `below`, those of the others */
	bool below;
};

/* What is asked for. */
enum ruling {
	RULING_NONE,
	RULING_ACCEPT,
	RULING_RETURN,
	RULING_JUMP,
	RULING_GOTO,
	RULING_DROP,
	RULING_NAT, /* another source address */
};

/* A base chain, by which commands name it. */
struct chain_name {
	const char *family;
	const char *table;
	const char *chain;
};

/* Reads it through libnftables. *ruleset is NULL where nft does not tell. DONE, or FAILED for want of memory. */
int ruleset_read(struct ruleset **ruleset);
void ruleset_free(struct ruleset *ruleset); /* NULL is fine */

/* Whether a base chain at one of the hooks that IPv4 packets for other hosts pass has any rule; it goes to *name. */
bool ruleset_meets_forwarded(const struct ruleset *ruleset, struct chain_name *name);

/*
 * Whether a base chain at the hook ("prerouting", "ingress" ...) of the family ("ip" with inet's, "bridge" or "netdev")
 * surely drops the whole class, or surely gives another source to a part of it; that chain goes to *name.
 */
bool ruleset_drops(const struct ruleset *ruleset, const char *family, const char *hook,
		   const struct packet_class *packets, struct chain_name *name);
bool ruleset_translates(const struct ruleset *ruleset, const struct packet_class *packets, struct chain_name *name);

#endif
