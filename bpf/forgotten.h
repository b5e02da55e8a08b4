/* SPDX-License-Identifier: GPL-2.0-only */
/* Values that the verifier is to know nothing about. */
#ifndef FORGOTTEN_H
#define FORGOTTEN_H

#include "vmlinux.h"

/*
 * `value`, as something that might be any number. The verifier goes the rest of a program's way once for each constant
 * that it has seen, and so for each verdict and each place of a header; without them it finds those ways alike (seen on
 * Linux 6.18: three times the time to load). `unknown` is a number that it does not know either, such as the length of a
 * frame: to take it in by exclusive or and out again leaves `value` as it was.
 */
static __always_inline __u64 forgotten(__u64 value, __u64 unknown)
{
	asm volatile("%0 ^= %1\n\t%0 ^= %1" : "+r"(value) : "r"(unknown));
	return value;
}

#endif
