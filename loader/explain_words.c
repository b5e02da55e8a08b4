/* SPDX-License-Identifier: GPL-2.0-only */
/* The words of the command `explain`. */
#include <netinet/in.h>
#include <string.h>

#include "commands.h"
#include "fail.h"

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

/* What `ping` sends. */
#define LENGTH_DEFAULT 84
#define TTL_DEFAULT 64

enum {
	GROUP_FROM = 1 << 0,
	GROUP_TO = 1 << 1,
	GROUP_DIRECTION = 1 << 2,
	GROUP_VIA = 1 << 3,
	GROUP_PROTO = 1 << 4,
	GROUP_SPORT = 1 << 5,
	GROUP_DPORT = 1 << 6,
	GROUP_LEN = 1 << 7,
	GROUP_PACKET_TTL = 1 << 8,
	GROUP_PACKET_TOS = 1 << 9,
	GROUP_PACKET_DF = 1 << 10,
	GROUP_FILE = 1 << 11,
};

static int take_from(struct words *words, const struct keyword *keyword, void *into)
{
	struct explain_request *request = into;

	return words_any_address(words, keyword, request->wish.src);
}

static int take_to(struct words *words, const struct keyword *keyword, void *into)
{
	struct explain_request *request = into;

	return words_any_address(words, keyword, request->wish.dst);
}

static int take_direction(struct words *words, const struct keyword *keyword, void *into)
{
	struct explain_request *request = into;

	(void)words;
	request->direction = !strcmp(keyword->name, "in") ? DIRECTION_IN : DIRECTION_OUT;
	return DONE;
}

static int take_via(struct words *words, const struct keyword *keyword, void *into)
{
	struct explain_request *request = into;

	request->tunnel = words_skip(words, "none") ? TUNNEL_NONE : TUNNEL_GIVEN;
	return request->tunnel == TUNNEL_NONE ? DONE : words_any_address(words, keyword, request->via);
}

static int take_proto(struct words *words, const struct keyword *keyword, void *into)
{
	static const struct {
		const char *name;
		__u8 protocol;
	} names[] = { { "udp", IPPROTO_UDP }, { "tcp", IPPROTO_TCP }, { "icmp", IPPROTO_ICMP } };
	struct explain_request *request = into;
	__u32 number;
	int result;

	for (size_t i = 0; i < COUNT(names); i++) {
		if (words_skip(words, names[i].name)) {
			request->wish.protocol = names[i].protocol;
			return DONE;
		}
	}
	result = words_number(words, keyword, 0, 255, &number);
	request->wish.protocol = (__u8)number;
	return result;
}

static int take_port(struct words *words, const struct keyword *keyword, __u16 *port)
{
	__u32 number = 0;
	int result = words_number(words, keyword, 0, 65535, &number);

	*port = (__u16)number;
	return result;
}

static int take_sport(struct words *words, const struct keyword *keyword, void *into)
{
	struct explain_request *request = into;

	return take_port(words, keyword, &request->wish.sport);
}

static int take_dport(struct words *words, const struct keyword *keyword, void *into)
{
	struct explain_request *request = into;

	return take_port(words, keyword, &request->wish.dport);
}

static int take_len(struct words *words, const struct keyword *keyword, void *into)
{
	struct explain_request *request = into;

	return words_number(words, keyword, 20, PACKET_MAX, &request->wish.total_len);
}

static int take_byte(struct words *words, const struct keyword *keyword, __u8 *byte)
{
	__u32 number = 0;
	int result = words_number(words, keyword, 0, 255, &number);

	*byte = (__u8)number;
	return result;
}

static int take_ttl(struct words *words, const struct keyword *keyword, void *into)
{
	struct explain_request *request = into;

	return take_byte(words, keyword, &request->wish.ttl);
}

static int take_tos(struct words *words, const struct keyword *keyword, void *into)
{
	struct explain_request *request = into;

	return take_byte(words, keyword, &request->wish.tos);
}

