/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Who but root may read attachments: the group of the folder `ipipbpf` in the bpffs, if somebody has made that for one
 * to read and pass its group on (mode 2750). Its members read the maps, and change nothing: links and programs stay
 * root's, since whoever opens a link may detach it.
 */
#ifndef SHARING_H
#define SHARING_H

#include <stdbool.h>

/* Whether the group of what is there may read it. */
bool sharing_with_group(const char *path);

/* Makes an attachment's folder, as readable as the one around it. 0 or -errno. */
int sharing_make_folder(const char *folder, const char *parent);

/* Lets the group of an attachment's folder read its maps. DONE or FAILED. */
int sharing_apply(const char *folder);

#endif
