/* SPDX-License-Identifier: GPL-2.0-only */
#include <limits.h>
#include <stdio.h>

#include "address.h"
#include "fail.h"
#include "json.h"

json_t *json_object_of(const struct json_member *members, size_t count)
{
	json_t *object = json_object();
	int error = !object;

	for (size_t i = 0; i < count; i++)
		error |= json_object_set_new(object, members[i].key, members[i].value);
	if (!error)
		return object;
	json_decref(object);
	return NULL;
}

json_t *json_append(json_t *list, json_t *value)
{
	if (!json_array_append_new(list, value))
		return list;
	json_decref(list);
	return NULL;
}

json_t *json_number(__u64 value)
{
	return json_integer((json_int_t)value);
}

json_t *json_name(const char *name)
{
	char ascii[NAME_MAX + 1];
	json_t *string = json_string(name);
	size_t i;

	if (string)
		return string;
	for (i = 0; name[i] && i < NAME_MAX; i++)
		ascii[i] = name[i] & 0x80 ? '?' : name[i];
	ascii[i] = '\0';
	return json_string(ascii);
}

json_t *json_address(const __u8 address[4])
{
	char text[ADDRESS_TEXT];

	return address_is_zero(address) ? json_null() : json_string(address_format(address, text));
}

json_t *json_prefix(const struct prefix_key *key)
{
	char text[PREFIX_TEXT];

	return json_string(prefix_format(key, text));
}

json_t *json_verdicts(const __u64 verdicts[VERDICT_COUNT])
{
	const struct json_member members[] = {
#define X(symbol, name, fate, meaning, remedy) { name, json_number(verdicts[VERDICT_##symbol]) },
		VERDICTS(X)
#undef X
	};

	return json_object_of(members, sizeof(members) / sizeof(*members));
}

int json_print_part(json_t *value)
{
	int error;

	if (!value)
		return fail("cannot write JSON: out of memory, or a counter could not be read");
	error = json_dumpf(value, stdout, JSON_COMPACT);
	json_decref(value);
	return error ? fail("cannot write JSON on standard output") : DONE;
}

int json_print(json_t *value)
{
	int result = json_print_part(value);

	if (!result)
		printf("\n");
	return result;
}
