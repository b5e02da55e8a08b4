/* SPDX-License-Identifier: GPL-2.0-only */
#include "verdicts.h"

const struct verdict_text verdict_texts[VERDICT_COUNT] = {
#define X(symbol, name, fate, meaning, remedy) { name, FATE_##fate, meaning, remedy },
	VERDICTS(X)
#undef X
};

enum fate verdict_fate(const struct meta *meta, __u32 verdict)
{
	if (verdict == VERDICT_OUTER_FRAGMENT && meta->fragments == FRAGMENTS_STACK)
		return FATE_UNTOUCHED;
	return verdict_texts[verdict].fate;
}

const char *verdict_fate_name(const struct meta *meta, __u32 verdict)
{
	static const char *const names[] = {
		[FATE_UNTOUCHED] = "untouched",
		[FATE_DROP] = "dropped",
		[FATE_CARRY] = "carried",
	};

	return names[verdict_fate(meta, verdict)];
}