static int take_df(struct words *words, const struct keyword *keyword, void *into)
{
	struct explain_request *request = into;

	(void)words;
	(void)keyword;
	request->wish.df = true;
	return DONE;
}

static int take_file(struct words *words, const struct keyword *keyword, void *into)
{
	struct explain_request *request = into;

	return words_value(words, keyword, &request->file);
}

static const struct keyword keywords[] = {
	{ .name = "from", .allowed = "ADDR", .group = GROUP_FROM, .take = take_from },
	{ .name = "to", .allowed = "ADDR", .group = GROUP_TO, .take = take_to },
	{ .name = "in", .group = GROUP_DIRECTION, .take = take_direction },
	{ .name = "out", .group = GROUP_DIRECTION, .take = take_direction },
	{ .name = "via", .allowed = "REMOTE|none", .group = GROUP_VIA, .take = take_via },
	{ .name = "proto", .allowed = "udp|tcp|icmp|0..255", .group = GROUP_PROTO, .take = take_proto },
	{ .name = "sport", .allowed = "0..65535", .group = GROUP_SPORT, .take = take_sport },
	{ .name = "dport", .allowed = "0..65535", .group = GROUP_DPORT, .take = take_dport },
	{ .name = "len", .allowed = "20..65535 (bytes of the whole packet)", .group = GROUP_LEN, .take = take_len },
	{ .name = "ttl", .allowed = "0..255", .group = GROUP_PACKET_TTL, .take = take_ttl },
	{ .name = "tos", .allowed = "0..255|0x0..0xff", .group = GROUP_PACKET_TOS, .take = take_tos },
	{ .name = "df", .group = GROUP_PACKET_DF, .take = take_df },
	{ .name = "-r", .allowed = "FILE", .group = GROUP_FILE, .take = take_file },
};

/* The name of a keyword of these groups. */
static const char *name_of(unsigned int groups)
{
	for (size_t i = 0; i < COUNT(keywords); i++)
		if (keywords[i].group & groups)
			return keywords[i].name;
	return "";
}

static int check_file(unsigned int given)
{
	unsigned int others = given & ~(unsigned int)(GROUP_FILE | GROUP_DIRECTION);

	if (others)
		return wrong("'%s' is for a packet of words: with '-r' only 'in' or 'out' may be given",
			     name_of(others));
	return DONE;
}

static int check_packet(unsigned int given, const struct explain_request *request)
{
	const struct packet_wish *wish = &request->wish;
	unsigned int ports = given & (unsigned int)(GROUP_SPORT | GROUP_DPORT);

	if (!(given & GROUP_FROM) || !(given & GROUP_TO))
		return wrong("'%s' is missing: say 'from ADDR to ADDR', or '-r FILE'",
			     given & GROUP_FROM ? "to" : "from");
	if (ports && wish->protocol != IPPROTO_TCP && wish->protocol != IPPROTO_UDP)
		return wrong("'%s' needs 'proto tcp' or 'proto udp'", name_of(ports));
	if (request->tunnel && request->direction == DIRECTION_OUT)
		return wrong("'via' is for a packet that comes in: leave 'out' away");
	if (wish->total_len < packet_least(wish->protocol))
		return wrong("'len %u': a packet of this protocol has at least %u bytes", wish->total_len,
			     packet_least(wish->protocol));
	return DONE;
}

int explain_parse(struct words *words, struct explain_request *request)
{
	unsigned int given;
	int result;

	*request = (struct explain_request){
		.wish = { .protocol = IPPROTO_ICMP, .ttl = TTL_DEFAULT, .total_len = LENGTH_DEFAULT },
	};
	result = words_device(words, &request->device);
	if (!result)
		result = words_keywords(words, keywords, COUNT(keywords), request, &given);
	if (result)
		return result;
	return given & GROUP_FILE ? check_file(given) : check_packet(given, request);
}
