/* SPDX-License-Identifier: GPL-2.0-only */
/* The screen of the command `top`. */
#ifndef TOP_SCREEN_H
#define TOP_SCREEN_H

#include <stdbool.h>

#include "sample.h"

/* Takes the terminal; screen_close() gives it back as it was. DONE or FAILED. */
int screen_open(void);
void screen_close(void);

/* Draws what moved between two samples; peers that moved most come first. DONE, or FAILED with the screen closed. */
int screen_draw(const struct samples *before, const struct samples *now);

/* Reads the keys that were pressed, and the window's new size. True if one of them ends the program. */
bool screen_keys_end(void);

#endif
