/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Fuzzes the parsers of the commands' words. The first byte chooses the command, the lines behind it are its words.
 * What parses holds what its words say, and parses to the same when it is written as words again. What does not parse
 * has said so in one line.
 */
#include <arpa/inet.h>
#include <assert.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "address.h"
#include "commands.h"
#include "fail.h"
#include "messages.h"
#include "peers.h"

/* Words in memory of their own each, so that reading past one is seen. */
struct line {
	char **words;
	size_t count;
};

static void line_add(struct line *line, const char *start, size_t length)
{
	line->words = realloc(line->words, (line->count + 2) * sizeof(*line->words));
	assert(line->words);
	line->words[line->count++] = strndup(start, length);
	line->words[line->count] = NULL;
}

__attribute__((format(printf, 2, 3))) static void line_say(struct line *line, const char *format, ...)
{
	va_list arguments;
	char word[64];

	va_start(arguments, format);
	vsnprintf(word, sizeof(word), format, arguments);
	va_end(arguments);
	line_add(line, word, strlen(word));
}

static void line_free(struct line *line)
{
	for (size_t i = 0; i < line->count; i++)
		free(line->words[i]);
	free(line->words);
}

static struct line line_split(const char *data, size_t size)
{
	struct line line = { .words = calloc(1, sizeof(*line.words)) };

	while (size) {
		const char *end = memchr(data, '\n', size);
		size_t length = end ? (size_t)(end - data) : size;

		line_add(&line, data, length);
		data += length + !!end;
		size -= length + !!end;
	}
	return line;
}

static const char *const rpf_names[] = { "strict", "loose", "off" };
static const char *const ecn_names[] = { "normal", "compat" };

static void say_address(struct line *line, const char *keyword, const __u8 address[4])
{
	char text[ADDRESS_TEXT];

	if (address_is_zero(address))
		return;
	line_say(line, "%s", keyword);
	line_say(line, "%s", address_format(address, text));
}

static void say_choice(struct line *line, const char *keyword, const char *const *names, __u8 choice)
{
	if (!choice)
		return;
	line_say(line, "%s", keyword);
	line_say(line, "%s", names[choice - 1]);
}

static void say_field(struct line *line, const char *keyword, __u8 mode, const char *format, __u8 value)
{
	char text[8];

	if (!mode)
		return;
	line_say(line, "%s", keyword);
	snprintf(text, sizeof(text), format, value);
	line_say(line, "%s", mode == FIELD_INHERIT ? "inherit" : text);
}

static void say_number(struct line *line, const char *keyword, __u32 given, __u32 offset)
{
	if (!given)
		return;
	line_say(line, "%s", keyword);
	line_say(line, "%u", given - offset);
}

static void say_options(struct line *line, const struct options *options)
{
	const struct peer *peer = &options->peer;

	say_address(line, "local", peer->local);
	say_address(line, "src", options->src);
	say_choice(line, "rpf", rpf_names, peer->rpf);
	if (peer->monitor == SWITCH_ON)
		line_say(line, "monitor");
	say_field(line, "ttl", peer->ttl_mode, "%u", peer->ttl);
	say_field(line, "tos", peer->tos_mode, "0x%02X", peer->tos);
	say_choice(line, "ecn", ecn_names, peer->ecn);
	if (peer->df)
		line_say(line, peer->df == DF_PMTUDISC ? "pmtudisc" : "nopmtudisc");
}

static void say_remote(struct line *line, const __u8 remote[4])
{
	char text[ADDRESS_TEXT];

	line_say(line, "remote");
	line_say(line, "%s", address_is_zero(remote) ? "any" : address_format(remote, text));
}

/* No value is spelled like a keyword, so a keyword is wherever its name is. */
static size_t count_of(char *const *words, const char *name)
{
	size_t count = 0;

	for (; *words; words++)
		count += !strcmp(*words, name);
	return count;
}

/* What stands behind a keyword; NULL if it is not given. */
static const char *value_of(char *const *words, const char *name)
{
	for (; *words; words++) {
		if (!strcmp(*words, name))
			return words[1];
	}
	return NULL;
}

