/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The least that a tunnel in TC can cost: an outer header that is always the same, put on and taken off by the kernel's
 * helper. No table, no check, no route, no count. What the real programs take above this is theirs.
 */
#include "vmlinux.h"
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#define ADDRESS(a, b, c, d) bpf_htonl((a) << 24 | (b) << 16 | (c) << 8 | (d))
#define OUTER_A ADDRESS(172, 16, 16, 22)
#define OUTER_B ADDRESS(172, 16, 1, 62)
#define INNER_A ADDRESS(192, 168, 1, 1)
#define INNER_B ADDRESS(192, 168, 1, 254)
#define FLAGS (BPF_F_ADJ_ROOM_FIXED_GSO | BPF_F_ADJ_ROOM_NO_CSUM_RESET)

char LICENSE[] SEC("license") = "GPL";

static struct iphdr *ipv4_of(struct __sk_buff *skb)
{
	void *data = (void *)(long)skb->data, *end = (void *)(long)skb->data_end;
	struct iphdr *ip = data + sizeof(struct ethhdr);

	return skb->protocol == bpf_htons(0x0800) && (void *)(ip + 1) <= end ? ip : NULL;
}

static void set_checksum(struct iphdr *ip)
{
	__u32 sum = 0;

	for (int i = 0; i < 10; i++)
		sum += ((__u16 *)ip)[i];
	sum = (sum & 0xffff) + (sum >> 16);
	ip->check = (__u16) ~((sum & 0xffff) + (sum >> 16));
}

SEC("tc/encap")
int floor_encap(struct __sk_buff *skb)
{
	struct iphdr outer = { .version = 4, .ihl = 5, .ttl = 64, .protocol = 4, .frag_off = bpf_htons(0x4000) };
	struct iphdr *inner = ipv4_of(skb);

	if (!inner || (inner->daddr != INNER_A && inner->daddr != INNER_B))
		return -1;
	outer.saddr = inner->daddr == INNER_B ? OUTER_A : OUTER_B;
	outer.daddr = inner->daddr == INNER_B ? OUTER_B : OUTER_A;
	outer.tot_len = bpf_htons(bpf_ntohs(inner->tot_len) + sizeof(outer));
	set_checksum(&outer);
	if (bpf_skb_adjust_room(skb, sizeof(outer), BPF_ADJ_ROOM_MAC, FLAGS | BPF_F_ADJ_ROOM_ENCAP_L3_IPV4) ||
	    bpf_skb_store_bytes(skb, sizeof(struct ethhdr), &outer, sizeof(outer), 0))
		return 2;
	return -1;
}

SEC("tc/decap")
int floor_decap(struct __sk_buff *skb)
{
	struct iphdr *outer = ipv4_of(skb);

	if (!outer || outer->protocol != 4)
		return -1;
	return bpf_skb_adjust_room(skb, -(int)sizeof(*outer), BPF_ADJ_ROOM_MAC, FLAGS) ? 2 : -1;
}
