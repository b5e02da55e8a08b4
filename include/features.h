/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the dataplane must know when it is loaded and cannot find out for itself. The loader writes it into each
 * object's read-only data; what a kernel lacks is then dead code to its verifier. Nothing here is needed on Linux 5.10.
 */
#ifndef FEATURES_H
#define FEATURES_H

#define TICKS_MS_SHIFT 20

struct features {
	__u8 link_header;    /* bytes of DEV's link header: 14 for Ethernet, 0 for a device without one */
	__u8 xdp_buff_len;   /* bpf_xdp_get_buff_len() exists: Linux 5.18 */
	__u8 decap_l3_flag;  /* BPF_F_ADJ_ROOM_DECAP_L3_IPV4 exists: Linux 6.3 */
	__u8 skip_neighbour; /* BPF_FIB_LOOKUP_SKIP_NEIGH exists: Linux 6.3 */
	__u8 fib_tells_mtu;  /* bpf_fib_lookup() holds tot_len against the MTU on TC too, and tells it: Linux 5.12 */
	__u8 software;       /* DEV is no hardware, or XDP gets there what the stack had before (mode skb) */
	__u8 mac[6];         /* DEV's address; 0 if it has none */
	__u32 cpus;          /* one more than the number of the last CPU that is online */
	__u32 ticks;         /* of the kernel (jiffies) in 2^TICKS_MS_SHIFT milliseconds, rounded down */
	__u8 layouts_behind; /* how many layouts meta's is older than LAYOUT: what those brought is not in the map */
	__u8 reserved[3];    /* 0. No gap, whose bytes might differ: `explain` holds two programs' features together */
};

#endif
