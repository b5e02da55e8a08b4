/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Spreading what comes out of a tunnel over the CPUs (`spread on`). All that a peer sends bears one pair of addresses, so
 * that a network card gives it to one CPU; the inner flow decides here which CPU takes it through the stack. A flow stays
 * on its CPU, and in order.
 */
#ifndef XDP_SPREAD_H
#define XDP_SPREAD_H

#include "checksum_begun.h"
#include "device.h"
#include "ports.h"
#include "xdp_frame.h"

/* A CPU's queue and thread; made by the loader for each that is online. */
struct {
	__uint(type, BPF_MAP_TYPE_CPUMAP);
	__uint(max_entries, 2); /* the loader makes it for all CPUs */
	__type(key, __u32);
	__type(value, __u32);
} cpus SEC(".maps");

/* In skb mode the kernel has made an skb of each packet, and can spread those itself (RPS). */
static __always_inline bool spread_is_due(const struct meta *device)
{
	return device_spreads(device) && device->mode_used == MODE_NATIVE;
}

/*
 * Mixes the bits of a flow's addresses and ports, so that flows which differ in any of them go their own ways: into the
 * upper bits, which choose the CPU. It stays as it is: while programs are exchanged, a flow keeps its CPU and so its order.
 */
static __always_inline __u32 spread_hash(const struct frame *frame, const struct ipv4 *ipv4)
{
	const struct iphdr *header = ipv4->header;
	__u32 hash = header->saddr * 0x9e3779b1 + header->daddr;
	struct ports ports = ports_of(frame, ipv4);

	hash = (hash ^ hash >> 15) * 0x85ebca6b;
	hash += (__u32)ports.source << 16 | ports.destination;
	return (hash ^ hash >> 13) * 0xc2b2ae35;
}

/*
 * Hands an untagged frame that is for the stack to the CPU of its flow, also if that is this one: past its queue it would
 * overtake what another CPU put there before. Returns the action. A frame whose checksum is only begun stays: what a queue
 * holds is a frame alone, which cannot say so. One of 65,536 that are whole looks like one and may overtake its flow.
 */
static __noinline int xdp_spread(struct xdp_md *ctx)
{
	struct frame frame = xdp_frame(ctx);
	struct ipv4 ipv4;

	if (!ipv4_find(&frame, sizeof(struct ethhdr), &ipv4) || checksum_may_be_begun(&frame, &ipv4))
		return XDP_PASS;
	/* A CPU that is not in the map has no share. */
	return bpf_redirect_map(&cpus, (__u64)spread_hash(&frame, &ipv4) * features.cpus >> 32, XDP_PASS);
}

#endif
