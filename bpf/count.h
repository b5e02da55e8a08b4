/* SPDX-License-Identifier: GPL-2.0-only */
/* Counters. Each CPU has its own copy and runs one program of a kind at a time, so that plain additions do. */
#ifndef COUNT_H
#define COUNT_H

#include "maps.h"
#include "segments.h"

static __always_inline void count_verdict(enum verdict verdict, __u32 packets)
{
	__u32 key = verdict;
	__u64 *count = bpf_map_lookup_elem(&verdicts, &key);

	if (count)
		*count += packets;
}

/* A function of its own: what a peer's first packet needs is in no other's way. */
static __noinline void count_begin(__be32 remote)
{
	struct peer_counters none = {};

	bpf_map_update_elem(&peer_counters, &remote, &none, BPF_NOEXIST);
}

/*
 * A peer's counters on this CPU. A peer that was added with bpftool gets them with its first packet; NULL if there is no
 * memory for them.
 */
static __always_inline struct peer_counters *count_of_peer(__be32 remote)
{
	struct peer_counters *counters = bpf_map_lookup_elem(&peer_counters, &remote);

	if (counters)
		return counters;
	count_begin(remote);
	return bpf_map_lookup_elem(&peer_counters, &remote);
}

static __always_inline void count_sent(struct peer_counters *counters, const struct segments *segments)
{
	if (!counters)
		return;
	counters->tx_packets += segments->count;
	counters->tx_bytes += segments->bytes;
}

static __always_inline void count_received(struct peer_counters *counters, const struct segments *segments)
{
	if (!counters)
		return;
	counters->rx_packets += segments->count;
	counters->rx_bytes += segments->bytes;
}

static __always_inline void count_dropped(struct peer_counters *counters, const struct segments *segments)
{
	if (counters)
		counters->drops += segments->count;
}

/* What becomes of a packet, by its verdict alone; a few have options that say otherwise. */
static __always_inline enum fate fate_of(enum verdict verdict)
{
	__u64 drop = 0, carry = 0;

#define FATE_BIT_UNTOUCHED(symbol)
#define FATE_BIT_DROP(symbol) drop |= 1ULL << VERDICT_##symbol;
#define FATE_BIT_CARRY(symbol) carry |= 1ULL << VERDICT_##symbol;
#define X(symbol, name, fate, meaning, remedy) FATE_BIT_##fate(symbol)
	VERDICTS(X)
#undef X
	if (drop >> verdict & 1)
		return FATE_DROP;
	return carry >> verdict & 1 ? FATE_CARRY : FATE_UNTOUCHED;
}

#endif
