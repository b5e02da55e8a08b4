/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The words of a command line: fixed words first, then keywords with their values in any order. Functions return DONE,
 * or WRONG_WORDS after a line that names the word and what is allowed in its place.
 */
#ifndef WORDS_H
#define WORDS_H

#include <stdbool.h>
#include <stddef.h>
#include <linux/types.h>

#include "layout.h"

/* What is left of the command line; NULL ends it. */
struct words {
	char *const *next;
};

struct keyword {
	const char *name;
	const char *allowed; /* its value as the usage writes it; NULL: it has none */
	unsigned int group;  /* one bit; of the keywords that share it, one may be given */
	bool repeats;        /* may be given several times */
	int (*take)(struct words *words, const struct keyword *keyword, void *into); /* reads the value, if any */
};

/* The next fixed word; `what` names it for the message. */
int words_fixed(struct words *words, const char *what, const char **word);

/* A device name as a fixed word. */
int words_device(struct words *words, const char **name);

/* A device name as the only word that is left. */
int words_last_device(struct words *words, const char **name);

/* A prefix as a fixed word or as the value of a keyword. */
int words_prefix(struct words *words, const char *what, struct prefix_key *prefix);

/* That the prefix can be a peer's: a bare one may be any. */
int words_check_owned(const struct prefix_key *prefix);

/* The value of a keyword. words_value() is any word; the others parse it: any address, one of a host, a peer's. */
int words_value(struct words *words, const struct keyword *keyword, const char **value);
int words_any_address(struct words *words, const struct keyword *keyword, __u8 address[4]);
int words_address(struct words *words, const struct keyword *keyword, __u8 address[4]);
int words_remote(struct words *words, const struct keyword *keyword, __u8 remote[4]); /* or `any`: 0.0.0.0 */

/* The value of a keyword that is a number from least to most, decimal or with 0x. */
int words_number(struct words *words, const struct keyword *keyword, __u32 least, __u32 most, __u32 *number);

/* The value of a keyword that is one of `names`, at most `count` of them; its index plus 1 goes to *choice. */
int words_choice(struct words *words, const struct keyword *keyword, const char *const *names, size_t count,
		 __u8 *choice);

/* Takes the next word if it is this one. */
bool words_skip(struct words *words, const char *word);

/* Keywords to the end of the line; *given gets the groups that were there. */
int words_keywords(struct words *words, const struct keyword *keywords, size_t count, void *into, unsigned int *given);

/* There must be no more words. */
int words_end(const struct words *words);

#endif
