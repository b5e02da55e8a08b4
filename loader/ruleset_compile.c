/* SPDX-License-Identifier: GPL-2.0-only */
#include <netdb.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "address.h"
#include "ruleset_rules.h"

/* A rule with more comparisons is not judged. nft's own limit on expressions is 128, and a comparison takes two. */
#define MATCHES_MAX 64

/* How nft may write these in numbers. */
#define NUMBER_IPV4 2
#define NUMBER_IP 0x0800

/* A rule on its way from JSON. */
struct compiler {
	struct ruleset *ruleset;
	const char *family;
	const char *table;
	json_t *nothing; /* the elements of an empty set */
	struct match matches[MATCHES_MAX];
	size_t match_count;
};

static const char *text_of(const json_t *object, const char *key)
{
	return json_string_value(json_object_get(object, key));
}

/* The elements of a named set or map, or NULL. */
static const json_t *elements_of(const struct compiler *compiler, const char *name)
{
	const json_t *objects = json_object_get(compiler->ruleset->json, "nftables");
	const json_t *object;
	size_t i;

	json_array_foreach(objects, i, object) {
		const json_t *set = json_object_get(object, "set") ?: json_object_get(object, "map");
		const char *own = text_of(set, "name"), *table = text_of(set, "table"), *family = text_of(set, "family");

		if (own && table && family && !strcmp(own, name) && !strcmp(table, compiler->table) &&
		    !strcmp(family, compiler->family))
			return json_object_get(set, "elem") ?: compiler->nothing;
	}
	return NULL;
}

/* What a value is compared with: one thing, or a list of them. */
static size_t value_count(const json_t *value)
{
	return json_is_array(value) ? json_array_size(value) : 1;
}

static const json_t *value_at(const json_t *value, size_t i)
{
	const json_t *one = json_is_array(value) ? json_array_get(value, i) : value;
	const json_t *element = json_object_get(one, "elem");

	return element ? json_object_get(element, "val") : one;
}

/* A set's elements, whether it has a name or stands in the rule; another value as it is. NULL: an unknown set. */
static const json_t *resolve(const struct compiler *compiler, const json_t *value)
{
	const char *name = json_string_value(value);

	if (name && *name == '@')
		return elements_of(compiler, name + 1);
	return json_object_get(value, "set") ?: value;
}

static bool read_number(const json_t *value, __u32 *number)
{
	const char *text = json_string_value(value);
	const struct protoent *protocol;
	__u8 address[4];

	if (json_is_integer(value)) {
		*number = (__u32)json_integer_value(value);
		return true;
	}
	if (!text)
		return false;
	if (!address_parse(text, address)) {
		*number = ntohl(address_number(address));
		return true;
	}
	protocol = getprotobyname(text);
	if (protocol)
		*number = (__u32)protocol->p_proto;
	return protocol;
}

static bool read_span(const json_t *value, struct span *span)
{
	const json_t *prefix = json_object_get(value, "prefix"), *range = json_object_get(value, "range");
	__u32 length;

	if (range)
		return read_number(json_array_get(range, 0), &span->first) &&
		       read_number(json_array_get(range, 1), &span->last);
	if (!read_number(prefix ? json_object_get(prefix, "addr") : value, &span->first))
		return false;
	length = prefix ? (__u32)json_integer_value(json_object_get(prefix, "len")) : 32;
	span->last = length < 32 ? span->first | 0xffffffff >> length : span->first;
	return true;
}

static void take_spans(struct compiler *compiler, struct match *match, const json_t *right)
{
	size_t count = value_count(right);

	match->spans = obstack_alloc(&compiler->ruleset->memory, (int)((count + 1) * sizeof(*match->spans)));
	for (size_t i = 0; i < count; i++) {
		if (!read_span(value_at(right, i), &match->spans[match->span_count++]))
			match->field = FIELD_UNKNOWN;
	}
}

static void take_names(struct compiler *compiler, struct match *match, const json_t *right)
{
	size_t count = value_count(right);

	match->names = obstack_alloc(&compiler->ruleset->memory, (int)((count + 1) * sizeof(*match->names)));
	for (size_t i = 0; i < count; i++) {
		match->names[match->name_count] = json_string_value(value_at(right, i));
		if (!match->names[match->name_count++])
			match->field = FIELD_UNKNOWN;
	}
}

/* A comparison whose left side is the same for every packet of every class. */
static enum field constant(bool holds, bool negated)
{
	return holds != negated ? FIELD_ALWAYS : FIELD_NEVER;
}

static bool has_text(const json_t *right, const char *text, long long number)
{
	for (size_t i = 0; i < value_count(right); i++) {
		const json_t *one = value_at(right, i);

		if (json_is_integer(one) ? json_integer_value(one) == number :
					   json_string_value(one) && !strcmp(json_string_value(one), text))
			return true;
	}
	return false;
}

