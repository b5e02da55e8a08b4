/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The reverse-path check of the inner source (RFC 3704), where "interface" is the peer: outer source -> peer -> that
 * peer's prefixes -> the kernel's route back.
 */
#ifndef REVERSE_PATH_H
#define REVERSE_PATH_H

#include "fib.h"
#include "prefix.h"

/* Does a unicast route lead back to `inner`'s source, and with `ifindex`, through that device? */
static __always_inline enum verdict route_back(hook_context *ctx, const struct iphdr *inner, __u32 ifindex)
{
	struct bpf_fib_lookup fib = {
		.ipv4_dst = inner->saddr,
		.ipv4_src = inner->daddr,
		/* No question of MTU: with 0, a TC program's whole packet would be held against it. */
		.tot_len = sizeof(*inner),
	};
	/* Whether the next hop answers is nothing to this check. */
	long answer = fib_ask_with(ctx, &fib, features.skip_neighbour ? BPF_FIB_LOOKUP_SKIP_NEIGH : 0);

	if (fib_is_silent(answer))
		return VERDICT_FIB_UNAVAILABLE;
	if (fib_has_no_route(answer))
		return VERDICT_NO_ROUTE;
	if (ifindex && fib.ifindex != ifindex)
		return VERDICT_RPF_ROUTE;
	return VERDICT_DECAP_OK;
}

/*
 * The first check that the inner source fails, else VERDICT_DECAP_OK. `peer` is the key of the sender's entry, `strict`
 * or loose; `tagged` frames are another device's, whose routes need not lead through ours.
 */
static __always_inline enum verdict reverse_path_check(hook_context *ctx, const struct frame *frame,
						       const struct ipv4 *outer, const struct ipv4 *inner, __be32 peer,
						       bool strict, bool tagged, const struct meta *device)
{
	__be32 source = inner->header->saddr;

	if (!strict)
		return route_back(ctx, inner->header, 0);
	/* An ICMP error of the far end itself bears its outer address. */
	if (!prefix_belongs_to(prefix_find(device, source), peer) &&
	    !(source == outer->header->saddr && ipv4_is_icmp_error(frame, inner)))
		return VERDICT_RPF_PREFIX;
	return route_back(ctx, inner->header, tagged ? 0 : device->ifindex);
}

/* The verdict under `monitor`: counted apart, and let through. */
static __always_inline enum verdict monitored(enum verdict verdict)
{
	switch (verdict) {
	case VERDICT_RPF_PREFIX:
		return VERDICT_RPF_PREFIX_MON;
	case VERDICT_NO_ROUTE:
		return VERDICT_NO_ROUTE_MON;
	case VERDICT_RPF_ROUTE:
		return VERDICT_RPF_ROUTE_MON;
	case VERDICT_FIB_UNAVAILABLE:
		return VERDICT_FIB_UNAVAILABLE_MON;
	default:
		return verdict;
	}
}

#endif
