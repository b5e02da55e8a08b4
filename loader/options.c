/* SPDX-License-Identifier: GPL-2.0-only */
#include <string.h>

#include "address.h"
#include "fail.h"
#include "options.h"

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

static const char *const rpf_names[] = { "strict", "loose", "off" };
static const char *const ecn_names[] = { "normal", "compat" };

int options_take_local(struct words *words, const struct keyword *keyword, void *into)
{
	struct options *options = into;

	return words_address(words, keyword, options->peer.local);
}

int options_take_src(struct words *words, const struct keyword *keyword, void *into)
{
	struct options *options = into;

	return words_address(words, keyword, options->src);
}

int options_take_rpf(struct words *words, const struct keyword *keyword, void *into)
{
	struct options *options = into;
	int result = words_choice(words, keyword, rpf_names, COUNT(rpf_names), &options->peer.rpf);

	if (result)
		return result;
	options->peer.monitor = words_skip(words, "monitor") ? SWITCH_ON : SWITCH_OFF;
	return DONE;
}

int options_take_ttl(struct words *words, const struct keyword *keyword, void *into)
{
	struct options *options = into;
	__u32 ttl;
	int result;

	options->peer.ttl_mode = FIELD_INHERIT;
	if (words_skip(words, "inherit"))
		return DONE;
	result = words_number(words, keyword, 1, 255, &ttl);
	if (result)
		return result;
	options->peer.ttl_mode = FIELD_FIXED;
	options->peer.ttl = (__u8)ttl;
	return DONE;
}

int options_take_tos(struct words *words, const struct keyword *keyword, void *into)
{
	struct options *options = into;
	const char *value = *words->next;
	__u32 tos;
	int result;

	options->peer.tos_mode = FIELD_INHERIT;
	if (words_skip(words, "inherit"))
		return DONE;
	result = words_number(words, keyword, 0, 255, &tos);
	if (result)
		return result;
	if (tos & 3)
		return wrong("'tos %s': its two lowest bits are ECN's and must be 0, as in 0x%x", value, tos & ~3U);
	options->peer.tos_mode = FIELD_FIXED;
	options->peer.tos = (__u8)tos;
	return DONE;
}

int options_take_ecn(struct words *words, const struct keyword *keyword, void *into)
{
	struct options *options = into;

	return words_choice(words, keyword, ecn_names, COUNT(ecn_names), &options->peer.ecn);
}

int options_take_df(struct words *words, const struct keyword *keyword, void *into)
{
	struct options *options = into;

	(void)words;
	options->peer.df = !strcmp(keyword->name, "pmtudisc") ? DF_PMTUDISC : DF_NOPMTUDISC;
	return DONE;
}

void options_apply_peer(const struct peer *given, struct peer *peer)
{
	if (!address_is_zero(given->local))
		memcpy(peer->local, given->local, 4);
	if (given->ttl_mode) {
		peer->ttl_mode = given->ttl_mode;
		peer->ttl = given->ttl;
	}
	if (given->tos_mode) {
		peer->tos_mode = given->tos_mode;
		peer->tos = given->tos;
	}
	if (given->df)
		peer->df = given->df;
	if (given->rpf)
		peer->rpf = given->rpf;
	if (given->monitor)
		peer->monitor = given->monitor;
	if (given->ecn)
		peer->ecn = given->ecn;
}

/* The device's settings in a peer's form, in which all options are laid over each other. */
static struct peer as_peer(const struct meta *meta)
{
	struct peer peer = {
		.ttl = meta->ttl,
		.tos = meta->tos,
		.ttl_mode = meta->ttl_mode,
		.tos_mode = meta->tos_mode,
		.df = meta->df,
		.rpf = meta->rpf,
		.monitor = meta->monitor,
		.ecn = meta->ecn,
	};

	memcpy(peer.local, meta->local, 4);
	return peer;
}

void options_apply_meta(const struct peer *given, struct meta *meta)
{
	struct peer peer = as_peer(meta);

	options_apply_peer(given, &peer);
	memcpy(meta->local, peer.local, 4);
	meta->ttl = peer.ttl;
	meta->tos = peer.tos;
	meta->ttl_mode = peer.ttl_mode;
	meta->tos_mode = peer.tos_mode;
	meta->df = peer.df;
	meta->rpf = peer.rpf;
	meta->monitor = peer.monitor;
	meta->ecn = peer.ecn;
}

struct peer options_effective(const struct peer *peer, const struct meta *meta)
{
	struct peer effective = as_peer(meta);

	options_apply_peer(peer, &effective);
	effective.type = peer->type;
	return effective;
}

bool options_contradict(const struct peer *effective)
{
	return effective->ttl_mode == FIELD_FIXED && effective->df == DF_NOPMTUDISC;
}

const char *options_rpf_name(__u8 rpf)
{
	return rpf >= 1 && rpf <= COUNT(rpf_names) ? rpf_names[rpf - 1] : "?";
}

const char *options_ecn_name(__u8 ecn)
{
	return ecn >= 1 && ecn <= COUNT(ecn_names) ? ecn_names[ecn - 1] : "?";
}

const char *options_mode_name(__u8 mode)
{
	static const char *const names[] = { "auto", "native", "skb", "tc" };

	return mode < COUNT(names) ? names[mode] : "?";
}

bool options_plain_drops(const struct meta *meta)
{
	return meta->plain == PLAIN_DROP || (meta->plain == PLAIN_BY_RPF && meta->rpf == RPF_STRICT);
}
