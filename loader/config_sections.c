/* SPDX-License-Identifier: GPL-2.0-only */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "address.h"
#include "config_sections.h"
#include "fail.h"

#define COUNT(array) (sizeof(array) / sizeof(*(array)))
#define VALUE_MAX 256
#define WORDS_MAX 8

enum {
	GROUP_DEVICE = 1U << 30,
	GROUP_NOROUTE = 1U << 29,
};

struct config_section {
	const char *name;
	int (*begin)(struct config_reading *reading);
	int (*take)(struct config_reading *reading, const char *key, const char *value);
	int (*end)(struct config_reading *reading);
};

/* A value cut into words, as on the command line. */
struct value {
	char text[VALUE_MAX];
	char *list[WORDS_MAX + 1];
	struct words words;
};

static int split(const char *text, size_t length, struct value *value)
{
	char *state, *word;
	size_t count = 0;

	if (length >= sizeof(value->text))
		return fail("'%.60s...' is too long for a value", text);
	memcpy(value->text, text, length);
	value->text[length] = '\0';
	for (word = strtok_r(value->text, " \t", &state); word && count < WORDS_MAX;
	     word = strtok_r(NULL, " \t", &state))
		value->list[count++] = word;
	value->list[count] = NULL;
	value->words.next = value->list;
	return word ? fail("'%s': these are too many words", text) : DONE;
}

/* A key may be written without the word's underscores, and in whatever case. */
static bool is_key(const char *key, const char *word)
{
	for (;;) {
		key += strspn(key, "_");
		word += strspn(word, "_");
		if (tolower((unsigned char)*key) != tolower((unsigned char)*word))
			return false;
		if (!*word)
			return true;
		key++;
		word++;
	}
}

const char *config_key(const char *word)
{
	static const char *const keys[] = {
		"Local",     "Src",    "Rpf",        "TTL",  "TOS",    "ECN",  "PMTUDisc", "Mode",    "Plain",
		"Fragments", "Routes", "MTUExpires", "ICMP", "Remote", "Type", "Cache",    "Forward", "Spread",
	};

	for (size_t i = 0; i < COUNT(keys); i++) {
		if (is_key(keys[i], word))
			return keys[i];
	}
	return word;
}

/* Words that stand alone are one key with yes and no: `nopmtudisc` is `PMTUDisc = no`. */
static bool is_negation(const struct keyword *keyword)
{
	return !keyword->allowed && !strncmp(keyword->name, "no", 2);
}

static int take_switch(struct config_reading *reading, const struct keyword *keyword, const struct keyword *negation,
		       struct value *value, void *into)
{
	(void)reading;
	if (words_skip(&value->words, "yes"))
		return keyword->take(&value->words, keyword, into);
	if (words_skip(&value->words, "no"))
		return negation->take(&value->words, negation, into);
	return fail("'%s': allowed is yes|no", config_key(keyword->name));
}

static const struct keyword *find_negation(const struct keyword *keyword, const struct keyword *keywords, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (keywords[i].group == keyword->group && is_negation(&keywords[i]))
			return &keywords[i];
	}
	return NULL;
}

static const struct keyword *find(const char *key, const struct keyword *keywords, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (is_key(key, keywords[i].name) && !is_negation(&keywords[i]))
			return &keywords[i];
	}
	return NULL;
}

static int unknown_key(const struct config_reading *reading, const char *key, const struct keyword *keywords,
		       size_t count, const char *others)
{
	char allowed[512] = "";

	for (size_t i = 0; i < count; i++) {
		if (is_negation(&keywords[i]))
			continue;
		strncat(allowed, config_key(keywords[i].name), sizeof(allowed) - strlen(allowed) - 1);
		strncat(allowed, ", ", sizeof(allowed) - strlen(allowed) - 1);
	}
	return fail("unknown key '%s': allowed in [%s] are %s%s", key, reading->section->name, allowed, others);
}

static int give(struct config_reading *reading, unsigned int group, const char *key)
{
	if (reading->given & group)
		return fail("'%s' is given twice in this section: give it once", key);
	reading->given |= group;
	return DONE;
}

