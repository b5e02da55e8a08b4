/* SPDX-License-Identifier: GPL-2.0-only */
/* The two ways to print reports on standard output. DONE or FAILED. */
#ifndef SHOW_H
#define SHOW_H

#include <stddef.h>

#include "report.h"
#include "session.h"

int show_text(const struct session *session, const struct report *reports, size_t count);
int show_json(const struct report *reports, size_t count);

#endif
