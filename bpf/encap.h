/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The rules of encapsulation: whose packet is it, may it travel, what is its outer header (RFC 2003), and where does
 * that one go? They read the packet and decide; the hook acts on the decision and counts it.
 */
#ifndef ENCAP_H
#define ENCAP_H

#include "count.h"
#include "ecn.h"
#include "fib.h"
#include "icmp.h"
#include "identification.h"
#include "path.h"
#include "peer.h"
#include "prefix.h"

#define IPV4_TOTAL_MAX 65535

/* Every link carries that much (RFC 791 3.2). */
#define IPV4_MTU_MIN 68

struct encap {
	enum verdict verdict;
	bool counted;  /* false: not ours */
	bool resolved; /* `fib` has the next hop's addresses; else the kernel's neighbour code must send it */
	__be32 local;
	__be32 remote;
	__u32 ifindex; /* device that the outer packet leaves by */
	__u32 mtu;     /* of the way to the peer, if the packet was too big for it */
	struct ipv4 inner;
	struct segments segments;
	struct bpf_fib_lookup fib;
	struct peer_counters *counters; /* NULL while `peers` has no `remote` */
};

/* Has an earlier pass through the chain, or another attachment of ours, already wrapped it? */
static __always_inline bool encap_is_ours(const struct iphdr *header, const struct meta *device)
{
	const struct peer *peer;

	if (header->protocol != IPPROTO_IPIP)
		return false;
	peer = peer_find(header->daddr);
	return peer && header->saddr == peer_local(peer, device);
}

/* Into a tunnel: `any` only receives, but what is not written rightly is not left to the network either. */
static __always_inline bool encap_has_tunnel(const struct prefix *prefix)
{
	if (!prefix || prefix_is_bare(prefix))
		return false;
	return address_of(prefix->remote) || !prefix_is_valid(prefix);
}

/* Is the frame addressed to the next hop of routes into a tunnel, which is nobody? */
static __always_inline bool encap_leads_nowhere(const struct frame *frame)
{
	static const __u8 nobody[] = NEXT_HOP_MAC;
	const struct ethhdr *eth = frame_at(frame, 0, sizeof(*eth));

	return features.link_header && eth && eth_is_sent_to(eth, nobody);
}

/* DF of the outer header: RFC 2003 3.1 lets it be set always, and never be clear when the inner one is set. */
static __always_inline bool encap_forbids_fragments(const struct iphdr *inner, const struct peer *peer,
						    const struct meta *device)
{
	return peer_or_device(peer->df, device->df) == DF_PMTUDISC || inner->frag_off & bpf_htons(IPV4_DF);
}

static __always_inline __u8 encap_ttl(const struct iphdr *inner, const struct peer *peer, const struct meta *device)
{
	if (peer->ttl_mode)
		return peer->ttl_mode == FIELD_FIXED ? peer->ttl : inner->ttl;
	return device->ttl_mode == FIELD_FIXED ? device->ttl : inner->ttl;
}

static __always_inline __u8 encap_tos(const struct iphdr *inner, const struct peer *peer, const struct meta *device)
{
	__u8 ecn = ecn_encapsulate(inner->tos, peer_or_device(peer->ecn, device->ecn));
	__u8 dscp = inner->tos & ~ECN_MASK;

	if (peer->tos_mode == FIELD_FIXED)
		dscp = peer->tos;
	else if (!peer->tos_mode && device->tos_mode == FIELD_FIXED)
		dscp = device->tos;
	return dscp | ecn;
}

/*
 * RFC 2003 3.2: a forwarded packet from one of the tunnel's ends has been here before, or lies about where it comes from.
 * An ICMP error from this end is our own: the kernel takes no packet from elsewhere with an address of this host.
 */
static __always_inline bool encap_runs_in_a_circle(const struct frame *frame, const struct encap *encap)
{
	__be32 source = encap->inner.header->saddr;

	if (source == encap->local)
		return !ipv4_is_icmp_error(frame, &encap->inner);
	return source == encap->remote;
}

/* The inner packet's own fitness to be wrapped. */
static __always_inline enum verdict encap_check_inner(const struct frame *frame, const struct encap *encap,
						      __u32 available, bool forwarded)
{
	const struct ipv4 *inner = &encap->inner;

	if (inner->header_len < sizeof(*inner->header) || inner->total_len < inner->header_len ||
	    inner->total_len > available)
		return VERDICT_INNER_BAD;
	if (!inner->header->ttl)
		return VERDICT_ENCAP_TTL;
	return forwarded && encap_runs_in_a_circle(frame, encap) ? VERDICT_ENCAP_SOURCE : VERDICT_ENCAP_OK;
}