/* Only `prefix` may be given twice; some keywords exclude each other. */
static void check_groups(char *const *words)
{
	static const char *const groups[][2] = {
		{ "local" },  { "src" },   { "rpf" },       { "ttl" },    { "tos" },          { "pmtudisc", "nopmtudisc" },
		{ "mode" },   { "plain" }, { "fragments" }, { "routes" }, { "remote", "bare" }, { "type" },
		{ "monitor" }, { "ecn" },  { "mtu_expires" }, { "icmp" }, { "forward" },     { "spread" },
	};

	for (size_t i = 0; i < sizeof(groups) / sizeof(*groups); i++)
		assert(count_of(words, groups[i][0]) + (groups[i][1] ? count_of(words, groups[i][1]) : 0) <= 1);
}

static void check_address(char *const *words, const char *name, const __u8 address[4])
{
	const char *value = value_of(words, name);
	struct in_addr expected = { 0 };

	assert(!value || !strcmp(value, "any") || inet_pton(AF_INET, value, &expected) == 1);
	assert(!memcmp(address, &expected, 4));
}

static void check_field(char *const *words, const char *name, __u8 mode, __u8 number)
{
	const char *value = value_of(words, name);
	bool inherits = value && !strcmp(value, "inherit");

	assert(mode == (!value ? 0 : inherits ? FIELD_INHERIT : FIELD_FIXED));
	assert(number == (mode == FIELD_FIXED ? strtoul(value, NULL, strncmp(value, "0x", 2) ? 10 : 16) : 0));
}

static void check_choice(char *const *words, const char *name, const char *const *names, __u8 choice)
{
	const char *value = value_of(words, name);

	assert(!value == !choice);
	assert(!value || !strcmp(value, names[choice - 1]));
}

/* `given`: 0 if it is not given, else its value, to which `offset` was added. */
static void check_number(char *const *words, const char *name, __u32 given, __u32 offset, __u32 least, __u32 most)
{
	const char *value = value_of(words, name);
	unsigned long number = value ? strtoul(value, NULL, strncmp(value, "0x", 2) ? 10 : 16) : 0;

	assert(given == (value ? number + offset : 0));
	assert(!value || (number >= least && number <= most));
}

/* The options hold what the words behind the fixed ones say, and make an entry that the dataplane takes. */
static void check_options(char *const *words, const struct options *options)
{
	const struct peer *peer = &options->peer;

	check_groups(words);
	check_address(words, "local", peer->local);
	check_address(words, "src", options->src);
	check_field(words, "ttl", peer->ttl_mode, peer->ttl);
	check_field(words, "tos", peer->tos_mode, peer->tos);
	check_choice(words, "rpf", rpf_names, peer->rpf);
	check_choice(words, "ecn", ecn_names, peer->ecn);
	assert(peer->df == (count_of(words, "pmtudisc") ? DF_PMTUDISC : count_of(words, "nopmtudisc") ? DF_NOPMTUDISC : 0));
	assert((peer->monitor == SWITCH_ON) == count_of(words, "monitor"));
	assert(peer_is_valid(&options->peer));
	assert(address_is_zero(options->peer.local) || address_is_unicast(options->peer.local));
	assert(address_is_zero(options->src) || address_is_unicast(options->src));
	assert(!options->peer.rpf == !options->peer.monitor);
}

static bool same_options(const struct options *a, const struct options *b)
{
	return !memcmp(&a->peer, &b->peer, sizeof(a->peer)) && !memcmp(a->src, b->src, 4);
}

static int parse_attach(struct words *words, struct line *again)
{
	static const char *const modes[] = { "auto", "native", "skb", "tc" };
	static const char *const plain[] = { "drop", "pass" }, *const fragments[] = { "drop", "stack" };
	static const char *const switches[] = { "on", "off" };
	char *const *behind = words->next + 1;
	struct attach_request request, same;
	struct words reread;
	int result = attach_parse(words, &request);

	if (result)
		return result;
	check_options(behind, &request.options);
	check_choice(behind, "mode", modes, request.mode);
	check_choice(behind, "plain", plain, request.plain);
	check_choice(behind, "fragments", fragments, request.fragments);
	check_choice(behind, "routes", switches, request.routes);
	check_choice(behind, "forward", switches, request.forward);
	check_choice(behind, "spread", switches, request.spread);
	check_number(behind, "mtu_expires", request.mtu_expires, 0, 1, 86400);
	check_number(behind, "icmp", request.icmp_rate, 1, 0, 65535);
	line_say(again, "%s", request.device);
	say_number(again, "icmp", request.icmp_rate, 1);
	say_number(again, "mtu_expires", request.mtu_expires, 0);
	say_choice(again, "spread", switches, request.spread);
	say_choice(again, "forward", switches, request.forward);
	say_choice(again, "routes", switches, request.routes);
	say_choice(again, "fragments", fragments, request.fragments);
	say_choice(again, "plain", plain, request.plain);
	say_choice(again, "mode", modes, request.mode);
	say_options(again, &request.options);
	reread.next = again->words;
	assert(!attach_parse(&reread, &same));
	assert(same_options(&request.options, &same.options) && !strcmp(request.device, same.device));
	assert(request.mode == same.mode && request.plain == same.plain && request.fragments == same.fragments &&
	       request.routes == same.routes && request.mtu_expires == same.mtu_expires &&
	       request.icmp_rate == same.icmp_rate && request.forward == same.forward &&
	       request.spread == same.spread);
	return DONE;
}

