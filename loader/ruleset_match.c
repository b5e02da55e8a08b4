/* SPDX-License-Identifier: GPL-2.0-only */
#include <netdb.h>
#include <netinet/in.h>
#include <string.h>

#include "address.h"
#include "ruleset_match.h"

/* How nft may write these in numbers. */
#define NUMBER_IPV4 2
#define NUMBER_IP 0x0800

const char *ruleset_text(const json_t *object, const char *key)
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
		const char *own = ruleset_text(set, "name"), *table = ruleset_text(set, "table"),
			   *family = ruleset_text(set, "family");

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

const json_t *ruleset_resolve(const struct compiler *compiler, const json_t *value)
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

	match->spans = ruleset_allocate(compiler->ruleset, count * sizeof(*match->spans));
	for (size_t i = 0; match->spans && i < count; i++) {
		if (!read_span(value_at(right, i), &match->spans[match->span_count++]))
			match->field = FIELD_UNKNOWN;
	}
}

static void take_names(struct compiler *compiler, struct match *match, const json_t *right)
{
	size_t count = value_count(right);

	match->names = ruleset_allocate(compiler->ruleset, count * sizeof(*match->names));
	for (size_t i = 0; match->names && i < count; i++) {
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

		if (json_is_integer(one) ? json_integer_value(one) == number
					 : json_string_value(one) && !strcmp(json_string_value(one), text))
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
		{ "iifname", FIELD_IN },      { "iif", FIELD_IN },           { "oifname", FIELD_OUT },
		{ "oif", FIELD_OUT },         { "l4proto", FIELD_PROTOCOL }, { "ibrname", FIELD_UNKNOWN },
		{ "obrname", FIELD_UNKNOWN }, { "iifgroup", FIELD_UNKNOWN }, { "oifgroup", FIELD_UNKNOWN },
		{ "iiftype", FIELD_UNKNOWN }, { "oiftype", FIELD_UNKNOWN },  { "iifkind", FIELD_UNKNOWN },
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
	const char *protocol = ruleset_text(payload, "protocol"), *field = ruleset_text(payload, "field");

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
	const char *key = ruleset_text(ct, "key");

	return key && !strcmp(key, "mark") ? constant(has_zero(right), negated) : FIELD_SOME;
}

static enum field left_field(const json_t *left, const json_t *right, bool negated)
{
	const json_t *masked = json_object_get(left, "&");
	const json_t *value;

	if (masked)
		left = json_array_get(masked, 0);
	if ((value = json_object_get(left, "meta")))
		return meta_field(ruleset_text(value, "key") ?: "", right, negated);
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

void ruleset_add_field(struct compiler *compiler, enum field field)
{
	const struct match match = { .field = field };

	add_match(compiler, &match);
}

void ruleset_compare(struct compiler *compiler, const json_t *left, const char *op, const json_t *right)
{
	struct match match = { .negated = !strcmp(op, "!=") };

	right = ruleset_resolve(compiler, right);
	if (!right) {
		ruleset_add_field(compiler, FIELD_UNKNOWN);
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
