/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What is pinned: the keys and values of the maps that the dataplane, the loader and people with bpftool share.
 *
 * Addresses are bytes in the order in which a person writes them (network order). All other numbers are in the host's
 * byte order. A layout never changes under its name; LAYOUT counts them all together.
 *
 * The includer brings the fixed-width types: <linux/types.h> in the loader, "vmlinux.h" in the dataplane.
 */
#ifndef LAYOUT_H
#define LAYOUT_H

/* The layout that this version writes into `meta`. */
#define LAYOUT 3

#define PREFIXES_MAX 1048576
#define PEERS_MAX 65536

/*
 * Routes into a tunnel lead to this link-local next hop. A permanent neighbour entry spares the kernel from asking for
 * it by ARP, so that every packet reaches the egress hook, where the true next hop is written over it. It is never on
 * the wire.
 */
/* clang-format off */
#define NEXT_HOP { 169, 254, 4, 4 }
#define NEXT_HOP_MAC { 0x02, 0x00, 0x00, 0x00, 0x04, 0x04 }
/* clang-format on */

/* rtm_protocol of the routes that the loader makes; in nobody's list of well-known numbers. */
#define ROUTE_PROTOCOL 94

/* Key of `prefixes`, and of `routes` before layout 3: an inner prefix. Key of LPM_TRIE: the length in bits comes first. */
struct prefix_key {
	__u32 prefixlen; /* 0..32 */
	__u8 addr[4];
};

/* Value of `prefixes`: through which peer. */
struct prefix {
	__u8 remote[4];   /* the owner's outer address; 0.0.0.0: the peer `any`; ignored if bare */
	__u8 bare;        /* 1: through no tunnel */
	__u8 reserved[3]; /* 0 */
} __attribute__((aligned(4)));

/* Entries of `prefix_cache` while there is a `cache`. */
#define PREFIX_CACHE_MAX 8192

/* The longest prefix that held an address. */
struct cached_prefix {
	__u64 since;      /* the kernel's jiffies_64, then */
	__u64 generation; /* of `generation`, then */
	__u32 address;    /* as it is in the packet */
	__u32 found;      /* 0: none held it */
	struct prefix prefix;
} __attribute__((aligned(8)));

/* Value of `prefix_cache`, per CPU: two addresses that share a place need not drive each other out. */
struct cached_pair {
	struct cached_prefix entries[2];
};

/* Key of `peers`, `peer_counters`, `peer_src` and `paths`: the far end's outer address, 0.0.0.0 for `any`. */
struct peer_key {
	__u8 remote[4];
} __attribute__((aligned(4)));

/* How a header field is chosen; 0 in a peer: as the device has it. */
enum field_mode {
	FIELD_INHERIT = 1, /* as in the inner header */
	FIELD_FIXED = 2,
};

/* Whether the outer header forbids fragmentation. */
enum df_mode {
	DF_PMTUDISC = 1,   /* DF is set */
	DF_NOPMTUDISC = 2, /* DF as in the inner header */
};

/* The reverse-path check of the inner source. */
enum rpf_mode {
	RPF_STRICT = 1, /* a prefix of that peer, and the route back leaves through DEV */
	RPF_LOOSE = 2,  /* any unicast route back */
	RPF_OFF = 3,
};

enum switch_mode {
	SWITCH_ON = 1,
	SWITCH_OFF = 2,
};

/* RFC 6040, what encapsulation does with ECN. */
enum ecn_mode {
	ECN_NORMAL = 1,        /* copies it */
	ECN_COMPATIBILITY = 2, /* Not-ECT: the far end does not propagate it */
};

/* What a packet is wrapped in. */
enum peer_type {
	TYPE_IPIP = 0,
};

/* Value of `peers`. In all but `local` and `type`, 0 means: as the device has it. */
struct peer {
	__u8 local[4];     /* outer source; 0.0.0.0: the device's */
	__u8 ttl;          /* 1..255 with ttl_mode FIELD_FIXED */
	__u8 tos;          /* with tos_mode FIELD_FIXED: DSCP in the upper six bits, the ECN bits are 0 */
	__u8 ttl_mode;     /* enum field_mode */
	__u8 tos_mode;     /* enum field_mode */
	__u8 df;           /* enum df_mode */
	__u8 rpf;          /* enum rpf_mode */
	__u8 monitor;      /* enum switch_mode: count what the reverse-path check would drop, and let it through */
	__u8 ecn;          /* enum ecn_mode */
	__u8 type;         /* enum peer_type */
	__u8 reserved[19]; /* 0 */
} __attribute__((aligned(4)));

/* What becomes of a packet that came without a tunnel, from a source that a peer's prefix holds. */
enum plain_mode {
	PLAIN_BY_RPF = 0, /* drop if the device's rpf is strict, else pass */
	PLAIN_DROP = 1,
	PLAIN_PASS = 2,
};

/* What becomes of outer fragments. */
enum fragments_mode {
	FRAGMENTS_DROP = 1,
	FRAGMENTS_STACK = 2,
};

/* Where decapsulation runs. A hook that is not named here leaves every packet alone, but for TC's part in mode skb. */
enum hook {
	HOOK_XDP = 1,
	HOOK_TC = 2,
	HOOK_BOTH = HOOK_XDP | HOOK_TC, /* while XDP's program is exchanged: TC takes what finds none there */
};

/* The user's word for it; MODE_AUTO leaves the choice to the loader. */
enum mode {
	MODE_AUTO = 0,
	MODE_NATIVE = 1,
	MODE_SKB = 2,
	MODE_TC = 3,
};

