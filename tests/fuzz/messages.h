/* SPDX-License-Identifier: GPL-2.0-only */
/* Stands for loader/fail.c: what the loader says is checked and counted instead of printed. */
#ifndef MESSAGES_H
#define MESSAGES_H

/* How many lines the loader has said since this was set to 0. */
extern unsigned int messages_said;

#endif
