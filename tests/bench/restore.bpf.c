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

/* Over how many ports to spread packets; 1: each keeps the one that it has. */
volatile const __u32 flows = 1;

/* What a TCP header has behind the part that is written anew; see vary(). */
struct varied {
	__u16 source;
	__u8 between[16];
	__u16 urgent;
} __attribute__((packed));

char LICENSE[] SEC("license") = "GPL";

/* Another port for each packet; the urgent pointer makes up for it, so that the checksum stays as it was. */
static __always_inline void vary(struct varied *tcp)
{
	__u16 port = bpf_get_prandom_u32() % flows;

	tcp->source = port;
	tcp->urgent = ~port;
}

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
	if (flows > 1) {
		if (data + sizeof(*frame) + sizeof(struct varied) > end)
			return XDP_ABORTED;
		vary(data + sizeof(*frame));
	}
	bpf_tail_call(ctx, &next, 0);
	return XDP_PASS;
}
