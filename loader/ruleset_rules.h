/* SPDX-License-Identifier: GPL-2.0-only */
/* A ruleset in memory: compiled from nft's JSON by one file, judged by another. */
#ifndef RULESET_RULES_H
#define RULESET_RULES_H

#include <stddef.h>

#include <jansson.h>

#include "ruleset.h"

enum field {
	FIELD_ALWAYS, /* true of every packet that is asked about */
	FIELD_NEVER,
	FIELD_SOME,    /* true of some packets of a class and not of others: ports, connection state, rates */
	FIELD_UNKNOWN, /* nobody can tell from the rule */
	FIELD_IN,
	FIELD_OUT,
	FIELD_SRC,
	FIELD_DST,
	FIELD_PROTOCOL,
	FIELD_TRANSPORT, /* never true of IPIP, and of some others */
};

/* Names and strings are the JSON's own. */
struct match {
	enum field field;
	bool negated;
	struct span *spans;
	size_t span_count;
	const char **names; /* of devices */
	size_t name_count;
};

struct rule {
	struct match *matches;
	size_t match_count;
	enum ruling ruling;
	const char *target; /* of RULING_JUMP and RULING_GOTO */
};

struct chain {
	struct chain_name name;
	const char *hook;   /* NULL: no base chain */
	const char *device; /* of a hook of one device, NULL where nft does not say */
	bool is_nat;
	bool drops; /* its policy */
	bool used;  /* it has rules, be it those that change no packet's way, which are not below */
	struct rule *rules;
	size_t rule_count;
};

/* Memory that is freed with the ruleset. */
struct block {
	struct block *next;
	_Alignas(max_align_t) char bytes[];
};

struct ruleset {
	json_t *json;
	struct block *blocks;
	struct chain *chains;
	size_t chain_count;
	bool failed; /* out of memory */
};

/* Memory that lives as long as the ruleset; NULL, with ruleset->failed, if there is none. */
void *ruleset_allocate(struct ruleset *ruleset, size_t size);

/* NULL if there is none. */
struct chain *ruleset_chain(const struct ruleset *ruleset, const char *family, const char *table, const char *name);

/* ruleset->json into chains and rules. */
void ruleset_compile(struct ruleset *ruleset);

#endif
