/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * ICMP errors from inside the tunnel: which are about a packet of ours, what they teach, and which the inner sender must
 * hear of (RFC 2003 4 and 5, RFC 1191). These rules read the packet and decide; the hook acts on the decision.
 */
#ifndef RELAY_H
#define RELAY_H

#include "icmp.h"
#include "path.h"
#include "prefix.h"
#include "quote.h"

/* What an ICMP error must quote of the inner packet to be handed on: its header, and these bytes (RFC 792). */
#define QUOTED_PAYLOAD 8

struct relay {
	struct ipv4 carrier;     /* the IPv4 header of the error itself */
	struct ipv4 outer;       /* of ours, quoted */
	struct ipv4 inner;       /* quoted behind it, where all of it is there */
	struct icmp_error error; /* for the inner sender */
};

/* MTUs that links have (RFC 1191 7.1): the next one below `len`. */
#define PLATEAUS(X) X(32000) X(17914) X(8166) X(4352) X(2002) X(1492) X(1006)

static __always_inline __u32 relay_plateau(__u32 len)
{
#define PLATEAU(mtu)                                                                                                   \
	if (mtu < len)                                                                                                 \
		return mtu;
	PLATEAUS(PLATEAU)
#undef PLATEAU
	return PATH_MTU_MIN;
}

/* The path MTU that an error tells about an outer packet of `quoted_len` bytes; an old router tells none. */
static __always_inline __u32 relay_told_mtu(const struct icmphdr *message, __u32 quoted_len)
{
	__u32 mtu = bpf_ntohs(message->un.frag.mtu);

	if (!mtu)
		return relay_plateau(quoted_len);
	return mtu < PATH_MTU_MIN ? PATH_MTU_MIN : mtu;
}

/* Lowers the path MTU. False if the error contradicts what was sent, or tells no less than is known. */
static __always_inline bool relay_learn_mtu(const struct icmphdr *message, struct relay *relay,
					    const struct meta *device)
{
	__u32 told = relay_told_mtu(message, relay->outer.total_len), known;
	__be32 remote = relay->outer.header->daddr;
	__u64 now = 0;

	if (told >= relay->outer.total_len)
		return false;
	known = path_mtu(path_find(remote, &now), now);
	if (known && told > known)
		return false;
	path_learn_mtu(remote, told, device->mtu_expires);
	relay->error.mtu = told - sizeof(struct iphdr);
	return true;
}

/*
 * What the inner sender is to hear (RFC 2003 4). False: nothing; what concerns the outer header alone, or the peer's
 * want of a tunnel, must not leave it.
 */
static __always_inline bool relay_translates(const struct icmphdr *message, struct icmp_error *error)
{
	error->code = ICMP_HOST_UNREACHABLE;
	error->mtu = 0;
	if (message->type == ICMP_TIME_EXCEEDED)
		return message->code == ICMP_TTL_EXCEEDED;
	if (message->type != ICMP_UNREACHABLE)
		return false;
	if (message->code == ICMP_FRAGMENTATION_NEEDED)
		error->code = ICMP_FRAGMENTATION_NEEDED;
	return message->code <= ICMP_UNREACHABLE_CODE_MAX && message->code != ICMP_PORT_UNREACHABLE &&
	       message->code != ICMP_SOURCE_ROUTE_FAILED;
}

/* True if the quote holds the inner header and the first bytes behind it. */
static __always_inline bool relay_finds_inner(const struct frame *frame, struct relay *relay)
{
	const struct ipv4 *outer = &relay->outer;
	struct ipv4 *inner = &relay->inner;
	__u32 end = relay->carrier.offset + relay->carrier.total_len;

	return !(outer->header->frag_off & bpf_htons(IPV4_OFFSET)) &&
	       ipv4_find(frame, outer->offset + outer->header_len, inner) && inner->header->version == 4 &&
	       inner->header_len >= sizeof(struct iphdr) && inner->offset + inner->header_len + QUOTED_PAYLOAD <= end;
}

/* May the inner sender be told, and is it its turn? */
static __always_inline enum verdict relay_permit(const struct frame *frame, const struct ipv4 *inner,
						 const struct meta *device)
{
	const __u8 *first_byte = frame_at(frame, inner->offset + inner->header_len, sizeof(*first_byte));

	if (!icmp_may_tell(inner->header, first_byte))
		return VERDICT_ERROR_IGNORED;
	return icmp_rate_allows(device) ? VERDICT_ERROR_RELAYED : VERDICT_ERROR_LIMITED;
}

/* Judges an error that quotes an outer packet of ours, and whose checksums are right. */
static __always_inline enum verdict relay_judge(const struct frame *frame, const struct meta *device,
						struct relay *relay)
{
	__be32 remote = relay->outer.header->daddr;
	const struct icmphdr *message;
	bool complete;

	message = frame_at(frame, relay->carrier.offset + relay->carrier.header_len, sizeof(*message));
	if (!message || !relay_translates(message, &relay->error))
		return VERDICT_ERROR_IGNORED;
	complete = relay_finds_inner(frame, relay);
	if (complete && !prefix_belongs_to(prefix_look_up(relay->inner.header->daddr), remote))
		return VERDICT_ERROR_IGNORED;
	if (relay->error.code == ICMP_FRAGMENTATION_NEEDED && !relay_learn_mtu(message, relay, device))
		return VERDICT_ERROR_IGNORED;
	if (complete)
		return relay_permit(frame, &relay->inner, device);
	/* A smaller MTU is remembered, and owes nothing: the next packet that is too big draws its own error. */
	if (relay->error.code != ICMP_FRAGMENTATION_NEEDED)
		path_owe_error(remote);
	return VERDICT_ERROR_KEPT;
}

#endif
