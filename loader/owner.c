/* SPDX-License-Identifier: GPL-2.0-only */
#include <stdio.h>
#include <string.h>

#include "address.h"
#include "fail.h"
#include "owner.h"

const char *owner_name(const struct prefix *prefix, char text[OWNER_TEXT])
{
	char remote[ADDRESS_TEXT];

	if (prefix->bare)
		return strcpy(text, "bare");
	snprintf(text, OWNER_TEXT, "of peer %s", peer_name(prefix->remote, remote));
	return text;
}

int owner_check(const struct prefixes *prefixes, const struct prefix_wish *wish)
{
	const struct prefix_entry *entry = prefixes_find(prefixes, &wish->key);
	char prefix[PREFIX_TEXT], owner[OWNER_TEXT], wisher[OWNER_TEXT];

	if (!entry || (entry->prefix.bare == wish->prefix.bare &&
		       (entry->prefix.bare || prefix_belongs_to(&entry->prefix, wish->prefix.remote))))
		return DONE;
	return fail("prefix %s is %s and cannot also be %s: 'prefix replace' moves it",
		    prefix_format(&wish->key, prefix), owner_name(&entry->prefix, owner),
		    owner_name(&wish->prefix, wisher));
}
