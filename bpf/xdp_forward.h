/* SPDX-License-Identifier: GPL-2.0-only */
/* Sending a frame straight on from XDP: out of the device that it came in by, or out of one that takes such frames. */
#ifndef XDP_FORWARD_H
#define XDP_FORWARD_H

#include "checksum_begun.h"
#include "forward.h"
#include "xdp_frame.h"

/*
 * At least this often, counted in jiffies (so 0.25 to 2.5 s), a packet to a next hop is left to the stack, whose
 * neighbour code probes what is stale: bpf_fib_lookup() never does.
 */
#define NEXT_HOP_INTERVAL 250

/* Slots of next hops, by the last bits of their addresses: those of one network have each their own. */
#define NEXT_HOPS 1024

/* From when on this CPU leaves a packet for a next hop of that slot to the stack, in jiffies. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, NEXT_HOPS);
	__type(key, __u32);
	__type(value, __u64);
} next_hops SEC(".maps");

/* The devices that XDP can send frames out of; what is not here the stack sends. */
struct {
	__uint(type, BPF_MAP_TYPE_DEVMAP_HASH);
	__uint(max_entries, DEVICES_MAX);
	__type(key, __u32);
	__type(value, __u32);
} devices SEC(".maps");

static __always_inline bool next_hop_is_due(__be32 next_hop)
{
	__u32 slot = bpf_ntohl(next_hop) % NEXT_HOPS;
	__u64 *due = bpf_map_lookup_elem(&next_hops, &slot), now = bpf_jiffies64();

	if (!due || now < *due)
		return false;
	*due = now + NEXT_HOP_INTERVAL;
	return true;
}

/*
 * The action that sends a frame out of a device that is in `devices`. On hardware XDP_TX is the shorter way back. A veth
 * takes frames so, and lets them lie until others come, where its other end has no XDP program of its own (seen on Linux
 * 6.18).
 */
static __always_inline int xdp_send(__u32 ifindex, const struct meta *device)
{
	if (ifindex == device->ifindex && !features.software)
		return XDP_TX;
	return bpf_redirect_map(&devices, ifindex, 0);
}

/* xdp_forward() found that the packet goes into a tunnel of DEV. No action of XDP has this number. */
#define XDP_INTO_TUNNEL (-1)

/*
 * Sends an untagged frame on that is for another host. Returns the action, XDP_PASS if the stack is to have it; or
 * XDP_INTO_TUNNEL, the only way where `tunnel`. Then the frame is as it was. `routed`: a route leads back to its source.
 * Where `tunnel`, it came without one, and the stack's strict rp_filter would have that route lead back through DEV.
 */
static __noinline int xdp_forward(struct xdp_md *ctx, bool routed, bool tunnel)
{
	struct frame frame = xdp_frame(ctx);
	struct forward forward;
	struct ethhdr *eth = frame_at(&frame, 0, sizeof(*eth));
	struct meta *device;
	struct ipv4 ipv4;
	__u32 key = 0;

	device = bpf_map_lookup_elem(&meta, &key);
	/*
	 * Not every device sends frames in several buffers. To others goes what a switch flooded, or a capture let in, and
	 * broadcasts.
	 */
	if (!device || !eth || frame.data + frame.len != frame.end || !eth_is_sent_to(eth, features.mac) ||
	    !ipv4_find(&frame, sizeof(*eth), &ipv4) || ipv4.header_len != sizeof(struct iphdr) ||
	    !ipv4_is_right(ctx, &ipv4, frame.len - sizeof(*eth), false) || checksum_may_be_begun(&frame, &ipv4) ||
	    !forward_finds_way(ctx, &frame, sizeof(*eth), device->ifindex, ipv4.total_len, routed,
			       tunnel ? device->ifindex : 0, device, &forward))
		return XDP_PASS;
	if (forward.into_tunnel)
		return XDP_INTO_TUNNEL;
	if (tunnel || fib_leads_to_our_next_hop(&forward.fib) || !bpf_map_lookup_elem(&devices, &forward.fib.ifindex) ||
	    next_hop_is_due(forward.fib.ipv4_dst))
		return XDP_PASS;
	forward.header->check = ipv4_checksum_with_less_ttl(forward.header);
	forward.header->ttl--;
	__builtin_memcpy(eth->h_dest, forward.fib.dmac, sizeof(eth->h_dest));
	__builtin_memcpy(eth->h_source, forward.fib.smac, sizeof(eth->h_source));
	return xdp_send(forward.fib.ifindex, device);
}

#endif
