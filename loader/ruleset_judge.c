/* SPDX-License-Identifier: GPL-2.0-only */
#include <string.h>

#include "ruleset_rules.h"

/* As deep as the kernel lets chains call each other. */
#define DEPTH_MAX 16

#define IPIP 4

/* Of which packets of the class something is true. Of two, the later one holds for both together. */
enum certainty {
	CERTAINTY_ALL,
	CERTAINTY_SOME,
	CERTAINTY_UNKNOWN,
	CERTAINTY_NONE,
};

/* A walk through the rules, for one class of packets. */
struct walk {
	const struct ruleset *ruleset;
	const struct packet_class *packets;
	const struct chain *base;
	bool partly; /* some packets of the class have left it on the way */
	bool unsure; /* perhaps all have */
};

/* A name, or the beginning of one and '*'. */
static bool name_fits(const char *pattern, const char *name)
{
	size_t length = strlen(pattern);

	if (length && pattern[length - 1] == '*')
		return !strncmp(pattern, name, length - 1);
	return !strcmp(pattern, name);
}

static enum certainty match_name(const struct match *match, const char *name)
{
	bool found = false;

	if (!name)
		return CERTAINTY_UNKNOWN;
	for (size_t i = 0; i < match->name_count; i++)
		found |= name_fits(match->names[i], name);
	return found == match->negated ? CERTAINTY_NONE : CERTAINTY_ALL;
}

/* Spans of one match may touch or overlap only if people wrote them so; a class over two of them is called a part. */
static enum certainty match_span(const struct match *match, const struct span *span)
{
	enum certainty certainty = CERTAINTY_NONE;

	for (size_t i = 0; i < match->span_count && certainty != CERTAINTY_ALL; i++) {
		const struct span *one = &match->spans[i];

		if (one->first <= span->first && span->last <= one->last)
			certainty = CERTAINTY_ALL;
		else if (one->first <= span->last && span->first <= one->last)
			certainty = CERTAINTY_SOME;
	}
	if (!match->negated || certainty == CERTAINTY_SOME)
		return certainty;
	return certainty == CERTAINTY_ALL ? CERTAINTY_NONE : CERTAINTY_ALL;
}

static enum certainty match_packets(const struct match *match, const struct packet_class *packets)
{
	switch (match->field) {
	case FIELD_ALWAYS:
		return CERTAINTY_ALL;
	case FIELD_NEVER:
		return CERTAINTY_NONE;
	case FIELD_SOME:
		return CERTAINTY_SOME;
	case FIELD_UNKNOWN:
		return CERTAINTY_UNKNOWN;
	case FIELD_IN:
		return match_name(match, packets->in);
	case FIELD_OUT:
		return match_name(match, packets->out);
	case FIELD_SRC:
		return match_span(match, &packets->src);
	case FIELD_DST:
		return match_span(match, &packets->dst);
	case FIELD_PROTOCOL:
		return match_span(match, &packets->protocol);
	case FIELD_TRANSPORT:
		return packets->protocol.first == IPIP && packets->protocol.last == IPIP ? CERTAINTY_NONE
											 : CERTAINTY_SOME;
	}
	return CERTAINTY_UNKNOWN;
}

static enum certainty match_rule(const struct rule *rule, const struct packet_class *packets)
{
	enum certainty certainty = CERTAINTY_ALL;

	for (size_t i = 0; i < rule->match_count; i++) {
		enum certainty one = match_packets(&rule->matches[i], packets);

		if (one > certainty)
			certainty = one;
	}
	return certainty;
}

static enum ruling walk_chain(struct walk *walk, const struct chain *chain, int depth);

static enum ruling follow(struct walk *walk, const struct rule *rule, int depth)
{
	const struct chain_name *name = &walk->base->name;
	const struct chain *target;

