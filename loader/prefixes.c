/* SPDX-License-Identifier: GPL-2.0-only */
#include <stdlib.h>
#include <string.h>

#include "address.h"
#include "fail.h"
#include "map_entries.h"
#include "prefixes.h"
#include "sorting.h"

/* Entries begin with their key. */
static int compare(const void *a, const void *b)
{
	return prefix_compare(a, b);
}

int prefixes_read(int fd, struct prefixes *prefixes)
{
	void *list;

	*prefixes = (struct prefixes){ 0 };
	if (map_entries_read(fd, "prefixes", sizeof(struct prefix_key), sizeof(struct prefix), &list, &prefixes->count))
		return FAILED;
	prefixes->list = list;
	sort(prefixes->list, prefixes->count, sizeof(*prefixes->list), compare);
	return DONE;
}

void prefixes_free(struct prefixes *prefixes)
{
	free(prefixes->list);
	*prefixes = (struct prefixes){ 0 };
}

const struct prefix_entry *prefixes_find(const struct prefixes *prefixes, const struct prefix_key *key)
{
	if (!prefixes->count)
		return NULL;
	return bsearch(key, prefixes->list, prefixes->count, sizeof(*prefixes->list), compare);
}

bool prefix_is_valid(const struct prefix *prefix)
{
	return prefix->bare <= 1 && !prefix->reserved[0] && !prefix->reserved[1] && !prefix->reserved[2];
}

bool prefix_belongs_to(const struct prefix *prefix, const __u8 remote[4])
{
	return !prefix->bare && !memcmp(prefix->remote, remote, 4);
}

bool prefix_is_routable(const struct prefix *prefix)
{
	return !prefix->bare && !address_is_zero(prefix->remote);
}
