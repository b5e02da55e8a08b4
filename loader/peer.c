/* SPDX-License-Identifier: GPL-2.0-only */
/* The commands `peer add`, `peer set` and `peer del`. */
#include <stdlib.h>
#include <string.h>

#include "address.h"
#include "change.h"
#include "commands.h"
#include "fail.h"
#include "owner.h"

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

enum {
	GROUP_REMOTE = PEER_GROUP_REMOTE,
	GROUP_TYPE = GROUP_COMMAND << 1,
	GROUP_PREFIX = GROUP_COMMAND << 2,
};

static int take_remote(struct words *words, const struct keyword *keyword, void *into)
{
	struct peer_request *request = into;

	return words_remote(words, keyword, request->remote);
}

static int take_type(struct words *words, const struct keyword *keyword, void *into)
{
	static const char *const names[] = { "ipip" };
	__u8 choice;

	(void)into;
	return words_choice(words, keyword, names, COUNT(names), &choice);
}

static int take_prefix(struct words *words, const struct keyword *keyword, void *into)
{
	struct peer_request *request = into;
	struct prefix_key *longer;
	int result;

	if (!*words->next)
		return wrong("'%s' needs a value: %s", keyword->name, keyword->allowed);
	longer = realloc(request->prefixes, (request->prefix_count + 1) * sizeof(*longer));
	if (!longer)
		return fail("out of memory");
	request->prefixes = longer;
	result = words_prefix(words, keyword->name, &longer[request->prefix_count]);
	return result ? result : words_check_owned(&longer[request->prefix_count++]);
}

static int compare(const void *a, const void *b)
{
	return prefix_compare(a, b);
}

static int sort_prefixes(struct peer_request *request)
{
	char text[PREFIX_TEXT];

	if (request->prefix_count)
		qsort(request->prefixes, request->prefix_count, sizeof(*request->prefixes), compare);
	for (size_t i = 1; i < request->prefix_count; i++) {
		if (!prefix_compare(&request->prefixes[i - 1], &request->prefixes[i]))
			return wrong("'prefix %s' is given twice: give it once",
				     prefix_format(&request->prefixes[i], text));
	}
	return DONE;
}

static int parse(struct words *words, const struct keyword *keywords, size_t count, struct peer_request *request)
{
	unsigned int given;
	int result;

	memset(request, 0, sizeof(*request));
	result = words_device(words, &request->device);
	if (!result)
		result = words_keywords(words, keywords, count, request, &given);
	if (result)
		return result;
	if (!(given & GROUP_REMOTE))
		return wrong("the peer is missing: 'remote ADDR' or 'remote any'");
	if (given & GROUP_SRC && address_is_zero(request->remote))
		return wrong("'src' is of kernel routes, and the peer 'any' has none: leave it out");
	return sort_prefixes(request);
}

const struct keyword peer_keywords[] = {
	{ .name = "remote", .allowed = "ADDR|any", .group = GROUP_REMOTE, .take = take_remote },
	{ .name = "type", .allowed = "ipip", .group = GROUP_TYPE, .take = take_type },
	OPTIONS_KEYWORDS,
	{ .name = "prefix", .allowed = "PREFIX", .group = GROUP_PREFIX, .repeats = true, .take = take_prefix },
};
const size_t peer_option_count = COUNT(peer_keywords) - 1;

int peer_parse(struct words *words, struct peer_request *request)
{
	return parse(words, peer_keywords, COUNT(peer_keywords), request);
}

int peer_parse_del(struct words *words, struct peer_request *request)
{
	static const struct keyword keywords[] = {
		{ .name = "remote", .allowed = "ADDR|any", .group = GROUP_REMOTE, .take = take_remote },
	};

	return parse(words, keywords, COUNT(keywords), request);
}

void peer_request_free(struct peer_request *request)
{
	free(request->prefixes);
	request->prefixes = NULL;
	request->prefix_count = 0;
}

/* Lays what was given over the peer, and wishes for that. */
static int wish_peer(struct change *change, const struct peer_request *request, struct peer_wish *wish)
{
	char name[ADDRESS_TEXT];
	struct peer effective;

	wish->present = true;
	memcpy(wish->key.remote, request->remote, 4);
	options_apply_peer(&request->options.peer, &wish->peer);
	if (!address_is_zero(request->options.src))
		memcpy(wish->src, request->options.src, 4);
	effective = options_effective(&wish->peer, &change->attachment->meta);
	if (options_contradict(&effective))
		return fail("peer %s would have a fixed ttl with nopmtudisc, which hides loops: use 'ttl inherit' or "
			    "'pmtudisc'",
			    peer_name(request->remote, name));
	return change_wish_peer(change, wish);
}

