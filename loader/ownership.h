/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Which programs and links of the kernel belong to an attachment: those that use its pinned `meta` map, or the one that
 * this takes the place of.
 */
#ifndef OWNERSHIP_H
#define OWNERSHIP_H

#include <stdbool.h>
#include <linux/types.h>

#include "maps.h"

/* The kernel's number of a map, 0 if it will not say. */
__u32 map_id(int map);

/* False too if the kernel will not say. */
bool program_is_ours(__u32 program_id, const struct maps *maps);

/* Whether the kernel says nothing of programs by their numbers: to processes without CAP_SYS_ADMIN. */
bool programs_are_hidden(void);

/* The name of a program, for messages; "?" if the kernel will not say. `name` holds BPF_OBJ_NAME_LEN bytes. */
void program_name(__u32 program_id, char *name);

/*
 * Opens the link pinned as folder/name. Returns its descriptor, or -1 if there is none, or (errno EACCES) it is not for
 * this user to open. *ifindex gets the device that
 * it is attached to, 0 if that is gone.
 */
int pinned_link_open(const char *folder, const char *name, __u32 *ifindex);

/* The number of the program that a link runs; 0 if the kernel will not say. */
__u32 link_program(int link);

/* Takes the link and its pin away; false if there is none. */
bool pinned_link_remove(const char *folder, const char *name);

/* Pins it there, in the place of a dead one. 0 or -errno. */
int pinned_link_make(int link, const char *folder, const char *name);

#endif
