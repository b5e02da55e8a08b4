/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The rules of decapsulation, the same for every hook: is the frame ours, is it right, may its inner source come from
 * that peer? They read the frame and decide; the hooks act on the decision and count it.
 */
#ifndef DECAP_H
#define DECAP_H

#include "count.h"
#include "device.h"
#include "ecn.h"
#include "forgotten.h"
#include "peer.h"
#include "quote.h"
#include "reverse_path.h"

/* Whether a packet for another host may go straight on, past the stack. */
enum onward {
	ONWARD_BY_STACK,
	ONWARD_IF_ROUTED, /* if a unicast route leads back to its source, which nobody has asked yet */
	ONWARD,
};

struct decap {
	enum fate fate;
	enum verdict verdict;
	bool counted; /* false: not ours to count */
	bool known;   /* `peers` has the sender, under the key `peer` */
	enum onward onward;
	__be32 peer;
	struct ipv4 outer;
	struct ipv4 inner;
	struct segments segments;
};

/*
 * Whether this hook decapsulates a packet of `bytes` from its IPv4 header on. In skb mode what is longer than the MTU is
 * a GSO packet; XDP sees nothing of its segments and leaves it to TC, which counts and keeps them rightly.
 */
static __always_inline bool decap_is_due(const struct meta *device, enum hook hook, __u32 bytes)
{
	if (hook == HOOK_TC && device->hook == HOOK_BOTH)
		return true;
	if (device->mode_used != MODE_SKB)
		return device->hook & hook;
	return hook == (bytes > device->mtu ? HOOK_TC : HOOK_XDP);
}

/* Sets the verdict and what follows from it. */
static __always_inline void decap_decide(struct decap *decap, enum verdict verdict)
{
	decap->verdict = verdict;
	decap->fate = fate_of(verdict);
	decap->counted = true;
}

/*
 * ICMP errors that come without a tunnel although a prefix may hold their source: from a router of the underlay about one
 * of our outer packets; or from a peer's own address, as ours to local senders bear it.
 */
static __always_inline bool decap_expects_error(const struct frame *frame, const struct ipv4 *ip,
						const struct meta *device)
{
	struct ipv4 quoted;

	return quote_finds_ours(frame, ip, device, &quoted) ||
	       (ipv4_is_icmp_error(frame, ip) && ip->header->saddr && peer_find(ip->header->saddr));
}

/* Whether there are rules for a packet without a tunnel. With both hooks in charge, XDP may have stripped it. */
static __always_inline bool decap_judges_plain(const struct meta *device)
{
	if (device->hook == HOOK_BOTH)
		return false;
	return device->plain == PLAIN_DROP || (device->plain == PLAIN_BY_RPF && device->rpf == RPF_STRICT);
}

/*
 * A first look: have the rules a word on the packet with this header? On IPIP, and on what comes without a tunnel from a
 * source that must not. Most packets of a device pay for this and no more.
 */
static __always_inline bool decap_concerns(const struct iphdr *header, const struct meta *device)
{
	const struct prefix *prefix;

	if (header->protocol == IPPROTO_IPIP)
		return true;
	if (!decap_judges_plain(device))
		return false;
	prefix = prefix_find(device, header->saddr);
	return prefix && !prefix_is_bare(prefix);
}

/* A packet without a tunnel that is of concern. */
static __always_inline void decap_plain(const struct frame *frame, struct decap *decap, const struct meta *device,
					__u32 gso_size)
{
	if (decap_expects_error(frame, &decap->outer, device))
		return;
	decap_decide(decap, VERDICT_PLAIN_SOURCE);
	decap->segments = segments_of(frame, &decap->outer, gso_size);
}

/* The peer that judges this sender, and its key; NULL if the packet is not ours. */
static __always_inline struct peer *decap_sender(struct decap *decap, const struct meta *device)
{
	const struct iphdr *outer = decap->outer.header;
	struct peer *peer = peer_find(outer->saddr);

	decap->peer = outer->saddr;
	if (!peer) {
		decap->peer = 0;
		peer = peer_find(0);
	}
	return peer && peer_local(peer, device) == outer->daddr ? peer : NULL;
}

/* Both headers, in the order in which a receiver meets them; then what the inner packet counts as. */
static __always_inline enum verdict decap_check_headers(hook_context *ctx, const struct frame *frame,
							struct decap *decap, __u32 gso_size)
{
	struct ipv4 *outer = &decap->outer, *inner = &decap->inner;

	if (!ipv4_is_right(ctx, outer, frame->len - outer->offset, gso_size))
		return VERDICT_OUTER_BAD;
	if (ipv4_is_fragment(outer->header))
		return VERDICT_OUTER_FRAGMENT;
	if (!ipv4_find(frame, outer->offset + outer->header_len, inner) ||
	    !ipv4_is_right(ctx, inner, outer->total_len - outer->header_len, gso_size) || !inner->header->ttl)
		return VERDICT_INNER_BAD;
	decap->segments = segments_of(frame, inner, gso_size);
	return VERDICT_DECAP_OK;
}

