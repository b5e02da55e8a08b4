/* SPDX-License-Identifier: GPL-2.0-only */
/* IPv4 addresses and prefixes as text. Addresses are four bytes in the order in which a person writes them. */
#ifndef ADDRESS_H
#define ADDRESS_H

#include <stdbool.h>
#include <linux/types.h>

#include "layout.h"

#define ADDRESS_TEXT 16 /* "255.255.255.255" and its end */
#define PREFIX_TEXT 19  /* "255.255.255.255/32" and its end */

/* Four decimal numbers without leading zeros, nothing else. Returns 0 or -EINVAL. */
int address_parse(const char *text, __u8 address[4]);

/*
 * ADDRESS or ADDRESS/LENGTH, an address alone being a /32. Returns 0, -EINVAL (no address), -EDOM (the length is not
 * 0..32) or -ERANGE: bits behind the length are set; `key` then holds the prefix without them.
 */
int prefix_parse(const char *text, struct prefix_key *key);

/* Write into `text` and return it. */
const char *address_format(const __u8 address[4], char text[ADDRESS_TEXT]);
const char *prefix_format(const struct prefix_key *key, char text[PREFIX_TEXT]);

/* 0.0.0.0, which stands for "not set" or for the peer `any`. */
bool address_is_zero(const __u8 address[4]);

/* Neither 0/8 nor 224/3: something that one host can have. */
bool address_is_unicast(const __u8 address[4]);

/*
 * No host can be in it, nor a packet be carried that comes from there: it lies wholly in 0/8, 127/8 or 240/4, or is the
 * tunnels' own next hop. Of a multicast network nothing comes, but what is sent to it is carried.
 */
bool prefix_is_nobodys(const struct prefix_key *prefix);

/* The same bytes as the kernel's interfaces take them. */
__be32 address_number(const __u8 address[4]);
void address_bytes(__be32 number, __u8 address[4]);

/* The prefix of `prefixlen` bits (0..32) that holds the address. */
struct prefix_key prefix_of(const __u8 address[4], __u32 prefixlen);

/* Order by address, then by length: <0, 0, >0. */
int prefix_compare(const struct prefix_key *a, const struct prefix_key *b);

#endif
