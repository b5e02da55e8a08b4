// SPDX-License-Identifier: GPL-2.0-only
/*
 * The parts of the programs, each alone, and the least that wrapping and unwrapping can be: programs that make only the
 * calls which the rules demand of every packet, and check nothing. They work on the dataplane's own maps, and carry what
 * the tunnel carries. What the least takes no program of these rules can be below.
 */
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>

typedef struct xdp_md hook_context;

#include "fib.h"
#include "frame.h"
#include "maps.h"
#include "verdict.h"

#define TC_ACT_UNSPEC (-1)
#define TC_ACT_SHOT 2

char LICENSE[] SEC("license") = "GPL";

/* Frames of the benchmark are untagged, and their headers have no options. */
#define OUTER_END (sizeof(struct ethhdr) + sizeof(struct iphdr))
#define INNER_END (OUTER_END + sizeof(struct iphdr))

/* The IPv4 header that ends `end` bytes into a packet, or NULL if the packet is shorter. */
#define HEADER(ctx, end)                                                                                               \
	((void *)(long)(ctx)->data + (end) <= (void *)(long)(ctx)->data_end                                            \
		 ? (struct iphdr *)((void *)(long)(ctx)->data + (end) - sizeof(struct iphdr))                          \
		 : NULL)

/* The headers that are written, aligned as the programs have them. */
struct written {
	__u8 unused[2];
	struct ethhdr eth;
	struct iphdr outer;
} __attribute__((aligned(4)));

static __always_inline struct meta *ask_meta(void)
{
	__u32 key = 0;

	return bpf_map_lookup_elem(&meta, &key);
}

static __always_inline struct prefix *ask_prefix(__be32 address)
{
	struct prefix_key key = { .prefixlen = 32 };

	__builtin_memcpy(key.addr, &address, sizeof(key.addr));
	return bpf_map_lookup_elem(&prefixes, &key);
}

static __always_inline struct peer *ask_peer(__be32 remote)
{
	return bpf_map_lookup_elem(&peers, &remote);
}

/* The question of the reverse path: through which device does the inner source lie? */
static __always_inline bool ask_way_back(void *ctx, const struct iphdr *inner, __u32 ifindex)
{
	struct bpf_fib_lookup fib = {
		.family = AF_INET,
		.ifindex = LOOPBACK_IFINDEX,
		.ipv4_dst = inner->saddr,
		.ipv4_src = inner->daddr,
		.tot_len = sizeof(*inner),
	};

	return bpf_fib_lookup(ctx, &fib, sizeof(fib), features.skip_neighbour ? BPF_FIB_LOOKUP_SKIP_NEIGH : 0) >= 0 &&
	       fib.ifindex == ifindex;
}

/* The question of wrapping: which device and which MACs lead to the peer? */
static __always_inline bool ask_way(void *ctx, __be32 remote, __be32 local, struct written *written)
{
	struct bpf_fib_lookup fib = {
		.family = AF_INET,
		.ifindex = LOOPBACK_IFINDEX,
		.l4_protocol = IPPROTO_IPIP,
		.ipv4_dst = remote,
		.ipv4_src = local,
		.tot_len = 120,
	};

	if (bpf_fib_lookup(ctx, &fib, sizeof(fib), 0))
		return false;
	__builtin_memcpy(written->eth.h_dest, fib.dmac, sizeof(fib.dmac));
	__builtin_memcpy(written->eth.h_source, fib.smac, sizeof(fib.smac));
	return true;
}

/* The outer header, which has the same TTL and DF for all. */
static __always_inline void write_outer(struct written *written, const struct iphdr *inner, __be32 local, __be32 remote)
{
	struct iphdr *outer = &written->outer;

	written->eth.h_proto = bpf_htons(ETH_P_IP);
	outer->version = 4;
	outer->ihl = sizeof(*outer) / 4;
	outer->tot_len = bpf_htons(bpf_ntohs(inner->tot_len) + sizeof(*outer));
	outer->frag_off = bpf_htons(IPV4_DF);
	outer->ttl = 64;
	outer->protocol = IPPROTO_IPIP;
	outer->saddr = local;
	outer->daddr = remote;
	outer->check = ~checksum_fold(checksum_of_20_bytes(outer));
}

