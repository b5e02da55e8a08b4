/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What becomes of a packet, and why. The verdict and the resulting frame are those of the programs (trial.h); whose
 * prefix, which peer and which route it was are looked up in the same maps and asked of the kernel.
 */
#ifndef EXPLANATION_H
#define EXPLANATION_H

#include <net/if.h>
#include <stdbool.h>
#include <linux/types.h>

#include "explainer.h"
#include "packet.h"
#include "paths.h"
#include "route.h"
#include "trial.h"

/* An answer of the kernel's routing. */
struct way {
	bool asked;
	__u8 to[4];
	int error; /* 0 or -errno */
	struct route route;
	char device[IF_NAMESIZE];
};

enum untouched {
	UNTOUCHED_NOT, /* a program has counted it */
	UNTOUCHED_NOT_IPV4,
	UNTOUCHED_WRAPPED,   /* by this host, already */
	UNTOUCHED_NO_PREFIX, /* holds it */
	UNTOUCHED_BARE,
	UNTOUCHED_ANY, /* the peer `any` only receives */
	UNTOUCHED_PLAIN,
	UNTOUCHED_ICMP_ERROR, /* that may come without a tunnel */
};

struct explanation {
	const struct explainer *explainer;
	__u64 number; /* in its file, 0: none */
	enum direction direction;
	bool tagged;
	__u32 from;            /* device that a packet on its way out came by, 0: it is this host's own */
	struct headers before; /* of the packet as it meets the program */
	struct headers after;
	const struct prefix_entry *prefix; /* NULL: none */
	bool names_peer;                   /* `remote` is set; 0.0.0.0 is the peer `any` */
	bool has_peer;                     /* it is there, as `peer` */
	__u8 remote[4];
	struct peer peer;
	struct path_mtu path;
	struct way outer; /* out: to the peer */
	struct way back;  /* in: to the inner source */
	struct way inner; /* to the inner destination */
	enum untouched untouched;
	struct outcome outcome;
};

/* DONE or FAILED. */
int explanation_make(const struct explainer *explainer, enum direction direction, const struct frame *frame,
		     struct explanation *explanation);

/* The word for its direction, and what becomes of it: "carried", "dropped", "untouched". */
const char *explanation_direction(const struct explanation *explanation);
const char *explanation_fate(const struct explanation *explanation);

/* What `after` is: nothing new, the packet that goes on, or the ICMP error that answers it. */
enum result {
	RESULT_NONE,
	RESULT_PACKET,
	RESULT_ANSWER,
};

enum result explanation_result(const struct explanation *explanation);

/* Why no program counted it, in `text`. */
#define UNTOUCHED_TEXT 96
const char *explanation_untouched(const struct explanation *explanation, char text[UNTOUCHED_TEXT]);

/* What such a trial cannot know, a line each; returns their number. */
#define UNKNOWN_MAX 6
size_t explanation_unknown(const struct explanation *explanation, const char *lines[UNKNOWN_MAX]);

/* Prints it for people. */
void explanation_text(const struct explanation *explanation);

/* Prints it as an element of a JSON array. DONE or FAILED. */
int explanation_json(const struct explanation *explanation);

#endif
