/* SPDX-License-Identifier: GPL-2.0-only */
#include <stdlib.h>
#include <string.h>

#include "fail.h"
#include "ways.h"

int ways_make(struct ways *ways, size_t count)
{
	ways->list = calloc(count ? count : 1, sizeof(*ways->list));
	ways->count = 0;
	return ways->list ? DONE : fail("out of memory");
}

void ways_add(struct ways *ways, const __u8 remote[4])
{
	memcpy(ways->list[ways->count++].remote, remote, 4);
}

/* Ways begin with their address. */
static int compare(const void *a, const void *b)
{
	return memcmp(a, b, 4);
}

void ways_sort(struct ways *ways)
{
	qsort(ways->list, ways->count, sizeof(*ways->list), compare);
}

void ways_free(struct ways *ways)
{
	free(ways->list);
	*ways = (struct ways){ 0 };
}

struct way *ways_find(const struct ways *ways, const __u8 remote[4])
{
	return ways->count ? bsearch(remote, ways->list, ways->count, sizeof(*ways->list), compare) : NULL;
}
