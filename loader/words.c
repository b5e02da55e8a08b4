/* SPDX-License-Identifier: GPL-2.0-only */
#include <ctype.h>
#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "address.h"
#include "fail.h"
#include "words.h"

int words_fixed(struct words *words, const char *what, const char **word)
{
	*word = *words->next;
	if (!*word)
		return wrong("%s is missing: see 'ipipbpf help'", what);
	words->next++;
	return DONE;
}

/* The kernel's own rule. */
static bool is_device_name(const char *name)
{
	if (!*name || !strcmp(name, ".") || !strcmp(name, ".."))
		return false;
	for (; *name; name++) {
		if (*name == '/' || *name == ':' || isspace((unsigned char)*name))
			return false;
	}
	return true;
}

int words_device(struct words *words, const char **name)
{
	int result = words_fixed(words, "the device DEV", name);

	if (result)
		return result;
	/* The kernel would take it for a name, and people mean none. */
	if (**name == '-')
		return wrong("unknown option '%s' where a device is expected: see 'ipipbpf help'", *name);
	if (strlen(*name) >= IFNAMSIZ)
		return wrong("'%s' is too long for a device: names have at most %d bytes", *name, IFNAMSIZ - 1);
	if (!is_device_name(*name))
		return wrong("'%s' cannot be a device: names have no '/', ':' or white space", *name);
	return DONE;
}

int words_prefix(struct words *words, const char *what, struct prefix_key *prefix)
{
	char text[PREFIX_TEXT];
	const char *word;
	int result = words_fixed(words, what, &word);

	if (result)
		return result;
	switch (prefix_parse(word, prefix)) {
	case 0:
		return DONE;
	case -ERANGE:
		return wrong("'%s' has bits behind its length: did you mean %s?", word, prefix_format(prefix, text));
	case -EDOM:
		return wrong("'%s': the length of a prefix is 0 to 32", word);
	default:
		return wrong("'%s' is no IPv4 prefix: write it as 192.168.1.0/24", word);
	}
}

int words_check_owned(const struct prefix_key *prefix)
{
	char text[PREFIX_TEXT];

	if (prefix_is_nobodys(prefix))
		return wrong("'%s' holds no host, as 0.0.0.0/8, 127.0.0.0/8, 240.0.0.0/4 and 169.254.4.4 do not: "
			     "name what is behind the peer",
			     prefix_format(prefix, text));
	return DONE;
}

int words_value(struct words *words, const struct keyword *keyword, const char **value)
{
	*value = *words->next;
	if (!*value)
		return wrong("'%s' needs a value: %s", keyword->name, keyword->allowed);
	words->next++;
	return DONE;
}

int words_any_address(struct words *words, const struct keyword *keyword, __u8 address[4])
{
	const char *value;
	int result = words_value(words, keyword, &value);

	if (result)
		return result;
	if (address_parse(value, address))
		return wrong("'%s %s': this is no IPv4 address, write it as 172.16.1.62", keyword->name, value);
	return DONE;
}

int words_address(struct words *words, const struct keyword *keyword, __u8 address[4])
{
	const char *value = *words->next;
	int result = words_any_address(words, keyword, address);

	if (result)
		return result;
	if (!address_is_unicast(address))
		return wrong("'%s %s': this is no address of a single host", keyword->name, value);
	return DONE;
}

int words_remote(struct words *words, const struct keyword *keyword, __u8 remote[4])
{
	if (words_skip(words, "any") || words_skip(words, "0.0.0.0")) {
		memset(remote, 0, 4);
		return DONE;
	}
	return words_address(words, keyword, remote);
}

/* strtoul() also takes signs, white space and what does not fit: only digits get there, and few enough. */
static bool read_number(const char *text, __u32 *number)
{
	bool hex = !strncmp(text, "0x", 2);
	const char *digits = hex ? text + 2 : text;
	size_t length = strlen(digits);

	if (!length || length > 8 || strspn(digits, hex ? "0123456789abcdefABCDEF" : "0123456789") != length)
		return false;
	*number = (__u32)strtoul(digits, NULL, hex ? 16 : 10);
	return true;
}

int words_number(struct words *words, const struct keyword *keyword, __u32 least, __u32 most, __u32 *number)
{
	const char *value;
	int result = words_value(words, keyword, &value);

	if (result)
		return result;
	if (read_number(value, number) && *number >= least && *number <= most)
		return DONE;
	return wrong("'%s %s': allowed is %s", keyword->name, value, keyword->allowed);
}

int words_choice(struct words *words, const struct keyword *keyword, const char *const *names, size_t count,
		 __u8 *choice)
{
	const char *value;
	int result = words_value(words, keyword, &value);

	if (result)
		return result;
	for (size_t i = 0; i < count; i++) {
		if (!strcmp(value, names[i])) {
			*choice = (__u8)(i + 1);
			return DONE;
		}
	}
	return wrong("'%s %s': allowed is %s", keyword->name, value, keyword->allowed);
}

bool words_skip(struct words *words, const char *word)
{
	if (!*words->next || strcmp(*words->next, word))
		return false;
	words->next++;
	return true;
}

static const struct keyword *find(const char *word, const struct keyword *keywords, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (!strcmp(word, keywords[i].name))
			return &keywords[i];
	}
	return NULL;
}

static int unknown(const char *word, const struct keyword *keywords, size_t count)
{
	char allowed[512] = "";
	size_t length = 0;

	for (size_t i = 0; i < count && length < sizeof(allowed); i++)
		length += (size_t)snprintf(allowed + length, sizeof(allowed) - length, "%s%s", i ? ", " : "",
					   keywords[i].name);
	return wrong("unknown word '%s': allowed here are %s", word, allowed);
}

/* Names what of the group came first, which need not be the same word: pmtudisc, nopmtudisc. */
static int given_twice(const struct keyword *keyword, const struct keyword *keywords, size_t count)
{
	char others[64] = "";

	for (size_t i = 0; i < count; i++) {
		if (keywords[i].group == keyword->group && &keywords[i] != keyword)
			snprintf(others, sizeof(others), " (or together with '%s')", keywords[i].name);
	}
	return wrong("'%s' is given twice%s: give it once", keyword->name, others);
}

int words_keywords(struct words *words, const struct keyword *keywords, size_t count, void *into, unsigned int *given)
{
	*given = 0;
	while (*words->next) {
		const char *word = *words->next++;
		const struct keyword *keyword = find(word, keywords, count);
		int result;

		if (!keyword)
			return unknown(word, keywords, count);
		if (*given & keyword->group && !keyword->repeats)
			return given_twice(keyword, keywords, count);
		*given |= keyword->group;
		result = keyword->take(words, keyword, into);
		if (result)
			return result;
	}
	return DONE;
}

int words_end(const struct words *words)
{
	if (*words->next)
		return wrong("unknown word '%s': nothing more is allowed here", *words->next);
	return DONE;
}

int words_last_device(struct words *words, const char **name)
{
	int result = words_device(words, name);

	return result ? result : words_end(words);
}
