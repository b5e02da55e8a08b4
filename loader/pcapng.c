/* SPDX-License-Identifier: GPL-2.0-only */
#include <string.h>

#include "pcapng.h"

enum block_type {
	SECTION_HEADER = 0x0a0d0d0a,
	INTERFACE_DESCRIPTION = 1,
	INTERFACE_STATISTICS = 5,
	ENHANCED_PACKET = 6,
};

#define BYTE_ORDER_MAGIC 0x1a2b3c4d
#define SECTION_LENGTH_UNKNOWN (~0ULL)

/* What an option means depends on its block, but for these two. */
enum option {
	OPTION_END = 0,
	OPTION_COMMENT = 1,
	SECTION_PROGRAM = 4,
	INTERFACE_NAME = 2,
	INTERFACE_TIME_RESOLUTION = 9,
	PACKET_FLAGS = 2,
	PACKET_DROPCOUNT = 4,
	STATISTICS_RECEIVED = 4,
	STATISTICS_DROPPED = 5,
};

/* 10 to the power of minus this many seconds. */
#define NANOSECONDS 9

/* A block while it is made. Each part is filled up to a multiple of four bytes. */
struct block {
	__u8 data[64 + PCAPNG_SNAPLEN + PCAPNG_COMMENT_MAX];
	__u32 length;
};

static void put(struct block *block, const void *data, __u32 length)
{
	memcpy(block->data + block->length, data, length);
	block->length += length;
	while (block->length % 4)
		block->data[block->length++] = 0;
}

static void put_u32(struct block *block, __u32 number)
{
	put(block, &number, sizeof(number));
}

static void put_option(struct block *block, enum option code, const void *value, size_t length)
{
	__u16 head[] = { (__u16)code, (__u16)length };

	put(block, head, sizeof(head));
	put(block, value, (__u32)length);
}

/* Text that is too long is cut. */
static void put_text(struct block *block, enum option code, const char *text)
{
	put_option(block, code, text, strnlen(text, PCAPNG_COMMENT_MAX));
}

/* The place of the length is filled in at the end. */
static struct block begin(enum block_type type)
{
	struct block block = { .length = 0 };

	put_u32(&block, type);
	put_u32(&block, 0);
	return block;
}

static int end(struct output *output, struct block *block)
{
	__u32 length;

	put_u32(block, OPTION_END);
	length = block->length + (__u32)sizeof(length);
	put_u32(block, length);
	memcpy(block->data + sizeof(length), &length, sizeof(length));
	return output_add(output, block->data, length);
}

/* Times are two numbers, the upper half first. */
static void put_time(struct block *block, __u64 time)
{
	put_u32(block, (__u32)(time >> 32));
	put_u32(block, (__u32)time);
}

int pcapng_section(struct output *output, const char *program)
{
	struct block block = begin(SECTION_HEADER);
	const __u16 version[] = { 1, 0 };
	const __u64 length = SECTION_LENGTH_UNKNOWN;

	put_u32(&block, BYTE_ORDER_MAGIC);
	put(&block, version, sizeof(version));
	put(&block, &length, sizeof(length));
	put_text(&block, SECTION_PROGRAM, program);
	return end(output, &block);
}

int pcapng_interface(struct output *output, const char *name, enum pcapng_link link)
{
	struct block block = begin(INTERFACE_DESCRIPTION);
	const __u16 link_type[] = { (__u16)link, 0 };
	const __u8 resolution = NANOSECONDS;

	put(&block, link_type, sizeof(link_type));
	put_u32(&block, PCAPNG_SNAPLEN);
	put_text(&block, INTERFACE_NAME, name);
	put_option(&block, INTERFACE_TIME_RESOLUTION, &resolution, sizeof(resolution));
	return end(output, &block);
}

int pcapng_packet(struct output *output, const struct pcapng_packet *packet)
{
	__u32 captured = packet->captured < PCAPNG_SNAPLEN ? packet->captured : PCAPNG_SNAPLEN;
	struct block block = begin(ENHANCED_PACKET);
	const __u32 flags = packet->direction;

	put_u32(&block, packet->interface);
	put_time(&block, packet->time);
	put_u32(&block, captured);
	put_u32(&block, packet->length);
	put(&block, packet->data, captured);
	put_text(&block, OPTION_COMMENT, packet->comment);
	put_option(&block, PACKET_FLAGS, &flags, sizeof(flags));
	if (packet->missed)
		put_option(&block, PACKET_DROPCOUNT, &packet->missed, sizeof(packet->missed));
	return end(output, &block);
}

int pcapng_statistics(struct output *output, __u32 interface, __u64 time, __u64 packets, __u64 missed)
{
	struct block block = begin(INTERFACE_STATISTICS);

	put_u32(&block, interface);
	put_time(&block, time);
	put_option(&block, STATISTICS_RECEIVED, &packets, sizeof(packets));
	put_option(&block, STATISTICS_DROPPED, &missed, sizeof(missed));
	return end(output, &block);
}
