/* SPDX-License-Identifier: GPL-2.0-only */
/* Fuzzes the parsers of addresses and prefixes: they must say what inet_pton() and plain arithmetic say. */
#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "address.h"

static void check_address(const char *text)
{
	__u8 parsed[4] = { 1, 2, 3, 4 };
	char formatted[ADDRESS_TEXT];
	struct in_addr expected;

	if (inet_pton(AF_INET, text, &expected) != 1) {
		assert(address_parse(text, parsed) == -EINVAL);
		assert(!memcmp(parsed, "\1\2\3\4", 4));
		return;
	}
	assert(!address_parse(text, parsed));
	assert(!memcmp(parsed, &expected, 4));
	assert(!strcmp(address_format(parsed, formatted), text));
	assert(address_is_zero(parsed) == (expected.s_addr == 0));
	assert(address_is_unicast(parsed) ==
	       ((ntohl(expected.s_addr) >> 24) != 0 && ntohl(expected.s_addr) < 0xe0000000));
}

/* 0..32 without leading zeros, or -1. */
static int expected_length(const char *text)
{
	char canonical[3];

	for (int length = 0; length <= 32; length++) {
		snprintf(canonical, sizeof(canonical), "%d", length);
		if (!strcmp(canonical, text))
			return length;
	}
	return -1;
}

static uint32_t mask_of(int length)
{
	return length ? 0xffffffff << (32 - length) : 0;
}

/* What prefix_parse() must return. */
static int expected_prefix(const char *text, uint32_t *network, int *length)
{
	const char *slash = strchr(text, '/');
	struct in_addr address;
	char *before = slash ? strndup(text, (size_t)(slash - text)) : strdup(text);
	int is_address = inet_pton(AF_INET, before, &address);

	free(before);
	if (is_address != 1)
		return -EINVAL;
	*length = slash ? expected_length(slash + 1) : 32;
	if (*length < 0)
		return -EDOM;
	*network = ntohl(address.s_addr) & mask_of(*length);
	return *network == ntohl(address.s_addr) ? 0 : -ERANGE;
}

static void check_prefix(const char *text)
{
	struct prefix_key parsed = { 0 }, again = { 0 };
	char formatted[PREFIX_TEXT];
	uint32_t network = 0;
	int length = 0;
	int expected = expected_prefix(text, &network, &length);

	assert(prefix_parse(text, &parsed) == expected);
	if (expected == -EINVAL || expected == -EDOM)
		return;
	assert(parsed.prefixlen == (__u32)length);
	assert(ntohl(address_number(parsed.addr)) == network);
	prefix_format(&parsed, formatted);
	assert(!prefix_parse(formatted, &again));
	assert(!memcmp(&parsed, &again, sizeof(parsed)));
	if (!expected && strchr(text, '/'))
		assert(!strcmp(formatted, text));
}

/* Five bytes, an address and a length, in any combination. */
static void check_prefix_of(const uint8_t data[5])
{
	struct prefix_key prefix = prefix_of(data, data[4] % 33);

	assert(prefix.prefixlen == data[4] % 33);
	assert(ntohl(address_number(prefix.addr)) == (ntohl(address_number(data)) & mask_of(data[4] % 33)));
}

/* Whether all addresses from the prefix's first to its last are in one of the networks where no host can be. */
static void check_nobodys(const uint8_t data[5])
{
	static const uint32_t networks[][2] = {
		{ 0x00000000, 0x00ffffff },
		{ 0x7f000000, 0x7fffffff },
		{ 0xf0000000, 0xffffffff },
		{ 0xa9fe0404, 0xa9fe0404 },
	};
	struct prefix_key prefix = prefix_of(data, data[4] % 33);
	uint32_t first = ntohl(address_number(prefix.addr)), last = first | ~mask_of(data[4] % 33);
	bool expected = false;

	for (size_t i = 0; i < sizeof(networks) / sizeof(*networks); i++)
		expected |= first >= networks[i][0] && last <= networks[i][1];
	assert(prefix_is_nobodys(&prefix) == expected);
}

static int sign(int64_t number)
{
	return number < 0 ? -1 : number > 0;
}

static void check_order(const uint8_t data[10])
{
	struct prefix_key a = prefix_of(data, data[4] % 33), b = prefix_of(data + 5, data[9] % 33);
	int64_t first = (int64_t)ntohl(address_number(a.addr)) << 6 | a.prefixlen;
	int64_t second = (int64_t)ntohl(address_number(b.addr)) << 6 | b.prefixlen;

	assert(sign(prefix_compare(&a, &b)) == sign(first - second));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1);

	assert(text);
	if (size)
		memcpy(text, data, size);
	text[size] = '\0';
	check_address(text);
	check_prefix(text);
	free(text);
	if (size >= 5) {
		check_prefix_of(data);
		check_nobodys(data);
	}
	if (size >= 10)
		check_order(data);
	return 0;
}
