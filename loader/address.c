/* SPDX-License-Identifier: GPL-2.0-only */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "address.h"

/* Reads a decimal number up to `limit` without leading zeros; moves *text behind it. Returns it, or -1. */
static int parse_number(const char **text, int limit)
{
	const char *digit = *text;
	int number = 0;

	if (*digit < '0' || *digit > '9' || (digit[0] == '0' && digit[1] >= '0' && digit[1] <= '9'))
		return -1;
	for (; *digit >= '0' && *digit <= '9'; digit++) {
		number = number * 10 + (*digit - '0');
		if (number > limit)
			return -1;
	}
	*text = digit;
	return number;
}

/* Reads an address; moves *text behind it. */
static int parse_octets(const char **text, __u8 address[4])
{
	for (int i = 0; i < 4; i++) {
		int octet;

		if (i && *(*text)++ != '.')
			return -EINVAL;
		octet = parse_number(text, 255);
		if (octet < 0)
			return -EINVAL;
		address[i] = (__u8)octet;
	}
	return 0;
}

int address_parse(const char *text, __u8 address[4])
{
	__u8 parsed[4];

	if (parse_octets(&text, parsed) || *text)
		return -EINVAL;
	memcpy(address, parsed, 4);
	return 0;
}

int prefix_parse(const char *text, struct prefix_key *key)
{
	int prefixlen = 32;
	__u8 address[4];

	if (parse_octets(&text, address) || (*text && *text != '/'))
		return -EINVAL;
	if (*text) {
		text++;
		prefixlen = parse_number(&text, 32);
		if (prefixlen < 0 || *text)
			return -EDOM;
	}
	*key = prefix_of(address, (__u32)prefixlen);
	return memcmp(key->addr, address, 4) ? -ERANGE : 0;
}

const char *address_format(const __u8 address[4], char text[ADDRESS_TEXT])
{
	snprintf(text, ADDRESS_TEXT, "%u.%u.%u.%u", address[0], address[1], address[2], address[3]);
	return text;
}

const char *prefix_format(const struct prefix_key *key, char text[PREFIX_TEXT])
{
	char address[ADDRESS_TEXT];

	snprintf(text, PREFIX_TEXT, "%s/%u", address_format(key->addr, address), key->prefixlen & 63);
	return text;
}

bool address_is_zero(const __u8 address[4])
{
	return !address_number(address);
}

bool address_is_unicast(const __u8 address[4])
{
	return address[0] != 0 && address[0] < 224;
}

bool prefix_is_nobodys(const struct prefix_key *prefix)
{
	const __u8 next_hop[] = NEXT_HOP;
	__u8 first = prefix->addr[0];

	return (prefix->prefixlen >= 8 && (first == 0 || first == 127)) || (prefix->prefixlen >= 4 && first >= 240) ||
	       (prefix->prefixlen == 32 && !memcmp(prefix->addr, next_hop, 4));
}

__be32 address_number(const __u8 address[4])
{
	__be32 number;

	memcpy(&number, address, 4);
	return number;
}

void address_bytes(__be32 number, __u8 address[4])
{
	memcpy(address, &number, 4);
}

struct prefix_key prefix_of(const __u8 address[4], __u32 prefixlen)
{
	struct prefix_key key = { .prefixlen = prefixlen };

	for (__u32 i = 0; i < 4; i++) {
		__u32 bits = prefixlen > 8 * i ? prefixlen - 8 * i : 0;

		key.addr[i] = address[i] & (bits >= 8 ? 0xff : (__u8)(0xff00 >> bits));
	}
	return key;
}

int prefix_compare(const struct prefix_key *a, const struct prefix_key *b)
{
	__u32 left = ntohl(address_number(a->addr)), right = ntohl(address_number(b->addr));

	if (left != right)
		return left < right ? -1 : 1;
	return a->prefixlen < b->prefixlen ? -1 : a->prefixlen > b->prefixlen;
}