	if (rule->ruling != RULING_JUMP && rule->ruling != RULING_GOTO)
		return rule->ruling;
	if (!rule->target)
		return RULING_NONE;
	target = ruleset_chain(walk->ruleset, name->family, name->table, rule->target);
	return target && depth < DEPTH_MAX ? walk_chain(walk, target, depth + 1) : RULING_NONE;
}

/* What becomes of the class; RULING_NONE: it comes out at the end. A part of it that gets another source counts. */
static enum ruling walk_chain(struct walk *walk, const struct chain *chain, int depth)
{
	for (size_t i = 0; i < chain->rule_count; i++) {
		const struct rule *rule = &chain->rules[i];
		enum certainty certainty = match_rule(rule, walk->packets);
		enum ruling ruling;

		if (certainty == CERTAINTY_NONE || rule->ruling == RULING_NONE)
			continue;
		if (certainty == CERTAINTY_UNKNOWN) {
			walk->unsure = true;
			continue;
		}
		ruling = follow(walk, rule, depth);
		if (certainty == CERTAINTY_SOME && ruling != RULING_NAT) {
			walk->partly |= ruling != RULING_NONE;
			continue;
		}
		if (ruling == RULING_RETURN || (ruling == RULING_NONE && rule->ruling == RULING_GOTO))
			return RULING_NONE;
		if (ruling != RULING_NONE)
			return ruling;
	}
	return RULING_NONE;
}

static bool base_rules(const struct ruleset *ruleset, const struct chain *chain, const struct packet_class *packets,
		       enum ruling wanted)
{
	struct walk walk = { .ruleset = ruleset, .packets = packets, .base = chain };
	enum ruling ruling = walk_chain(&walk, chain, 0);

	if (ruling == RULING_NONE && chain->drops)
		ruling = RULING_DROP;
	return ruling == wanted && !walk.unsure && (wanted == RULING_NAT || !walk.partly);
}

/* Whether the chain is where these packets pass. */
static bool is_passed(const struct chain *chain, const char *family, const char *hook,
		      const struct packet_class *packets)
{
	bool of_device = !strcmp(hook, "ingress") || !strcmp(hook, "egress");

	if (!chain->hook || strcmp(chain->hook, hook) != 0)
		return false;
	if (of_device && !chain->device)
		return packets->below;
	if (of_device)
		return packets->below != !strcmp(chain->device, packets->device);
	return !strcmp(chain->name.family, family) || (!strcmp(family, "ip") && !strcmp(chain->name.family, "inet"));
}

bool ruleset_drops(const struct ruleset *ruleset, const char *family, const char *hook,
		   const struct packet_class *packets, struct chain_name *name)
{
	for (size_t i = 0; i < ruleset->chain_count; i++) {
		const struct chain *chain = &ruleset->chains[i];

		if (!is_passed(chain, family, hook, packets) || !base_rules(ruleset, chain, packets, RULING_DROP))
			continue;
		*name = chain->name;
		return true;
	}
	return false;
}

bool ruleset_translates(const struct ruleset *ruleset, const struct packet_class *packets, struct chain_name *name)
{
	for (size_t i = 0; i < ruleset->chain_count; i++) {
		const struct chain *chain = &ruleset->chains[i];

		if (!chain->is_nat || !is_passed(chain, "ip", "postrouting", packets) ||
		    !base_rules(ruleset, chain, packets, RULING_NAT))
			continue;
		*name = chain->name;
		return true;
	}
	return false;
}

bool ruleset_meets_forwarded(const struct ruleset *ruleset, struct chain_name *name)
{
	static const char *const hooks[] = { "forward", "postrouting", "prerouting" };
	const struct packet_class packets = { 0 };

	for (size_t hook = 0; hook < sizeof(hooks) / sizeof(*hooks); hook++) {
		for (size_t i = 0; i < ruleset->chain_count; i++) {
			const struct chain *chain = &ruleset->chains[i];

			if (!is_passed(chain, "ip", hooks[hook], &packets) || !(chain->used || chain->drops))
				continue;
			*name = chain->name;
			return true;
		}
	}
	return false;
}
