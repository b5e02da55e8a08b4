/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The program of a filter, pinned beside the maps: so the filter is known as ours also to those who may not ask the
 * kernel for a program by its number, which takes CAP_SYS_ADMIN. While it is exchanged, two may be pinned.
 */
#ifndef PINNED_PROGRAM_H
#define PINNED_PROGRAM_H

#include <stdbool.h>
#include <linux/types.h>

/* The number of an open program, 0 if the kernel will not say. */
__u32 program_id(int program);

/* Whether the program of that number is pinned in `folder` as `name`. */
bool pinned_program_is(const char *folder, const char *name, __u32 id);

/* Pins a program that is to be attached, beside the one that is: `attached`, or 0. Returns 0 or -errno. */
int pinned_program_make(int program, const char *folder, const char *name, __u32 attached);

/* Removes the pin of the other one. */
void pinned_program_settle(const char *folder, const char *name, __u32 attached);

#endif
