/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * JSON values and how they are printed. Every function takes NULL for a value that could not be made and gives NULL or
 * an error on, so that one check of the whole is enough: an object that misses a member is never printed.
 */
#ifndef JSON_H
#define JSON_H

#include <stddef.h>
#include <linux/types.h>

#include <jansson.h>

#include "layout.h"
#include "verdict.h"

struct json_member {
	const char *key;
	json_t *value;
};

/* JSON_OBJECT({ "key", value }, ...). Steals the values, also on failure. */
json_t *json_object_of(const struct json_member *members, size_t count);
#define JSON_OBJECT(...)                                                                                               \
	json_object_of((const struct json_member[]){ __VA_ARGS__ },                                                    \
		       sizeof((const struct json_member[]){ __VA_ARGS__ }) / sizeof(struct json_member))

/* Adds to a list that may already have failed; the result replaces it. */
json_t *json_append(json_t *list, json_t *value);

json_t *json_number(__u64 value);

/* The name of a device or namespace. One that the kernel let pass need not be UTF-8. */
json_t *json_name(const char *name);

/* null for 0.0.0.0. */
json_t *json_address(const __u8 address[4]);

json_t *json_prefix(const struct prefix_key *key);

/* An object with a number for each verdict. */
json_t *json_verdicts(const __u64 verdicts[VERDICT_COUNT]);

/* Prints it as one line and releases it. DONE or FAILED. */
int json_print(json_t *value);

/* The same without an end of the line. */
int json_print_part(json_t *value);

#endif