static void check_prefixes(const struct peer_request *request)
{
	for (size_t i = 0; i < request->prefix_count; i++) {
		const struct prefix_key *prefix = &request->prefixes[i];
		const struct prefix_key right = prefix_of(prefix->addr, prefix->prefixlen);

		assert(prefix->prefixlen <= 32 && !memcmp(prefix, &right, sizeof(right)));
		assert(!i || prefix_compare(prefix - 1, prefix) < 0);
		assert(!prefix_is_nobodys(prefix));
	}
}

static void check_same_peer(struct line *again, int (*parse)(struct words *words, struct peer_request *request),
			    const struct peer_request *request)
{
	struct words reread = { .next = again->words };
	struct peer_request same;

	assert(!parse(&reread, &same));
	assert(same_options(&request->options, &same.options) && !strcmp(request->device, same.device));
	assert(!memcmp(request->remote, same.remote, 4) && request->prefix_count == same.prefix_count);
	assert(!request->prefix_count ||
	       !memcmp(request->prefixes, same.prefixes, request->prefix_count * sizeof(*same.prefixes)));
	peer_request_free(&same);
}

static int parse_peer(struct words *words, struct line *again,
		      int (*parse)(struct words *words, struct peer_request *request))
{
	char *const *behind = words->next + 1;
	struct peer_request request;
	char text[PREFIX_TEXT];
	int result = parse(words, &request);

	if (!result) {
		check_options(behind, &request.options);
		check_address(behind, "remote", request.remote);
		check_prefixes(&request);
		assert(request.prefix_count == count_of(behind, "prefix"));
		line_say(again, "%s", request.device);
		for (size_t i = request.prefix_count; i; i--) {
			line_say(again, "prefix");
			line_say(again, "%s", prefix_format(&request.prefixes[i - 1], text));
		}
		say_options(again, &request.options);
		say_remote(again, request.remote);
		check_same_peer(again, parse, &request);
	}
	peer_request_free(&request);
	return result;
}

static int parse_prefix(struct words *words, struct line *again)
{
	char *const *behind = words->next + 1;
	struct prefix_request request, same;
	struct words reread;
	char text[PREFIX_TEXT];
	int result = prefix_parse_request(words, &request);

	if (result)
		return result;
	check_options(behind + 1, &request.options);
	check_address(behind + 1, "remote", request.remote);
	assert(request.bare == count_of(behind + 1, "bare"));
	assert(request.bare || !prefix_is_nobodys(&request.prefix));
	line_say(again, "%s", request.device);
	line_say(again, "%s", prefix_format(&request.prefix, text));
	say_address(again, "src", request.options.src);
	if (request.bare)
		line_say(again, "bare");
	else
		say_remote(again, request.remote);
	reread.next = again->words;
	assert(!prefix_parse_request(&reread, &same));
	assert(same_options(&request.options, &same.options) && !strcmp(request.device, same.device));
	assert(!memcmp(&request.prefix, &same.prefix, sizeof(same.prefix)) && request.bare == same.bare &&
	       !memcmp(request.remote, same.remote, 4));
	return DONE;
}

static int parse(uint8_t command, struct words *words, struct line *again)
{
	switch (command % 4) {
	case 0:
		return parse_attach(words, again);
	case 1:
		return parse_peer(words, again, peer_parse);
	case 2:
		return parse_peer(words, again, peer_parse_del);
	default:
		return parse_prefix(words, again);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct line line, again = { 0 };
	struct words words;
	int result;

	if (!size)
		return 0;
	line = line_split((const char *)data + 1, size - 1);
	words.next = line.words;
	messages_said = 0;
	result = parse(data[0], &words, &again);
	assert(result == DONE || result == WRONG_WORDS);
	assert(messages_said == (result == DONE ? 0 : 1));
	line_free(&line);
	line_free(&again);
	return 0;
}