static int take_keyword(struct config_reading *reading, const struct keyword *keyword, const struct keyword *keywords,
			size_t count, const char *text, void *into)
{
	struct value value;
	int result;

	if (give(reading, keyword->group, config_key(keyword->name)) || split(text, strlen(text), &value))
		return FAILED;
	if (keyword->allowed)
		result = keyword->take(&value.words, keyword, into);
	else
		result = take_switch(reading, keyword, find_negation(keyword, keywords, count), &value, into);
	return result || words_end(&value.words) ? FAILED : DONE;
}

static int begin_attach(struct config_reading *reading)
{
	if (reading->attach)
		return fail("there is an [Attach] already: a file has one");
	reading->attach = true;
	return DONE;
}

static int take_device(struct config_reading *reading, const char *text)
{
	const char *device;
	struct value value;

	if (give(reading, GROUP_DEVICE, "Device") || split(text, strlen(text), &value) ||
	    words_device(&value.words, &device) || words_end(&value.words))
		return FAILED;
	strcpy(reading->config->device, device);
	return DONE;
}

static int take_attach(struct config_reading *reading, const char *key, const char *value)
{
	const struct keyword *keyword = find(key, attach_keywords, attach_keyword_count);

	if (is_key(key, "device"))
		return take_device(reading, value);
	if (!keyword)
		return unknown_key(reading, key, attach_keywords, attach_keyword_count, "Device");
	return take_keyword(reading, keyword, attach_keywords, attach_keyword_count, value, &reading->config->attach);
}

static int end_attach(struct config_reading *reading)
{
	(void)reading;
	return DONE;
}

struct prefix_words {
	struct options options; /* first: options_take_src */
	bool noroute;
};

static int take_noroute(struct words *words, const struct keyword *keyword, void *into)
{
	struct prefix_words *prefix = into;

	(void)words;
	(void)keyword;
	prefix->noroute = true;
	return DONE;
}

static int add_prefix(struct config_reading *reading, const struct prefix_key *key, const struct prefix_words *given)
{
	struct config *config = reading->config;
	struct config_prefix *prefix;

	if (config->prefix_count == reading->prefix_room) {
		size_t room = reading->prefix_room ? 2 * reading->prefix_room : 16;
		struct config_prefix *longer = realloc(config->prefixes, room * sizeof(*longer));

		if (!longer)
			return fail("out of memory");
		config->prefixes = longer;
		reading->prefix_room = room;
	}
	prefix = &config->prefixes[config->prefix_count++];
	*prefix = (struct config_prefix){ .key = *key, .line = reading->line, .routed = !given->noroute };
	memcpy(prefix->src, given->options.src, 4);
	return DONE;
}

static int take_prefix(struct config_reading *reading, const char *text, size_t length)
{
	static const struct keyword keywords[] = {
		{ .name = "src", .allowed = "ADDR", .group = GROUP_SRC, .take = options_take_src },
		{ .name = "noroute", .group = GROUP_NOROUTE, .take = take_noroute },
	};
	struct prefix_words given = { 0 };
	struct prefix_key key;
	struct value value;
	unsigned int groups;

	if (split(text, length, &value))
		return FAILED;
	if (!*value.words.next)
		return fail("a prefix is missing: write 'Prefixes = 192.168.1.0/24, 192.168.2.0/24'");
	if (words_prefix(&value.words, "the prefix", &key) ||
	    words_keywords(&value.words, keywords, COUNT(keywords), &given, &groups))
		return FAILED;
	return add_prefix(reading, &key, &given);
}

static int take_prefixes(struct config_reading *reading, const char *text)
{
	size_t length = strcspn(text, ",");

	while (text[length]) {
		if (take_prefix(reading, text, length))
			return FAILED;
		text += length + 1;
		length = strcspn(text, ",");
	}
	return take_prefix(reading, text, length);
}

static int begin_peer(struct config_reading *reading)
{
	memset(&reading->peer, 0, sizeof(reading->peer));
	return DONE;
}

static int take_peer(struct config_reading *reading, const char *key, const char *value)
{
	const struct keyword *keyword = find(key, peer_keywords, peer_option_count);

	if (is_key(key, "prefixes"))
		return take_prefixes(reading, value);
	if (!keyword)
		return unknown_key(reading, key, peer_keywords, peer_option_count, "Prefixes");
	return take_keyword(reading, keyword, peer_keywords, peer_option_count, value, &reading->peer);
}