/* May the inner packet travel, and come from this peer? VERDICT_DECAP_OK, or what it fails. */
static __always_inline enum verdict decap_check_addresses(hook_context *ctx, const struct frame *frame,
							  struct decap *decap, const struct peer *peer,
							  const struct meta *device, bool tagged)
{
	/* The peer `any` stands for strangers: strict would ask for a prefix that it seldom has. */
	__u8 rpf = peer_or_device(peer->rpf, decap->peer ? device->rpf : RPF_LOOSE);
	__u8 monitor = peer_or_device(peer->monitor, device->monitor);
	bool forward = device_forwards(device) && !tagged && features.link_header;
	enum verdict verdict;

	if (source_is_martian(decap->inner.header->saddr))
		return VERDICT_MARTIAN_SOURCE;
	if (destination_is_martian(decap->inner.header->daddr))
		return VERDICT_MARTIAN_DESTINATION;
	if (rpf == RPF_OFF) {
		decap->onward = forward ? ONWARD_IF_ROUTED : ONWARD_BY_STACK;
		return VERDICT_DECAP_OK;
	}
	verdict = reverse_path_check(ctx, frame, &decap->outer, &decap->inner, decap->peer, rpf == RPF_STRICT, tagged,
				     device);
	/* What only `monitor` lets through is the stack's. */
	decap->onward = forward && verdict == VERDICT_DECAP_OK ? ONWARD : ONWARD_BY_STACK;
	return monitor == SWITCH_ON ? monitored(verdict) : verdict;
}

/* What the marks of congestion change in a verdict that carries the packet. */
static __always_inline enum verdict decap_check_ecn(const struct decap *decap, enum verdict verdict)
{
	__u8 outer = decap->outer.header->tos, inner = decap->inner.header->tos;

	if (ecn_drops(outer, inner))
		return VERDICT_ECN_DROP;
	return verdict == VERDICT_DECAP_OK && ecn_is_alarming(outer, inner) ? VERDICT_ECN_ALARM : verdict;
}

/* What a GSO packet counts as whose headers nobody checks. */
static __always_inline void decap_count_unchecked(const struct frame *frame, struct decap *decap, __u32 gso_size)
{
	struct ipv4 inner;

	if (!gso_size || !ipv4_find(frame, decap->outer.offset + decap->outer.header_len, &inner))
		return;
	inner.total_len = frame->len - inner.offset;
	decap->segments = segments_of(frame, &inner, gso_size);
}

static __always_inline void decap_ipip(hook_context *ctx, const struct frame *frame, struct decap *decap,
				       const struct meta *device, bool tagged, __u32 gso_size)
{
	struct peer *peer = decap_sender(decap, device);
	enum verdict verdict;

	decap_count_unchecked(frame, decap, gso_size);
	if (!peer) {
		decap_decide(decap, VERDICT_NOT_PEER);
		return;
	}
	decap->known = true;
	if (!peer_is_valid(peer)) {
		decap_decide(decap, VERDICT_PEER_INVALID);
		return;
	}
	verdict = decap_check_headers(ctx, frame, decap, gso_size);
	if (verdict == VERDICT_DECAP_OK) {
		verdict = decap_check_addresses(ctx, frame, decap, peer, device, tagged);
		verdict = forgotten(verdict, frame->len);
		decap->onward = forgotten(decap->onward, frame->len);
	}
	if (fate_of(verdict) == FATE_CARRY)
		verdict = decap_check_ecn(decap, verdict);
	decap_decide(decap, verdict);
	if (verdict == VERDICT_OUTER_FRAGMENT && device->fragments == FRAGMENTS_STACK)
		decap->fate = FATE_UNTOUCHED;
}

/*
 * Judges a frame with its IPv4 header `ip` bytes in. `tagged`: it bears a VLAN tag, in the frame or beside it.
 * `gso_size`: bytes of payload in each segment of a GSO packet, else 0.
 */
static __always_inline void decap_judge(hook_context *ctx, const struct frame *frame, __u32 ip,
					const struct meta *device, bool tagged, __u32 gso_size, struct decap *decap)
{
	/* Whole: Linux 5.10 lets nothing be moved that was not written. */
	*decap = (struct decap){ .fate = FATE_UNTOUCHED, .segments.count = 1 };
	if (!ipv4_find(frame, ip, &decap->outer))
		return;
	if (decap->outer.header->protocol == IPPROTO_IPIP)
		decap_ipip(ctx, frame, decap, device, tagged, gso_size);
	else
		decap_plain(frame, decap, device, gso_size);
}

static __always_inline void decap_goes_straight_on(struct decap *decap)
{
	if (decap->verdict == VERDICT_DECAP_OK)
		decap->verdict = VERDICT_DECAP_FORWARDED;
}

/* Before a packet is dropped: one way on for all that led to it. */
static __always_inline void decap_forget(struct decap *decap, __u64 unknown)
{
	decap->verdict = forgotten(decap->verdict, unknown);
	decap->segments.count = forgotten(decap->segments.count, unknown);
	decap->peer = forgotten(decap->peer, unknown);
	decap->known = forgotten(decap->known, unknown);
}

/* Counts a packet that was dropped, of `peer` if it is known. */
static __always_inline void decap_count_drop(enum verdict verdict, __u32 packets, __be32 peer, bool known)
{
	struct segments segments = { .count = packets };

	count_verdict(verdict, packets);
	if (known)
		count_dropped(count_of_peer(peer), &segments);
}

static __always_inline void decap_count_of_peer(const struct decap *decap)
{
	if (decap->known && decap->fate == FATE_CARRY)
		count_received(count_of_peer(decap->peer), &decap->segments);
}

/* Counts what was not dropped, once that is carried out. */
static __always_inline void decap_count(const struct decap *decap)
{
	count_verdict(decap->verdict, decap->segments.count);
	decap_count_of_peer(decap);
}

#endif
