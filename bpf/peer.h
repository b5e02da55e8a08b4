/* SPDX-License-Identifier: GPL-2.0-only */
/* Peers, and which settings are in force. */
#ifndef PEER_H
#define PEER_H

#include "ipv4.h"
#include "maps.h"

/* A setting of 0 in a peer's entry means: as the device has it. */
static __always_inline __u8 peer_or_device(__u8 peer, __u8 device)
{
	return peer ? peer : device;
}

static __always_inline struct peer *peer_find(__be32 remote)
{
	return bpf_map_lookup_elem(&peers, &remote);
}

static __always_inline __be32 peer_local(const struct peer *peer, const struct meta *device)
{
	return address_of(peer->local) ?: address_of(device->local);
}

/* A field that begins a word of a peer's entry. */
#define PEER_WORD(field) (__builtin_offsetof(struct peer, field) / sizeof(__u32))

/* A function of its own: few peers have settings of their own. */
static __noinline bool peer_settings_are_valid(const struct peer *peer)
{
	return peer->ttl_mode <= FIELD_FIXED && !(peer->ttl_mode == FIELD_FIXED && !peer->ttl) &&
	       peer->tos_mode <= FIELD_FIXED && !(peer->tos_mode == FIELD_FIXED && peer->tos & ECN_MASK) &&
	       peer->df <= DF_NOPMTUDISC && peer->rpf <= RPF_OFF && peer->monitor <= SWITCH_OFF &&
	       peer->ecn <= ECN_COMPATIBILITY;
}

/* False if a value is out of range or a reserved byte is not 0 (struct peer). */
static __always_inline bool peer_is_valid(const struct peer *peer)
{
	const __u32 *words = (const __u32 *)peer;
	__u32 settings = 0, zeros = TYPE_IPIP;

#pragma unroll
	for (__u32 i = PEER_WORD(ttl); i < PEER_WORD(type); i++)
		settings |= words[i];
#pragma unroll
	for (__u32 i = PEER_WORD(type); i < sizeof(*peer) / sizeof(*words); i++)
		zeros |= words[i];
	return !zeros && (!settings || peer_settings_are_valid(peer));
}

#endif