static int check_peer(const struct config_reading *reading)
{
	if (!(reading->given & PEER_GROUP_REMOTE))
		return fail("this [Peer] has no Remote: say 'Remote = ADDR' or 'Remote = any'");
	if (reading->given & GROUP_SRC && address_is_zero(reading->peer.remote))
		return fail("Src is of kernel routes, and the peer 'any' has none: leave it out");
	return DONE;
}

static int add_peer(struct config_reading *reading)
{
	struct config *config = reading->config;
	struct config_peer *peer;

	if (config->peer_count == reading->peer_room) {
		size_t room = reading->peer_room ? 2 * reading->peer_room : 16;
		struct config_peer *longer = realloc(config->peers, room * sizeof(*longer));

		if (!longer)
			return fail("out of memory");
		config->peers = longer;
		reading->peer_room = room;
	}
	peer = &config->peers[config->peer_count++];
	*peer = (struct config_peer){ .line = reading->section_line };
	memcpy(peer->remote, reading->peer.remote, 4);
	if (address_is_zero(peer->remote))
		peer->peer.rpf = RPF_LOOSE;
	options_apply_peer(&reading->peer.options.peer, &peer->peer);
	memcpy(peer->src, reading->peer.options.src, 4);
	return DONE;
}

/* A prefix that no kernel route leads to has no use for words about it. */
static int give_owner(struct config_reading *reading, const __u8 *remote)
{
	struct config *config = reading->config;

	for (size_t i = reading->prefix_first; i < config->prefix_count; i++) {
		struct config_prefix *prefix = &config->prefixes[i];

		prefix->bare = !remote;
		fail_at(reading->name, prefix->line);
		if (remote && words_check_owned(&prefix->key))
			return FAILED;
		if (remote)
			memcpy(prefix->remote, remote, 4);
		if (remote && !address_is_zero(remote))
			continue;
		if (!prefix->routed || !address_is_zero(prefix->src))
			return fail("'src' and 'noroute' are of kernel routes, and prefixes that are bare or of the "
				    "peer 'any' have none: leave them out");
		prefix->routed = false;
	}
	return DONE;
}

static int end_peer(struct config_reading *reading)
{
	fail_at(reading->name, reading->section_line);
	return check_peer(reading) || add_peer(reading) || give_owner(reading, reading->peer.remote) ? FAILED : DONE;
}

static int begin_bare(struct config_reading *reading)
{
	(void)reading;
	return DONE;
}

static int take_bare(struct config_reading *reading, const char *key, const char *value)
{
	if (is_key(key, "prefixes"))
		return take_prefixes(reading, value);
	return unknown_key(reading, key, NULL, 0, "Prefixes");
}

static int end_bare(struct config_reading *reading)
{
	return give_owner(reading, NULL);
}

static const struct config_section sections[] = {
	{ "Attach", begin_attach, take_attach, end_attach },
	{ "Peer", begin_peer, take_peer, end_peer },
	{ "Bare", begin_bare, take_bare, end_bare },
};

int config_section_end(struct config_reading *reading)
{
	return reading->section ? reading->section->end(reading) : DONE;
}

int config_section_begin(struct config_reading *reading, const char *name)
{
	if (config_section_end(reading))
		return FAILED;
	fail_at(reading->name, reading->line);
	reading->section = NULL;
	reading->section_line = reading->line;
	reading->given = 0;
	reading->prefix_first = reading->config->prefix_count;
	for (size_t i = 0; i < COUNT(sections); i++) {
		if (!strcasecmp(name, sections[i].name)) {
			reading->section = &sections[i];
			return reading->section->begin(reading);
		}
	}
	return fail("unknown section '[%s]': allowed are [Attach], [Peer] and [Bare]", name);
}

int config_section_take(struct config_reading *reading, const char *key, const char *value)
{
	if (!reading->section)
		return fail("'%s' stands in no section: begin with [Attach]", key);
	return reading->section->take(reading, key, value);
}
