/* SPDX-License-Identifier: GPL-2.0-only */
/* The maps of an attachment, each pinned under its own name. Keys and values: layout.h. */
#ifndef MAPS_H
#define MAPS_H

#include "vmlinux.h"
#include <bpf/bpf_helpers.h>

#include "layout.h"
#include "verdict.h"

/* Which attachment this is, and its options. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct meta);
} meta SEC(".maps");

/* Inner prefix -> the peer that it is reached through, and accepted from. */
struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(max_entries, PREFIXES_MAX);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct prefix_key);
	__type(value, struct prefix);
} prefixes SEC(".maps");

/* Outer address of the far end -> how packets to and from it are treated. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, PEERS_MAX);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct peer_key);
	__type(value, struct peer);
} peers SEC(".maps");

/* enum verdict -> packets that had it; a line of memory for each CPU, so that no two write the same. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, VERDICT_ROOM);
	__type(key, __u32);
	__type(value, __u64);
} verdicts SEC(".maps");

/* What a peer sent and was sent. Made by the loader with the peer, or by the peer's first packet. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_HASH);
	__uint(max_entries, PEERS_MAX);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct peer_key);
	__type(value, struct peer_counters);
} peer_counters SEC(".maps");

#endif
