/* SPDX-License-Identifier: GPL-2.0-only */
#include <stdlib.h>
#include <string.h>

#include "ruleset_match.h"

static void add_rule(struct compiler *compiler, struct chain *chain, enum ruling ruling, const char *target)
{
	struct rule *longer = realloc(chain->rules, (chain->rule_count + 1) * sizeof(*longer));
	size_t size = compiler->match_count * sizeof(*compiler->matches);
	struct match *matches = ruleset_allocate(compiler->ruleset, size);

	if (longer)
		chain->rules = longer;
	if (!longer || !matches) {
		compiler->ruleset->failed = true;
		return;
	}
	memcpy(matches, compiler->matches, size);
	chain->rules[chain->rule_count++] = (struct rule){
		.matches = matches,
		.match_count = compiler->match_count,
		.ruling = ruling,
		.target = target,
	};
}

/* What a statement does to the packet, RULING_NONE if the rule goes on. */
static enum ruling ruling_of(const json_t *statement, const char **target)
{
	static const struct {
		const char *name;
		enum ruling ruling;
	} rulings[] = {
		{ "accept", RULING_ACCEPT },   { "drop", RULING_DROP },       { "reject", RULING_DROP },
		{ "return", RULING_RETURN },   { "jump", RULING_JUMP },       { "goto", RULING_GOTO },
		{ "snat", RULING_NAT },        { "masquerade", RULING_NAT },  { "dnat", RULING_ACCEPT },
		{ "queue", RULING_ACCEPT },    { "redirect", RULING_ACCEPT }, { "tproxy", RULING_ACCEPT },
		{ "synproxy", RULING_ACCEPT },
	};

	for (size_t i = 0; i < sizeof(rulings) / sizeof(*rulings); i++) {
		const json_t *found = json_object_get(statement, rulings[i].name);

		if (!found)
			continue;
		*target = ruleset_text(found, "target");
		return rulings[i].ruling;
	}
	return RULING_NONE;
}

/* A match or target that iptables-nft left to xtables. What changes no packet's way is passed over. */
static enum ruling ruling_of_xt(struct compiler *compiler, const json_t *xt)
{
	static const char *const some[] = { "conntrack", "state",  "tcp",       "udp",     "icmp",
					    "multiport", "limit",  "hashlimit", "recent",  "length",
					    "statistic", "tcpmss", "owner",     "pkttype", "dscp" };
	const char *type = ruleset_text(xt, "type"), *name = ruleset_text(xt, "name");

	if (type && name && !strcmp(type, "target")) {
		if (!strcmp(name, "MASQUERADE") || !strcmp(name, "SNAT"))
			return RULING_NAT;
		return !strcmp(name, "REJECT") ? RULING_DROP : RULING_NONE;
	}
	if (name && !strcmp(name, "comment"))
		return RULING_NONE;
	for (size_t i = 0; name && i < sizeof(some) / sizeof(*some); i++) {
		if (!strcmp(name, some[i])) {
			ruleset_add_field(compiler, FIELD_SOME);
			return RULING_NONE;
		}
	}
	ruleset_add_field(compiler, FIELD_UNKNOWN);
	return RULING_NONE;
}

/* A verdict map: as many rules as it has elements. */
static void compile_map(struct compiler *compiler, struct chain *chain, const json_t *map)
{
	const json_t *data = ruleset_resolve(compiler, json_object_get(map, "data"));
	const json_t *key = json_object_get(map, "key");
	size_t matches = compiler->match_count;

	for (size_t i = 0; data && i < json_array_size(data); i++) {
		const json_t *pair = json_array_get(data, i), *value = json_array_get(pair, 0);
		const char *text, *target = NULL;
		enum ruling ruling = ruling_of(json_array_get(pair, 1), &target);

		value = json_object_get(value, "elem") ? json_object_get(json_object_get(value, "elem"), "val") : value;
		text = json_string_value(value);
		if (!text || strcmp(text, "*") != 0)
			ruleset_compare(compiler, key, "==", value);
		add_rule(compiler, chain, ruling, target);
		compiler->match_count = matches;
	}
	if (!data) {
		ruleset_add_field(compiler, FIELD_UNKNOWN);
		add_rule(compiler, chain, RULING_ACCEPT, NULL);
	}
}

static void compile_match(struct compiler *compiler, const json_t *match)
{
	ruleset_compare(compiler, json_object_get(match, "left"), ruleset_text(match, "op") ?: "",
			json_object_get(match, "right"));
}

static void compile_rule(struct compiler *compiler, struct chain *chain, const json_t *statements)
{
	const json_t *statement, *part;
	const char *target = NULL;
	size_t i;

	compiler->match_count = 0;
	json_array_foreach(statements, i, statement) {
		enum ruling ruling = ruling_of(statement, &target);

		if ((part = json_object_get(statement, "match")))
			compile_match(compiler, part);
		else if ((part = json_object_get(statement, "xt")))
			ruling = ruling_of_xt(compiler, part);
		else if (json_object_get(statement, "limit") || json_object_get(statement, "quota") ||
			 json_object_get(statement, "ct count"))
			ruleset_add_field(compiler, FIELD_SOME);
		else if ((part = json_object_get(statement, "vmap")))
			compile_map(compiler, chain, part);
		if (ruling != RULING_NONE) {
			add_rule(compiler, chain, ruling, target);
			return;
		}
	}
}

static void compile_chain(struct ruleset *ruleset, const json_t *object)
{
	struct chain *longer = realloc(ruleset->chains, (ruleset->chain_count + 1) * sizeof(*longer));
	const char *policy = ruleset_text(object, "policy"), *type = ruleset_text(object, "type");

	if (!longer) {
		ruleset->failed = true;
		return;
	}
	ruleset->chains = longer;
	longer[ruleset->chain_count++] = (struct chain){
		.name = { ruleset_text(object, "family"), ruleset_text(object, "table"), ruleset_text(object, "name") },
		.hook = ruleset_text(object, "hook"),
		.device = ruleset_text(object, "dev"),
		.is_nat = type && !strcmp(type, "nat"),
		.drops = policy && !strcmp(policy, "drop"),
	};
}

static void compile_object(struct compiler *compiler, const json_t *rule)
{
	const char *name = ruleset_text(rule, "chain");
	struct chain *chain;

	compiler->family = ruleset_text(rule, "family");
	compiler->table = ruleset_text(rule, "table");
	if (!name || !compiler->family || !compiler->table)
		return;
	chain = ruleset_chain(compiler->ruleset, compiler->family, compiler->table, name);
	if (!chain)
		return;
	chain->used = true;
	compile_rule(compiler, chain, json_object_get(rule, "expr"));
}

static bool is_complete(const json_t *chain)
{
	return ruleset_text(chain, "family") && ruleset_text(chain, "table") && ruleset_text(chain, "name");
}

void ruleset_compile(struct ruleset *ruleset)
{
	const json_t *objects = json_object_get(ruleset->json, "nftables");
	struct compiler compiler = { .ruleset = ruleset, .nothing = json_array() };
	const json_t *object;
	size_t i;

	json_array_foreach(objects, i, object) {
		if (is_complete(json_object_get(object, "chain")))
			compile_chain(ruleset, json_object_get(object, "chain"));
	}
	json_array_foreach(objects, i, object) {
		if (json_object_get(object, "rule"))
			compile_object(&compiler, json_object_get(object, "rule"));
	}
	json_decref(compiler.nothing);
}