/* No packet that is asked about has a mark, or went through IPsec. */
static bool has_zero(const json_t *right)
{
	for (size_t i = 0; i < value_count(right); i++) {
		const json_t *one = value_at(right, i);
		struct span span;

		if (json_is_false(one) || (read_span(one, &span) && !span.first))
			return true;
	}
	return false;
}

static enum field meta_field(const char *key, const json_t *right, bool negated)
{
	static const struct {
		const char *key;
		enum field field;
	} fields[] = {
		{ "iifname", FIELD_IN },   { "iif", FIELD_IN },          { "oifname", FIELD_OUT },
		{ "oif", FIELD_OUT },	   { "l4proto", FIELD_PROTOCOL }, { "ibrname", FIELD_UNKNOWN },
		{ "obrname", FIELD_UNKNOWN }, { "iifgroup", FIELD_UNKNOWN }, { "oifgroup", FIELD_UNKNOWN },
		{ "iiftype", FIELD_UNKNOWN }, { "oiftype", FIELD_UNKNOWN }, { "iifkind", FIELD_UNKNOWN },
		{ "oifkind", FIELD_UNKNOWN },
	};

	for (size_t i = 0; i < sizeof(fields) / sizeof(*fields); i++)
		if (!strcmp(fields[i].key, key))
			return fields[i].field;
	if (!strcmp(key, "nfproto"))
		return constant(has_text(right, "ipv4", NUMBER_IPV4), negated);
	if (!strcmp(key, "protocol"))
		return constant(has_text(right, "ip", NUMBER_IP), negated);
	if (!strcmp(key, "mark") || !strcmp(key, "secpath") || !strcmp(key, "ipsec"))
		return constant(has_zero(right), negated);
	return FIELD_SOME;
}

static enum field payload_field(const json_t *payload, const json_t *right, bool negated)
{
	static const char *const others[] = { "ip6", "arp", "icmpv6" };
	const char *protocol = text_of(payload, "protocol"), *field = text_of(payload, "field");

	if (!protocol || !field)
		return FIELD_UNKNOWN;
	for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++)
		if (!strcmp(protocol, others[i]))
			return FIELD_NEVER;
	if (!strcmp(protocol, "ether"))
		return !strcmp(field, "type") ? constant(has_text(right, "ip", NUMBER_IP), negated) : FIELD_SOME;
	if (!strcmp(protocol, "vlan"))
		return FIELD_SOME;
	if (strcmp(protocol, "ip") != 0)
		return FIELD_TRANSPORT;
	if (!strcmp(field, "version"))
		return FIELD_ALWAYS;
	if (!strcmp(field, "saddr"))
		return FIELD_SRC;
	if (!strcmp(field, "daddr"))
		return FIELD_DST;
	return !strcmp(field, "protocol") ? FIELD_PROTOCOL : FIELD_SOME;
}

static enum field ct_field(const json_t *ct, const json_t *right, bool negated)
{
	const char *key = text_of(ct, "key");

	return key && !strcmp(key, "mark") ? constant(has_zero(right), negated) : FIELD_SOME;
}

static enum field left_field(const json_t *left, const json_t *right, bool negated)
{
	const json_t *masked = json_object_get(left, "&");
	const json_t *value;

	if (masked)
		left = json_array_get(masked, 0);
	if ((value = json_object_get(left, "meta")))
		return meta_field(text_of(value, "key") ?: "", right, negated);
	if ((value = json_object_get(left, "payload")))
		return masked ? FIELD_UNKNOWN : payload_field(value, right, negated);
	if ((value = json_object_get(left, "ct")))
		return ct_field(value, right, negated);
	/* Several at once, and what is of the kernel's own making. */
	return json_object_get(left, "concat") ? FIELD_UNKNOWN : FIELD_SOME;
}

static void add_match(struct compiler *compiler, const struct match *match)
{
	if (compiler->match_count < MATCHES_MAX)
		compiler->matches[compiler->match_count++] = *match;
	else
		compiler->matches[0].field = FIELD_UNKNOWN;
}

static void add_field(struct compiler *compiler, enum field field)
{
	const struct match match = { .field = field };

	add_match(compiler, &match);
}

static void compare(struct compiler *compiler, const json_t *left, const char *op, const json_t *right)
{
	struct match match = { .negated = !strcmp(op, "!=") };

	right = resolve(compiler, right);
	if (!right) {
		add_field(compiler, FIELD_UNKNOWN);
		return;
	}
	match.field = left_field(left, right, match.negated);
	switch (match.field) {
	case FIELD_SRC:
	case FIELD_DST:
	case FIELD_PROTOCOL:
		take_spans(compiler, &match, right);
		break;
	case FIELD_IN:
	case FIELD_OUT:
		take_names(compiler, &match, right);
		break;
	default:
		break;
	}
	/* Others are "<" and the like, and "in" for flags. */
	if (strcmp(op, "==") != 0 && !match.negated && match.field != FIELD_SOME && match.field != FIELD_TRANSPORT)
		match.field = FIELD_UNKNOWN;
	add_match(compiler, &match);
}

