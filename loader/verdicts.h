/* SPDX-License-Identifier: GPL-2.0-only */
/* What the list in verdict.h says of each verdict, by its number. */
#ifndef VERDICTS_H
#define VERDICTS_H

#include <linux/types.h>

#include "layout.h"
#include "verdict.h"

struct verdict_text {
	const char *name;
	enum fate fate;
	const char *meaning;
	const char *remedy;
};

extern const struct verdict_text verdict_texts[VERDICT_COUNT];

/* What becomes of the packet in an attachment with these options, and the word for it. */
enum fate verdict_fate(const struct meta *meta, __u32 verdict);
const char *verdict_fate_name(const struct meta *meta, __u32 verdict);

#endif
