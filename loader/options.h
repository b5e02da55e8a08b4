/* SPDX-License-Identifier: GPL-2.0-only */
/* The options that a device and a peer have in common: their words, what they say together, their names. */
#ifndef OPTIONS_H
#define OPTIONS_H

#include <stdbool.h>
#include <linux/types.h>

#include "layout.h"
#include "words.h"

/* What the command line gave; every 0 was not given. */
struct options {
	struct peer peer;
	__u8 src[4]; /* preferred source of kernel routes */
};

/* Groups of keywords that options take; commands have the bits above. */
enum {
	GROUP_LOCAL = 1 << 0,
	GROUP_SRC = 1 << 1,
	GROUP_RPF = 1 << 2,
	GROUP_TTL = 1 << 3,
	GROUP_TOS = 1 << 4,
	GROUP_ECN = 1 << 5,
	GROUP_DF = 1 << 6,
	GROUP_COMMAND = 1 << 7, /* the first that is free */
};

/* Each reads one keyword's value; `into` is a struct that begins with struct options. */
int options_take_local(struct words *words, const struct keyword *keyword, void *into);
int options_take_src(struct words *words, const struct keyword *keyword, void *into);
int options_take_rpf(struct words *words, const struct keyword *keyword, void *into);
int options_take_ttl(struct words *words, const struct keyword *keyword, void *into);
int options_take_tos(struct words *words, const struct keyword *keyword, void *into);
int options_take_ecn(struct words *words, const struct keyword *keyword, void *into);
int options_take_df(struct words *words, const struct keyword *keyword, void *into);

/* clang-format off */
#define OPTIONS_KEYWORDS                                                                                               \
	{ .name = "local", .allowed = "ADDR", .group = GROUP_LOCAL, .take = options_take_local },                      \
	{ .name = "src", .allowed = "ADDR", .group = GROUP_SRC, .take = options_take_src },                            \
	{ .name = "rpf", .allowed = "strict|loose|off [monitor]", .group = GROUP_RPF, .take = options_take_rpf },      \
	{ .name = "ttl", .allowed = "1..255|inherit", .group = GROUP_TTL, .take = options_take_ttl },                  \
	{ .name = "tos", .allowed = "0..255|0x0..0xff|inherit", .group = GROUP_TOS, .take = options_take_tos },        \
	{ .name = "ecn", .allowed = "normal|compat", .group = GROUP_ECN, .take = options_take_ecn },                   \
	{ .name = "pmtudisc", .group = GROUP_DF, .take = options_take_df },                                            \
	{ .name = "nopmtudisc", .group = GROUP_DF, .take = options_take_df }
/* clang-format on */

/* Lays what was given over a peer, or over a device. */
void options_apply_peer(const struct peer *given, struct peer *peer);
void options_apply_meta(const struct peer *given, struct meta *meta);

/* The peer's settings with those of its device where it has none of its own. */
struct peer options_effective(const struct peer *peer, const struct meta *meta);

/* A fixed TTL without path MTU discovery would hide a loop for ever. */
bool options_contradict(const struct peer *effective);

/* The name of an enum rpf_mode, of an enum ecn_mode, of an enum mode; "?" for what is out of range. */
const char *options_rpf_name(__u8 rpf);
const char *options_ecn_name(__u8 ecn);
const char *options_mode_name(__u8 mode);

/* Whether plain packets from inner addresses are dropped. */
bool options_plain_drops(const struct meta *meta);

#endif
