/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Fuzzes the reader of packets from capture files. The first two bytes say to how many the frame behind them is then
 * shortened. Headers lie one inside the other, and shortening neither mends nor breaks a length or a checksum.
 */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "packet.h"

static uint16_t word(const __u8 *at)
{
	return (uint16_t)(at[0] << 8 | at[1]);
}

static uint16_t sum_of_header(const __u8 *at)
{
	uint32_t sum = 0;

	for (size_t i = 0; i < 20; i += 2)
		sum += word(at + i);
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)sum;
}

/* A length that is too long stays so, and none becomes too long. The sum has two zeros. */
static void check_first_header(const struct frame *before, const struct frame *after)
{
	const __u8 *old = before->bytes + before->ip, *new = after->bytes + after->ip;

	assert((word(old + 2) > before->size - before->ip) == (word(new + 2) > after->size - after->ip));
	assert(sum_of_header(old) % 0xffff == sum_of_header(new) % 0xffff);
}

static void check_headers(const struct headers *headers)
{
	bool quoted = false;

	assert(headers->count <= HEADERS_MAX);
	for (size_t i = 0; i < headers->count; i++) {
		assert(headers->list[i].quoted == quoted);
		quoted |= header_is_icmp_error(&headers->list[i]);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct frame *frame, *shorter;
	struct headers headers;

	if (size < 2 || size - 2 > FRAME_MAX)
		return 0;
	frame = calloc(1, sizeof(*frame));
	shorter = malloc(sizeof(*shorter));
	assert(frame && shorter);
	frame->size = size - 2;
	memcpy(frame->bytes, data + 2, frame->size);
	frame_find_ip(frame);
	frame_read(frame, &headers);
	check_headers(&headers);
	assert(frame->ipv4 == (headers.count > 0));
	*shorter = *frame;
	if (frame->ipv4 && word(data) >= frame->ip + 20 && word(data) < frame->size) {
		frame_shorten(shorter, word(data));
		check_first_header(frame, shorter);
		frame_read(shorter, &headers);
		check_headers(&headers);
	}
	free(shorter);
	free(frame);
	return 0;
}
