/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The least that a gateway in XDP can cost: the outer header taken off, the TTL one less, two MAC addresses written, and
 * the frame sent out of one device. No table, no check, no route, no count.
 */
#include "vmlinux.h"
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

struct way {
	__u32 ifindex;
	struct ethhdr link;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct way);
} way SEC(".maps");

char LICENSE[] SEC("license") = "GPL";

SEC("xdp.frags")
int floor_forward(struct xdp_md *ctx)
{
	struct {
		struct ethhdr link;
		struct iphdr ip;
	} *frame;
	struct way *out;
	__u32 key = 0;

	out = bpf_map_lookup_elem(&way, &key);
	if (!out || bpf_xdp_adjust_head(ctx, sizeof(struct iphdr)))
		return XDP_ABORTED;
	frame = (void *)(long)ctx->data;
	if ((void *)(frame + 1) > (void *)(long)ctx->data_end)
		return XDP_ABORTED;
	frame->link = out->link;
	frame->ip.ttl--;
	/* A TTL that is one less is a checksum that is 256 more; that of these frames never runs over. */
	frame->ip.check += bpf_htons(1 << 8);
	return bpf_redirect(out->ifindex, 0);
}
