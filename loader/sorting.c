/* SPDX-License-Identifier: GPL-2.0-only */
#include <stdbool.h>
#include <stdlib.h>

#include "sorting.h"

static bool is_sorted(const char *list, size_t count, size_t size, int (*compare)(const void *a, const void *b))
{
	for (size_t i = 1; i < count; i++) {
		if (compare(list + (i - 1) * size, list + i * size) > 0)
			return false;
	}
	return true;
}

void sort(void *list, size_t count, size_t size, int (*compare)(const void *a, const void *b))
{
	if (!is_sorted(list, count, size, compare))
		qsort(list, count, size, compare);
}
