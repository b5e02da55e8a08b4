/* SPDX-License-Identifier: GPL-2.0-only */
/* The commands `prefix add`, `prefix replace` and `prefix del`. */
#include <string.h>

#include "address.h"
#include "change.h"
#include "commands.h"
#include "fail.h"
#include "owner.h"

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

enum {
	GROUP_OWNER = GROUP_COMMAND,
};

static int take_remote(struct words *words, const struct keyword *keyword, void *into)
{
	struct prefix_request *request = into;

	return words_remote(words, keyword, request->remote);
}

static int take_bare(struct words *words, const struct keyword *keyword, void *into)
{
	struct prefix_request *request = into;

	(void)words;
	(void)keyword;
	request->bare = true;
	return DONE;
}

static int parse_place(struct words *words, struct prefix_request *request)
{
	int result;

	memset(request, 0, sizeof(*request));
	result = words_device(words, &request->device);
	return result ? result : words_prefix(words, "the prefix", &request->prefix);
}

int prefix_parse_request(struct words *words, struct prefix_request *request)
{
	static const struct keyword keywords[] = {
		{ .name = "remote", .allowed = "ADDR|any", .group = GROUP_OWNER, .take = take_remote },
		{ .name = "bare", .group = GROUP_OWNER, .take = take_bare },
		{ .name = "src", .allowed = "ADDR", .group = GROUP_SRC, .take = options_take_src },
	};
	unsigned int given;
	int result = parse_place(words, request);

	if (!result)
		result = words_keywords(words, keywords, COUNT(keywords), request, &given);
	if (result)
		return result;
	if (!(given & GROUP_OWNER))
		return wrong("the prefix's owner is missing: 'remote ADDR', 'remote any' or 'bare'");
	if (!request->bare && words_check_owned(&request->prefix))
		return WRONG_WORDS;
	if (given & GROUP_SRC && address_is_zero(request->remote))
		return wrong("'src' is of kernel routes, and prefixes that are bare or of the peer 'any' have none: "
			     "leave it out");
	return DONE;
}

static int parse_del(struct words *words, struct prefix_request *request)
{
	int result = parse_place(words, request);

	return result ? result : words_end(words);
}

static int check_peer(const struct change *change, const struct prefix_request *request)
{
	const char *device = change->attachment->name.device;
	char name[ADDRESS_TEXT];

	if (request->bare || peers_find(&change->peers, request->remote))
		return DONE;
	return fail("%s has no peer %s: '%s peer add %s remote %s' first", device, peer_name(request->remote, name),
		    session_program(change->session), device, name);
}

static struct prefix_wish wish_of(const struct prefix_request *request)
{
	struct prefix_wish wish = { .key = request->prefix, .present = true, .prefix.bare = request->bare };

	memcpy(wish.prefix.remote, request->remote, 4);
	memcpy(wish.record.src, request->options.src, 4);
	wish.routed = prefix_is_routable(&wish.prefix);
	return wish;
}

static int replace(struct change *change, const void *argument)
{
	const struct prefix_request *request = argument;
	const struct prefix_wish wish = wish_of(request);

	return check_peer(change, request) || change_wish_prefix(change, &wish) ? FAILED : DONE;
}

static int add(struct change *change, const void *argument)
{
	const struct prefix_request *request = argument;
	const struct prefix_wish wish = wish_of(request);
	char prefix[PREFIX_TEXT], owner[OWNER_TEXT];

	if (owner_check(&change->prefixes, &wish))
		return FAILED;
	if (prefixes_find(&change->prefixes, &wish.key))
		return fail("prefix %s is there already, %s: 'prefix replace' writes it anew",
			    prefix_format(&wish.key, prefix), owner_name(&wish.prefix, owner));
	return replace(change, request);
}

static int del(struct change *change, const void *argument)
{
	const struct prefix_request *request = argument;
	const struct prefix_wish wish = { .key = request->prefix };
	const char *device = change->attachment->name.device;
	char prefix[PREFIX_TEXT];

	if (!prefixes_find(&change->prefixes, &request->prefix))
		return fail("%s has no prefix %s: '%s show %s' lists them", device,
			    prefix_format(&request->prefix, prefix), session_program(change->session), device);
	return change_wish_prefix(change, &wish);
}

static int run(struct session *session, struct words *words,
	       int (*read)(struct words *words, struct prefix_request *request), change_wishes wish)
{
	struct prefix_request request;
	int result = read(words, &request);

	return result ? result : change_run(session, request.device, wish, &request);
}

int prefix_add_run(struct session *session, struct words *words)
{
	return run(session, words, prefix_parse_request, add);
}

int prefix_replace_run(struct session *session, struct words *words)
{
	return run(session, words, prefix_parse_request, replace);
}

int prefix_del_run(struct session *session, struct words *words)
{
	return run(session, words, parse_del, del);
}
