/* SPDX-License-Identifier: GPL-2.0-only */
/* A rate with a burst, kept as one number: the time when the allowance will be full again. */
#ifndef ALLOWANCE_H
#define ALLOWANCE_H

/* True if one more may go at the time `now`, which is then taken off. `each`: nanoseconds that one takes to grow again. */
static __always_inline bool allowance_take(__u64 *full, __u64 now, __u64 each, __u64 burst)
{
	/* Beyond the burst: it was reckoned at another rate. */
	if (*full < now || *full > now + burst * each)
		*full = now;
	if (*full - now > (burst - 1) * each)
		return false;
	*full += each;
	return true;
}

#endif