/* Asks for the route to `remote`, as for a packet of this host's own of `total_len` bytes. */
static __always_inline long encap_ask(hook_context *ctx, struct encap *encap, __be32 local, __u8 tos, __u32 total_len)
{
	encap->fib = (struct bpf_fib_lookup){
		.l4_protocol = IPPROTO_IPIP,
		.tos = tos,
		.ipv4_src = local,
		.ipv4_dst = encap->remote,
		.tot_len = total_len,
	};
	return fib_ask(ctx, &encap->fib);
}

/* The MTU of the route to `remote`, which has no room for `total_len` bytes. */
static __always_inline __u32 encap_ask_mtu(hook_context *ctx, struct encap *encap, __be32 local, __u8 tos,
					   __u32 total_len)
{
	__u32 room = IPV4_MTU_MIN - 1, too_big = total_len;

	if (features.fib_tells_mtu)
		return encap->fib.mtu_result;
	/* Before Linux 5.12 the FIB keeps it for itself. */
	for (__u32 i = 0; i < 16 && room + 1 < too_big; i++) {
		__u32 middle = (room + too_big) / 2;

		if (encap_ask(ctx, encap, local, tos, middle) == BPF_FIB_LKUP_RET_FRAG_NEEDED)
			too_big = middle;
		else
			room = middle;
	}
	return room;
}

/*
 * Finds the way to the peer. The length that the FIB holds against the path's MTU is that of the longest segment, never
 * a GSO packet's own.
 */
static __always_inline enum verdict encap_route(hook_context *ctx, struct encap *encap, const struct meta *device,
						__be32 local, __u8 tos)
{
	__u32 total_len = encap->segments.longest + sizeof(struct iphdr);
	bool too_big = false;
	long answer;

	encap->mtu = IPV4_TOTAL_MAX;
	if (total_len > IPV4_TOTAL_MAX)
		return VERDICT_ENCAP_TOO_BIG;
	answer = encap_ask(ctx, encap, local, tos, total_len);
	if (answer == BPF_FIB_LKUP_RET_FRAG_NEEDED) {
		too_big = true;
		encap->mtu = encap_ask_mtu(ctx, encap, local, tos, total_len);
		/* Too big comes without the next hop: ask once more, since a loop is the better news. */
		answer = encap_ask(ctx, encap, local, tos, sizeof(struct iphdr));
	}
	if (fib_has_no_route(answer))
		return VERDICT_ENCAP_NO_ROUTE;
	/* Where the FIB does not say, the kernel's own routing will. */
	encap->ifindex = fib_names_device(&encap->fib) ? encap->fib.ifindex : device->ifindex;
	encap->resolved = answer == BPF_FIB_LKUP_RET_SUCCESS;
	if (fib_names_device(&encap->fib) && fib_leads_to_our_next_hop(&encap->fib))
		return VERDICT_ENCAP_LOOP;
	if (!too_big && !fib_names_device(&encap->fib) && total_len > device->mtu) {
		too_big = true;
		encap->mtu = device->mtu;
	}
	return too_big ? VERDICT_ENCAP_TOO_BIG : VERDICT_ENCAP_OK;
}

/* Holds a packet against what ICMP errors have told of the way to the peer. */
static __always_inline enum verdict encap_check_path(struct encap *encap, const struct meta *device,
						     const struct peer *peer, enum verdict verdict)
{
	__u64 now = 0;
	struct path *path = path_find(encap->remote, &now);
	__u32 mtu = path_mtu(path, now);

	if (!path)
		return verdict;
	if (path_owes_error(path, now))
		return VERDICT_ENCAP_UNREACHABLE;
	/* Routers cut what does not forbid it. */
	if (!mtu || mtu >= encap->mtu || encap->segments.longest + sizeof(struct iphdr) <= mtu ||
	    !encap_forbids_fragments(encap->inner.header, peer, device))
		return verdict;
	encap->mtu = mtu;
	return VERDICT_ENCAP_TOO_BIG;
}