static int wish_listed(struct change *change, const struct peer_request *request)
{
	for (size_t i = 0; i < request->prefix_count; i++) {
		struct prefix_wish wish = { .key = request->prefixes[i], .present = true };
		const struct route_entry *route = route_records_find(&change->records, &wish.key);

		memcpy(wish.prefix.remote, request->remote, 4);
		wish.routed = prefix_is_routable(&wish.prefix);
		if (route)
			wish.record = route->record;
		if (owner_check(&change->prefixes, &wish) || change_wish_prefix(change, &wish))
			return FAILED;
	}
	return DONE;
}

static bool is_listed(const struct peer_request *request, const struct prefix_key *key)
{
	return request->prefix_count && bsearch(key, request->prefixes, request->prefix_count, sizeof(*key), compare);
}

/* Wishes away the peer's prefixes that are not in the list. */
static int unwish_others(struct change *change, const struct peer_request *request)
{
	for (size_t i = 0; i < change->prefixes.count; i++) {
		const struct prefix_entry *entry = &change->prefixes.list[i];
		const struct prefix_wish wish = { .key = entry->key };

		if (prefix_belongs_to(&entry->prefix, request->remote) && !is_listed(request, &entry->key) &&
		    change_wish_prefix(change, &wish))
			return FAILED;
	}
	return DONE;
}

static int add(struct change *change, const void *argument)
{
	const struct peer_request *request = argument;
	const char *device = change->attachment->name.device;
	struct peer_wish wish = { 0 };
	char name[ADDRESS_TEXT];

	if (peers_find(&change->peers, request->remote))
		return fail("%s has a peer %s already: '%s peer set %s remote %s ...' changes it", device,
			    peer_name(request->remote, name), session_program(change->session), device, name);
	if (address_is_zero(request->remote))
		wish.peer.rpf = RPF_LOOSE;
	return wish_peer(change, request, &wish) || wish_listed(change, request) ? FAILED : DONE;
}

static int no_such_peer(const struct change *change, const struct peer_request *request)
{
	const char *device = change->attachment->name.device;
	char name[ADDRESS_TEXT];

	return fail("%s has no peer %s: '%s peer add %s remote %s ...' makes one", device,
		    peer_name(request->remote, name), session_program(change->session), device, name);
}

static int set(struct change *change, const void *argument)
{
	const struct peer_request *request = argument;
	const struct peer_entry *entry = peers_find(&change->peers, request->remote);
	struct peer_wish wish = { 0 };

	if (!entry)
		return no_such_peer(change, request);
	/* An entry that the dataplane refuses is written anew. */
	if (peer_is_valid(&entry->peer))
		wish.peer = entry->peer;
	peer_src_read(change->attachment->maps.peer_src, request->remote, wish.src);
	if (wish_peer(change, request, &wish))
		return FAILED;
	if (!request->prefix_count)
		return change_wish_routes(change, request->remote);
	return wish_listed(change, request) || unwish_others(change, request) ? FAILED : DONE;
}

static int del(struct change *change, const void *argument)
{
	const struct peer_request *request = argument;
	struct peer_wish wish = { 0 };

	if (!peers_find(&change->peers, request->remote))
		return no_such_peer(change, request);
	memcpy(wish.key.remote, request->remote, 4);
	return change_wish_peer(change, &wish) || unwish_others(change, request) ? FAILED : DONE;
}

static int run(struct session *session, struct words *words,
	       int (*read)(struct words *words, struct peer_request *request), change_wishes wish)
{
	struct peer_request request;
	int result = read(words, &request);

	if (!result)
		result = change_run(session, request.device, wish, &request);
	peer_request_free(&request);
	return result;
}

int peer_add_run(struct session *session, struct words *words)
{
	return run(session, words, peer_parse, add);
}

int peer_set_run(struct session *session, struct words *words)
{
	return run(session, words, peer_parse, set);
}

int peer_del_run(struct session *session, struct words *words)
{
	return run(session, words, peer_parse_del, del);
}