static void add_rule(struct compiler *compiler, struct chain *chain, enum ruling ruling, const char *target)
{
	struct rule *longer = realloc(chain->rules, (chain->rule_count + 1) * sizeof(*longer));
	size_t size = compiler->match_count * sizeof(*compiler->matches);

	if (!longer) {
		compiler->ruleset->failed = true;
		return;
	}
	chain->rules = longer;
	chain->rules[chain->rule_count++] = (struct rule){
		.matches = size ? obstack_copy(&compiler->ruleset->memory, compiler->matches, (int)size) : NULL,
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
		{ "accept", RULING_ACCEPT }, { "drop", RULING_DROP },	    { "reject", RULING_DROP },
		{ "return", RULING_RETURN }, { "jump", RULING_JUMP },	    { "goto", RULING_GOTO },
		{ "snat", RULING_NAT },	     { "masquerade", RULING_NAT },  { "dnat", RULING_ACCEPT },
		{ "queue", RULING_ACCEPT },  { "redirect", RULING_ACCEPT }, { "tproxy", RULING_ACCEPT },
		{ "synproxy", RULING_ACCEPT },
	};

	for (size_t i = 0; i < sizeof(rulings) / sizeof(*rulings); i++) {
		const json_t *found = json_object_get(statement, rulings[i].name);

		if (!found)
			continue;
		*target = text_of(found, "target");
		return rulings[i].ruling;
	}
	return RULING_NONE;
}

/* A match or target that iptables-nft left to xtables. What changes no packet's way is passed over. */
static enum ruling ruling_of_xt(struct compiler *compiler, const json_t *xt)
{
	static const char *const some[] = { "conntrack", "state", "tcp", "udp", "icmp", "multiport", "limit", "hashlimit",
					    "recent", "length", "statistic", "tcpmss", "owner", "pkttype", "dscp" };
	const char *type = text_of(xt, "type"), *name = text_of(xt, "name");

	if (type && name && !strcmp(type, "target")) {
		if (!strcmp(name, "MASQUERADE") || !strcmp(name, "SNAT"))
			return RULING_NAT;
		return !strcmp(name, "REJECT") ? RULING_DROP : RULING_NONE;
	}
	if (name && !strcmp(name, "comment"))
		return RULING_NONE;
	for (size_t i = 0; name && i < sizeof(some) / sizeof(*some); i++) {
		if (!strcmp(name, some[i])) {
			add_field(compiler, FIELD_SOME);
			return RULING_NONE;
		}
	}
	add_field(compiler, FIELD_UNKNOWN);
	return RULING_NONE;
}

/* A verdict map: as many rules as it has elements. */
static void compile_map(struct compiler *compiler, struct chain *chain, const json_t *map)
{
	const json_t *data = resolve(compiler, json_object_get(map, "data"));
	const json_t *key = json_object_get(map, "key");
	size_t matches = compiler->match_count;

	for (size_t i = 0; data && i < json_array_size(data); i++) {
		const json_t *pair = json_array_get(data, i), *value = json_array_get(pair, 0);
		const char *text, *target = NULL;
		enum ruling ruling = ruling_of(json_array_get(pair, 1), &target);

		value = json_object_get(value, "elem") ? json_object_get(json_object_get(value, "elem"), "val") : value;
		text = json_string_value(value);
		if (!text || strcmp(text, "*") != 0)
			compare(compiler, key, "==", value);
		add_rule(compiler, chain, ruling, target);
		compiler->match_count = matches;
	}
	if (!data) {
		add_field(compiler, FIELD_UNKNOWN);
		add_rule(compiler, chain, RULING_ACCEPT, NULL);
	}
}

static void compile_match(struct compiler *compiler, const json_t *match)
{
	compare(compiler, json_object_get(match, "left"), text_of(match, "op") ?: "", json_object_get(match, "right"));
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
			add_field(compiler, FIELD_SOME);
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
	const char *policy = text_of(object, "policy"), *type = text_of(object, "type");

	if (!longer) {
		ruleset->failed = true;
		return;
	}
	ruleset->chains = longer;
	longer[ruleset->chain_count++] = (struct chain){
		.name = { text_of(object, "family"), text_of(object, "table"), text_of(object, "name") },
		.hook = text_of(object, "hook"),
		.device = text_of(object, "dev"),
		.is_nat = type && !strcmp(type, "nat"),
		.drops = policy && !strcmp(policy, "drop"),
	};
}

static void compile_object(struct compiler *compiler, const json_t *rule)
{
	const char *name = text_of(rule, "chain");
	struct chain *chain;

	compiler->family = text_of(rule, "family");
	compiler->table = text_of(rule, "table");
	if (!name || !compiler->family || !compiler->table)
		return;
	chain = ruleset_chain(compiler->ruleset, compiler->family, compiler->table, name);
	if (chain)
		compile_rule(compiler, chain, json_object_get(rule, "expr"));
}

static bool is_complete(const json_t *chain)
{
	return text_of(chain, "family") && text_of(chain, "table") && text_of(chain, "name");
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