/* The ICMP error that tells the inner sender of the verdict. False if it draws none. */
static __always_inline bool encap_finds_error(const struct encap *encap, struct icmp_error *error)
{
	error->code = ICMP_HOST_UNREACHABLE;
	error->mtu = 0;
	if (encap->verdict == VERDICT_ENCAP_NO_ROUTE || encap->verdict == VERDICT_ENCAP_UNREACHABLE)
		return true;
	error->code = ICMP_FRAGMENTATION_NEEDED;
	error->mtu = encap->mtu - sizeof(struct iphdr);
	return encap->verdict == VERDICT_ENCAP_TOO_BIG;
}

/* The outer header. Built by value, so that what is not named here is 0. */
static __always_inline struct iphdr encap_header(const struct encap *encap, const struct peer *peer,
						 const struct meta *device, __u8 tos)
{
	__u32 total_len = encap->inner.total_len + sizeof(struct iphdr);
	const struct iphdr *inner = encap->inner.header;
	struct iphdr outer = {
		.version = 4,
		.ihl = sizeof(outer) / 4,
		.tos = tos,
		.ttl = encap_ttl(inner, peer, device),
		.protocol = IPPROTO_IPIP,
		.saddr = encap->local,
		.daddr = encap->remote,
	};

	/* Only a GSO packet can be longer than the field; its segments get lengths of their own. */
	if (total_len <= IPV4_TOTAL_MAX)
		outer.tot_len = bpf_htons(total_len);
	if (encap_forbids_fragments(inner, peer, device))
		outer.frag_off = bpf_htons(IPV4_DF); /* atomic: its ID means nothing (RFC 6864 4.1) */
	else
		outer.id = identification_take(outer.saddr, outer.daddr, encap->segments.count);
	outer.check = ~checksum_fold(checksum_of_20_bytes(&outer));
	return outer;
}

/*
 * Judges a packet with its IPv4 header `ip` bytes in, and fills `outer` if it is to be wrapped. `forwarded`: it came
 * from another host.
 */
static __always_inline void encap_judge(hook_context *ctx, const struct frame *frame, __u32 ip,
					const struct meta *device, bool tagged, bool forwarded, __u32 gso_size,
					struct encap *encap, struct iphdr *outer)
{
	const struct prefix *prefix;
	const struct peer *peer;
	bool has_tunnel;
	__u8 tos;

	encap->counted = false;
	encap->counters = NULL;
	if (!ipv4_find(frame, ip, &encap->inner) || encap_is_ours(encap->inner.header, device))
		return;
	prefix = prefix_find(device, encap->inner.header->daddr);
	has_tunnel = encap_has_tunnel(prefix);
	encap->counted = has_tunnel || (!tagged && encap_leads_nowhere(frame));
	if (!encap->counted)
		return;
	if (gso_size)
		encap->inner.total_len = frame->len - ip; /* the header's may be wrong, or 0: BIG TCP */
	encap->segments = segments_of(frame, &encap->inner, gso_size);
	encap->verdict = VERDICT_ENCAP_NO_PREFIX;
	if (!has_tunnel)
		return;
	encap->remote = address_of(prefix->remote);
	encap->verdict = VERDICT_TAGGED;
	if (tagged)
		return;
	peer = peer_find(encap->remote);
	encap->verdict = VERDICT_NO_PEER;
	if (!peer)
		return;
	encap->counters = count_of_peer(encap->remote);
	encap->verdict = VERDICT_PEER_INVALID;
	if (!peer_is_valid(peer) || !prefix_is_valid(prefix))
		return;
	encap->local = peer_local(peer, device);
	encap->verdict = encap_check_inner(frame, encap, frame->len - ip, forwarded);
	if (encap->verdict != VERDICT_ENCAP_OK)
		return;
	tos = encap_tos(encap->inner.header, peer, device);
	encap->verdict = encap_route(ctx, encap, device, encap->local, tos);
	if (encap->verdict == VERDICT_ENCAP_OK || encap->verdict == VERDICT_ENCAP_TOO_BIG)
		encap->verdict = encap_check_path(encap, device, peer, encap->verdict);
	if (encap->verdict == VERDICT_ENCAP_OK)
		*outer = encap_header(encap, peer, device, tos);
}

static __always_inline void encap_count(const struct encap *encap)
{
	if (!encap->counted)
		return;
	count_verdict(encap->verdict, encap->segments.count);
	if (encap->verdict == VERDICT_ENCAP_OK)
		count_sent(encap->counters, &encap->segments);
	else
		count_dropped(encap->counters, &encap->segments);
}

#endif