static __always_inline void count_one(__u32 verdict, __be32 remote)
{
	__u64 *packets = bpf_map_lookup_elem(&verdicts, &verdict);
	struct peer_counters *counters = bpf_map_lookup_elem(&peer_counters, &remote);

	if (packets)
		*packets += 1;
	if (counters)
		counters->rx_packets++;
}

static __always_inline bool grow(struct __sk_buff *skb, const struct written *written)
{
	return !bpf_skb_adjust_room(skb, sizeof(struct iphdr), BPF_ADJ_ROOM_MAC,
				    BPF_F_ADJ_ROOM_FIXED_GSO | BPF_F_ADJ_ROOM_NO_CSUM_RESET |
					    BPF_F_ADJ_ROOM_ENCAP_L3_IPV4) &&
	       !bpf_skb_store_bytes(skb, 0, &written->eth, OUTER_END, 0);
}

static __always_inline bool shrink(struct __sk_buff *skb)
{
	__u64 flags = BPF_F_ADJ_ROOM_FIXED_GSO | BPF_F_ADJ_ROOM_NO_CSUM_RESET;

	if (features.decap_l3_flag)
		flags |= BPF_F_ADJ_ROOM_DECAP_L3_IPV4;
	return !bpf_skb_adjust_room(skb, -(int)sizeof(struct iphdr), BPF_ADJ_ROOM_MAC, flags);
}

SEC("xdp")
int part_options(struct xdp_md *ctx __attribute__((unused)))
{
	struct meta *device = ask_meta();

	return device && device->rpf ? XDP_PASS : XDP_DROP;
}

SEC("xdp")
int part_headers(struct xdp_md *ctx)
{
	struct frame frame = { .data = (void *)(long)ctx->data, .end = (void *)(long)ctx->data_end };
	struct ipv4 outer, inner;
	__u32 ip;

	frame.len = features.xdp_buff_len ? bpf_xdp_get_buff_len(ctx) : frame.end - frame.data;
	if (!frame_find_ipv4(&frame, &ip) || !ipv4_find(&frame, ip, &outer) ||
	    !ipv4_is_right(ctx, &outer, frame.len - ip, false) || !ipv4_find(&frame, ip + outer.header_len, &inner) ||
	    !ipv4_is_right(ctx, &inner, outer.total_len - outer.header_len, false))
		return XDP_DROP;
	return XDP_PASS;
}

SEC("xdp")
int part_peer(struct xdp_md *ctx)
{
	struct iphdr *outer = HEADER(ctx, OUTER_END);

	return outer && ask_peer(outer->saddr) ? XDP_PASS : XDP_DROP;
}

SEC("xdp")
int part_prefix(struct xdp_md *ctx)
{
	struct iphdr *inner = HEADER(ctx, INNER_END);

	return inner && ask_prefix(inner->saddr) ? XDP_PASS : XDP_DROP;
}

SEC("xdp")
int part_way_back(struct xdp_md *ctx)
{
	struct iphdr *inner = HEADER(ctx, INNER_END);

	return inner && !ask_way_back(ctx, inner, 0) ? XDP_PASS : XDP_DROP;
}

SEC("xdp")
int part_counters(struct xdp_md *ctx)
{
	struct iphdr *outer = HEADER(ctx, OUTER_END);

	if (outer)
		count_one(VERDICT_DECAP_OK, outer->saddr);
	return XDP_PASS;
}

SEC("xdp")
int part_strip_xdp(struct xdp_md *ctx)
{
	return bpf_xdp_adjust_head(ctx, sizeof(struct iphdr)) ? XDP_DROP : XDP_PASS;
}

SEC("tc")
int part_strip_tc(struct __sk_buff *skb)
{
	return shrink(skb) ? TC_ACT_UNSPEC : TC_ACT_SHOT;
}

SEC("tc")
int part_way(struct __sk_buff *skb)
{
	struct iphdr *outer = HEADER(skb, OUTER_END);
	struct written written = {};

	return outer && ask_way(skb, outer->saddr, outer->daddr, &written) ? TC_ACT_UNSPEC : TC_ACT_SHOT;
}

SEC("tc")
int part_wrap(struct __sk_buff *skb)
{
	struct written written = {};

	return grow(skb, &written) ? TC_ACT_UNSPEC : TC_ACT_SHOT;
}

