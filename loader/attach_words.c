/* SPDX-License-Identifier: GPL-2.0-only */
/* The words of the command `attach`. */
#include <string.h>

#include "commands.h"

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

enum {
	GROUP_MODE = GROUP_COMMAND,
	GROUP_PLAIN = GROUP_COMMAND << 1,
	GROUP_FRAGMENTS = GROUP_COMMAND << 2,
	GROUP_ROUTES = GROUP_COMMAND << 3,
	GROUP_MTU_EXPIRES = GROUP_COMMAND << 4,
	GROUP_ICMP = GROUP_COMMAND << 5,
	GROUP_CACHE = GROUP_COMMAND << 6,
	GROUP_FORWARD = GROUP_COMMAND << 7,
	GROUP_SPREAD = GROUP_COMMAND << 8,
};

static int take_mode(struct words *words, const struct keyword *keyword, void *into)
{
	static const char *const names[] = { "auto", "native", "skb", "tc" };
	struct attach_request *request = into;

	return words_choice(words, keyword, names, COUNT(names), &request->mode);
}

static int take_plain(struct words *words, const struct keyword *keyword, void *into)
{
	static const char *const names[] = { "drop", "pass" };
	struct attach_request *request = into;

	return words_choice(words, keyword, names, COUNT(names), &request->plain);
}

static int take_fragments(struct words *words, const struct keyword *keyword, void *into)
{
	static const char *const names[] = { "drop", "stack" };
	struct attach_request *request = into;

	return words_choice(words, keyword, names, COUNT(names), &request->fragments);
}

static int take_switch(struct words *words, const struct keyword *keyword, __u8 *into)
{
	static const char *const names[] = { "on", "off" };

	return words_choice(words, keyword, names, COUNT(names), into);
}

static int take_routes(struct words *words, const struct keyword *keyword, void *into)
{
	struct attach_request *request = into;

	return take_switch(words, keyword, &request->routes);
}

static int take_forward(struct words *words, const struct keyword *keyword, void *into)
{
	struct attach_request *request = into;

	return take_switch(words, keyword, &request->forward);
}

static int take_spread(struct words *words, const struct keyword *keyword, void *into)
{
	struct attach_request *request = into;

	return take_switch(words, keyword, &request->spread);
}

static int take_mtu_expires(struct words *words, const struct keyword *keyword, void *into)
{
	struct attach_request *request = into;

	return words_number(words, keyword, 1, 86400, &request->mtu_expires);
}

static int take_icmp(struct words *words, const struct keyword *keyword, void *into)
{
	struct attach_request *request = into;
	__u32 rate;
	int result = words_number(words, keyword, 0, 65535, &rate);

	if (!result)
		request->icmp_rate = rate + 1;
	return result;
}

static int take_cache(struct words *words, const struct keyword *keyword, void *into)
{
	struct attach_request *request = into;
	__u32 milliseconds;
	int result = words_number(words, keyword, 0, 60000, &milliseconds);

	if (!result)
		request->cache = milliseconds + 1;
	return result;
}

const struct keyword attach_keywords[] = {
	OPTIONS_KEYWORDS,
	{ .name = "mode", .allowed = "auto|native|skb|tc", .group = GROUP_MODE, .take = take_mode },
	{ .name = "plain", .allowed = "drop|pass", .group = GROUP_PLAIN, .take = take_plain },
	{ .name = "fragments", .allowed = "drop|stack", .group = GROUP_FRAGMENTS, .take = take_fragments },
	{ .name = "routes", .allowed = "on|off", .group = GROUP_ROUTES, .take = take_routes },
	{ .name = "mtu_expires", .allowed = "1..86400", .group = GROUP_MTU_EXPIRES, .take = take_mtu_expires },
	{ .name = "icmp", .allowed = "0..65535", .group = GROUP_ICMP, .take = take_icmp },
	{ .name = "cache", .allowed = "0..60000", .group = GROUP_CACHE, .take = take_cache },
	{ .name = "forward", .allowed = "on|off", .group = GROUP_FORWARD, .take = take_forward },
	{ .name = "spread", .allowed = "on|off", .group = GROUP_SPREAD, .take = take_spread },
};
const size_t attach_keyword_count = COUNT(attach_keywords);

int attach_parse(struct words *words, struct attach_request *request)
{
	unsigned int given;
	int result;

	memset(request, 0, sizeof(*request));
	result = words_device(words, &request->device);
	return result ? result : words_keywords(words, attach_keywords, attach_keyword_count, request, &given);
}
