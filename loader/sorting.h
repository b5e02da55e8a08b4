/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SORTING_H
#define SORTING_H

#include <stddef.h>

/* As qsort(), at no cost where all is in order, as it mostly is in what the kernel, a file or a merge gives. */
void sort(void *list, size_t count, size_t size, int (*compare)(const void *a, const void *b));

#endif