/* What the loader made, so that detach can undo it; bits of meta.made, each set before the thing is made. */
enum made {
	MADE_NEIGHBOUR = 1 << 0,     /* the permanent neighbour NEXT_HOP on the device */
	MADE_CLSACT = 1 << 1,        /* the device's clsact qdisc */
	MADE_LO_FORWARDING = 1 << 2, /* net.ipv4.conf.lo.forwarding in the namespace, which was 0 */
};

/* Value of `meta`, an array of one: which attachment this is, its options (never 0 but where said), what was made. */
struct meta {
	__u32 layout;       /* LAYOUT; stays first for ever */
	__u32 ifindex;      /* DEV's */
	__u64 netns_cookie; /* SO_NETNS_COOKIE of DEV's namespace, or before Linux 5.14 the inode of its nsfs file */
	__u8 local[4];      /* outer source */
	__u8 src[4];        /* preferred source of the kernel routes; 0.0.0.0: the kernel's choice */
	__u8 ttl;
	__u8 tos;
	__u8 ttl_mode;
	__u8 tos_mode;
	__u8 df;
	__u8 rpf;
	__u8 monitor;
	__u8 ecn;
	__u8 plain;      /* enum plain_mode, 0 too */
	__u8 fragments;  /* enum fragments_mode */
	__u8 routes;     /* enum switch_mode: whether a prefix brings its kernel route */
	__u8 local_auto; /* 1: local was not given, it is DEV's first global address */
	__u8 mode;       /* enum mode that the user asked for, 0 too */
	__u8 mode_used;  /* enum mode in use: never MODE_AUTO */
	__u8 hook;       /* enum hook */
	__u8 made;       /* enum made */
	__u32 mtu; /* DEV's when it was attached: for packets whose route the FIB will not tell, and for mode skb */
	__u32 mtu_expires; /* seconds for which a path MTU that an ICMP error told is believed, 1 or more */
	__u32 icmp_rate;   /* ICMP errors that each CPU may send to inner senders in a second; 0: none */
	__u32 cache;       /* milliseconds for which a CPU may remember whose prefix an address is in; 0: not at all */
	__u8 forward;      /* enum switch_mode, 0 is off: packets for other hosts pass the stack by */
	__u8 spread;       /* enum switch_mode, 0 is off: inner flows are spread over the CPUs */
	__u8 reserved[6];  /* 0 */
} __attribute__((aligned(8)));

/* The path MTU is never believed to be smaller: what every host must accept (RFC 791 3.2). */
#define PATH_MTU_MIN 576

/*
 * Value of `paths`: what ICMP errors from inside the tunnel told of the way to a peer (RFC 2003 5). Times are nanoseconds
 * of CLOCK_MONOTONIC; what is past, or 0, counts no more.
 */
struct path {
	__u64 mtu_until;
	__u64 error_until; /* until then the next packet draws an error: one quoted too little to be handed on */
	__u32 mtu;         /* bytes of the outer packet, PATH_MTU_MIN or more */
	__u32 reserved;
} __attribute__((aligned(8)));

/* Value of `peer_counters`, per CPU. A GSO packet counts as its segments; bytes are inner total lengths. */
struct peer_counters {
	__u64 tx_packets;
	__u64 tx_bytes;
	__u64 rx_packets;
	__u64 rx_bytes;
	__u64 drops;       /* to or from this peer, under whatever verdict */
	__u64 neigh_asked; /* jiffies when this CPU last sent a packet by way of the kernel's neighbour code */
};

/* What is recorded of a prefix's route. Before layout 3 the value of `routes`, a hash of prefix_key. */
struct route_record {
	__u8 src[4]; /* preferred source that was given with the prefix; 0.0.0.0: as the peer or device has it */
} __attribute__((aligned(4)));

/* The first layout whose records of routes lie in `routes2`. */
#define ROUTES2_SINCE 3

/* Entries of `routes2` when it is made. */
#define ROUTES2_FIRST 1024

/*
 * Value of `routes2`, an array that is exchanged for a larger one when it is full: a prefix that the loader made and that
 * has a kernel route while the device has `routes on`; written before the route is made. A hash takes 104 bytes for each.
 */
struct route_place {
	__u8 addr[4];
	__u8 prefixlen;
	__u8 taken;       /* 0: by none, and all is 0 */
	__u8 reserved[2]; /* 0 */
	struct route_record record;
	__u8 reserved2[4]; /* 0: the kernel gives each value a multiple of eight bytes */
} __attribute__((aligned(4)));

/* Room in `devices`, a DEVMAP_HASH of ifindex: the devices that XDP sends packets for other hosts out of. */
#define DEVICES_MAX 1024

/* Value of `peer_src`: preferred source of the kernel routes of a peer's prefixes. */
struct peer_src {
	__u8 src[4];
} __attribute__((aligned(4)));

/* Value of `build`, an array of one: which build's programs are attached; 0: they are just being exchanged. */
struct build {
	__u64 digest;
};

/* Key of `identification`: a source and destination of outer headers. */
struct identification_key {
	__u8 local[4];
	__u8 remote[4];
} __attribute__((aligned(4)));

_Static_assert(sizeof(struct prefix_key) == 8, "pinned layout");
_Static_assert(sizeof(struct prefix) == 8, "pinned layout");
_Static_assert(sizeof(struct peer_key) == 4, "pinned layout");
_Static_assert(sizeof(struct peer) == 32, "pinned layout");
_Static_assert(sizeof(struct meta) == 64, "pinned layout");
_Static_assert(sizeof(struct peer_counters) == 48, "pinned layout");
_Static_assert(sizeof(struct path) == 24, "pinned layout");
_Static_assert(sizeof(struct cached_pair) == 64, "pinned layout");
_Static_assert(sizeof(struct route_record) == 4, "pinned layout");
_Static_assert(sizeof(struct route_place) == 16, "pinned layout");

#endif
