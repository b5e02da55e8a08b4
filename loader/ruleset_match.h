/* SPDX-License-Identifier: GPL-2.0-only */
/* A rule of nft's JSON on its way into memory, and the comparisons in it. */
#ifndef RULESET_MATCH_H
#define RULESET_MATCH_H

#include "ruleset_rules.h"

/* A rule with more comparisons is not judged. nft's own limit on expressions is 128, and a comparison takes two. */
#define MATCHES_MAX 64

struct compiler {
	struct ruleset *ruleset;
	/* Of the rule in hand: */
	const char *family;
	const char *table;
	json_t *nothing; /* the elements of an empty set */
	struct match matches[MATCHES_MAX];
	size_t match_count;
};

/* A string member of an object, or NULL. */
const char *ruleset_text(const json_t *object, const char *key);

/* A set's elements, whether it has a name or stands in the rule; another value as it is. NULL: an unknown set. */
const json_t *ruleset_resolve(const struct compiler *compiler, const json_t *value);

/* Add to compiler->matches: a comparison of `left` with `right`, or one of which only the kind is known. */
void ruleset_compare(struct compiler *compiler, const json_t *left, const char *op, const json_t *right);
void ruleset_add_field(struct compiler *compiler, enum field field);

#endif
