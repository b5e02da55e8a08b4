/* SPDX-License-Identifier: GPL-2.0-only */
/* IPv4 packets in Ethernet frames: made of words, and taken apart for people. */
#ifndef PACKET_H
#define PACKET_H

#include <stdbool.h>
#include <stddef.h>
#include <linux/types.h>

#define PACKET_MAX 65535
/* A packet, its outer header, the link header with two tags, and what a program may put before all that. */
#define FRAME_MAX (PACKET_MAX + 256)

/* Through DEV. */
enum direction {
	DIRECTION_OUT = 1,
	DIRECTION_IN = 2,
};

struct frame {
	__u8 bytes[FRAME_MAX];
	size_t size;
	size_t ip;   /* where the IPv4 header is */
	bool ipv4;   /* there is one */
	bool tagged; /* VLAN tags stand before it */
};

/* An IPv4 header, and what its packet begins with. */
struct header {
	__u8 src[4];
	__u8 dst[4];
	__u8 protocol;
	__u8 ttl;
	__u8 tos;
	__u16 total_len;
	__u16 id;
	__u16 offset; /* bytes */
	bool df;
	bool mf;
	bool quoted;    /* an ICMP error quotes it */
	bool has_ports; /* TCP or UDP */
	__u16 sport;
	__u16 dport;
	bool has_icmp;
	__u8 icmp_type;
	__u8 icmp_code;
	__u16 icmp_mtu; /* of fragmentation needed */
};

/* An outer, an inner, and two that one of them quotes. */
#define HEADERS_MAX 4

struct headers {
	struct header list[HEADERS_MAX]; /* from the outermost on */
	size_t count;
};

/* What a packet is to be. */
struct packet_wish {
	__u8 src[4];
	__u8 dst[4];
	__u8 protocol;
	__u8 ttl;
	__u8 tos;
	__u16 sport;
	__u16 dport;
	__u32 total_len; /* at least packet_least() */
	bool df;
};

/* The fewest bytes of a packet of this protocol: its header and that of TCP, UDP or ICMP. */
__u32 packet_least(__u8 protocol);

/* An untagged frame with such a packet; of ICMP an echo request, of TCP a SYN. The payload is zeros. */
void frame_build(struct frame *frame, const struct packet_wish *wish);

/* Puts a header of protocol 4 before the packet, with the inner one's TOS. */
void frame_wrap(struct frame *frame, const __u8 src[4], const __u8 dst[4]);

/* Finds the IPv4 header behind the link header and at most two tags, in a frame whose bytes and size are set. */
void frame_find_ip(struct frame *frame);

/*
 * Cuts the frame to `size` bytes. Lengths in the headers that this would make wrong shrink with it; right ones, right
 * checksums too, stay right, and wrong ones wrong.
 */
void frame_shorten(struct frame *frame, size_t size);

/* The headers of the frame's packet; none if it is not IPv4. */
void frame_read(const struct frame *frame, struct headers *headers);

/* An ICMP message that is about another packet. */
bool header_is_icmp_error(const struct header *header);

#endif
