/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Writes a frame's headers anew, then runs another program. A test run by live frames uses a page again as the last packet
 * left it: stripped, and with another link header.
 */
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>

/* Ethernet, the outer header and the inner one: what a decapsulating program writes to or moves. */
#define HEADER_BYTES 54
#define CPUS_MAX 256

struct headers {
	__u8 bytes[HEADER_BYTES];
};

/* Each CPU's frame. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, CPUS_MAX);
	__type(key, __u32);
	__type(value, struct headers);
} headers SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} next SEC(".maps");

char LICENSE[] SEC("license") = "GPL";

/* Where there is no next program, this is the empty one to which others are compared. */
SEC("xdp.frags")
int restore(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	__u32 cpu = bpf_get_smp_processor_id();
	struct headers *frame = bpf_map_lookup_elem(&headers, &cpu);

	if (!frame || data + sizeof(*frame) > end)
		return XDP_ABORTED;
	__builtin_memcpy(data, frame, sizeof(*frame));
	bpf_tail_call(ctx, &next, 0);
	return XDP_PASS;
}