SEC("xdp")
int least_decap_xdp(struct xdp_md *ctx)
{
	struct iphdr *inner = HEADER(ctx, INNER_END), *outer = HEADER(ctx, OUTER_END);
	struct meta *device = ask_meta();
	__be32 remote;

	if (!device || !outer || !inner)
		return XDP_DROP;
	remote = outer->saddr;
	if (!ask_peer(remote) || !ask_prefix(inner->saddr) || !ask_way_back(ctx, inner, device->ifindex) ||
	    bpf_xdp_adjust_head(ctx, sizeof(struct iphdr)))
		return XDP_DROP;
	count_one(VERDICT_DECAP_OK, remote);
	return XDP_PASS;
}

SEC("tc")
int least_decap_tc(struct __sk_buff *skb)
{
	struct iphdr *inner = HEADER(skb, INNER_END), *outer = HEADER(skb, OUTER_END);
	struct meta *device = ask_meta();
	__be32 remote;

	if (!device || !outer || !inner || outer->protocol != IPPROTO_IPIP)
		return TC_ACT_UNSPEC;
	remote = outer->saddr;
	if (!ask_peer(remote) || !ask_prefix(inner->saddr) || !ask_way_back(skb, inner, device->ifindex) ||
	    !shrink(skb))
		return TC_ACT_SHOT;
	count_one(VERDICT_DECAP_OK, remote);
	return TC_ACT_UNSPEC;
}

SEC("tc")
int least_encap(struct __sk_buff *skb)
{
	struct iphdr *inner = HEADER(skb, OUTER_END);
	struct meta *device = ask_meta();
	struct written written = {};
	struct prefix *prefix;
	__be32 local, remote;

	if (!device || !inner)
		return TC_ACT_UNSPEC;
	prefix = ask_prefix(inner->daddr);
	if (!prefix)
		return TC_ACT_UNSPEC;
	remote = address_of(prefix->remote);
	local = address_of(device->local);
	if (!ask_peer(remote) || !ask_way(skb, remote, local, &written))
		return TC_ACT_SHOT;
	write_outer(&written, inner, local, remote);
	if (!grow(skb, &written))
		return TC_ACT_SHOT;
	count_one(VERDICT_ENCAP_OK, remote);
	return TC_ACT_UNSPEC;
}

/* The question of a gateway: which device and which MACs lead to the inner destination? */
static __always_inline long ask_onward(void *ctx, const struct iphdr *inner, __u32 ifindex, struct bpf_fib_lookup *fib)
{
	*fib = (struct bpf_fib_lookup){
		.family = AF_INET,
		.ifindex = ifindex,
		.l4_protocol = inner->protocol,
		.tot_len = bpf_ntohs(inner->tot_len),
		.ipv4_dst = inner->daddr,
		.ipv4_src = inner->saddr,
	};
	return bpf_fib_lookup(ctx, fib, sizeof(*fib), 0);
}

/* Writes the link header, and a TTL that is one less: its checksum is 256 more, and of these frames never runs over. */
static __always_inline bool write_onward(struct xdp_md *ctx, const struct bpf_fib_lookup *fib)
{
	struct iphdr *ip = HEADER(ctx, OUTER_END);
	struct ethhdr *eth = (void *)(long)ctx->data;

	if (!ip)
		return false;
	ip->ttl--;
	ip->check += bpf_htons(1 << 8);
	__builtin_memcpy(eth->h_dest, fib->dmac, sizeof(eth->h_dest));
	__builtin_memcpy(eth->h_source, fib->smac, sizeof(eth->h_source));
	eth->h_proto = bpf_htons(ETH_P_IP);
	return true;
}

SEC("xdp.frags")
int least_forward(struct xdp_md *ctx)
{
	struct iphdr *inner = HEADER(ctx, INNER_END), *outer = HEADER(ctx, OUTER_END);
	struct meta *device = ask_meta();
	struct bpf_fib_lookup fib;
	__be32 remote;

	if (!device || !outer || !inner)
		return XDP_DROP;
	remote = outer->saddr;
	if (!ask_peer(remote) || !ask_prefix(inner->saddr) || !ask_way_back(ctx, inner, device->ifindex) ||
	    ask_onward(ctx, inner, device->ifindex, &fib) || bpf_xdp_adjust_head(ctx, sizeof(struct iphdr)) ||
	    !write_onward(ctx, &fib))
		return XDP_DROP;
	count_one(VERDICT_DECAP_FORWARDED, remote);
	return bpf_redirect(fib.ifindex, 0);
}
