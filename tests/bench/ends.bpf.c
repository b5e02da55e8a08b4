/* SPDX-License-Identifier: GPL-2.0-only */
/* The two ends of a gateway's cables: a device that has an XDP program and is otherwise as ever, and one that drops all. */
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>

char LICENSE[] SEC("license") = "GPL";

SEC("xdp.frags/pass")
int pass(struct xdp_md *ctx)
{
	return XDP_PASS;
}

SEC("xdp.frags/drop")
int drop(struct xdp_md *ctx)
{
	return XDP_DROP;
}
