/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Questions to the kernel's FIB.
 *
 * bpf_fib_lookup() answers FWD_DISABLED for a device whose `forwarding` is 0, as on every end host. It is asked with
 * the loopback device as ingress, as the kernel itself asks for its own packets and for its own reverse-path check; the
 * loader sets net.ipv4.conf.lo.forwarding, which forwards nothing for anybody.
 */
#ifndef FIB_H
#define FIB_H

#include "ipv4.h"
#include "layout.h"

#define AF_INET 2
#define LOOPBACK_IFINDEX 1

/* `flags`: BPF_FIB_LOOKUP_... A kernel that does not know one answers -EINVAL. */
static __always_inline long fib_ask_with(hook_context *ctx, struct bpf_fib_lookup *fib, __u32 flags)
{
	fib->family = AF_INET;
	fib->ifindex = LOOPBACK_IFINDEX;
	return bpf_fib_lookup(ctx, fib, sizeof(*fib), flags);
}

static __always_inline long fib_ask(hook_context *ctx, struct bpf_fib_lookup *fib)
{
	return fib_ask_with(ctx, fib, 0);
}

/* No unicast route: none at all, own address, broadcast, blackhole, unreachable, prohibit. */
static __always_inline bool fib_has_no_route(long answer)
{
	return answer == BPF_FIB_LKUP_RET_BLACKHOLE || answer == BPF_FIB_LKUP_RET_UNREACHABLE ||
	       answer == BPF_FIB_LKUP_RET_PROHIBIT || answer == BPF_FIB_LKUP_RET_NOT_FWDED;
}

/* A unicast route, whether or not its next hop's link address is known. */
static __always_inline bool fib_has_route(long answer)
{
	return answer == BPF_FIB_LKUP_RET_SUCCESS || answer == BPF_FIB_LKUP_RET_NO_NEIGH;
}

/* False where the FIB says nothing, and before Linux 5.12 also without a neighbour. */
static __always_inline bool fib_names_device(const struct bpf_fib_lookup *fib)
{
	return fib->ifindex != LOOPBACK_IFINDEX;
}

/* Into a tunnel: of this device or of another that has one. */
static __always_inline bool fib_leads_to_our_next_hop(const struct bpf_fib_lookup *fib)
{
	static const __u8 next_hop[4] __attribute__((aligned(4))) = NEXT_HOP;

	return fib->family == AF_INET && fib->ipv4_dst == address_of(next_hop);
}

static __always_inline bool fib_is_silent(long answer)
{
	return answer < 0 || answer == BPF_FIB_LKUP_RET_FWD_DISABLED;
}

#endif
