// SPDX-License-Identifier: GPL-2.0-only
/* Small UDP datagrams from one socket to one other, as many as go. Each end tells how many it saw, and in what time. */
#define _GNU_SOURCE
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "endpoint.h"

#define BATCH 64
#define DATAGRAM_MAX 2048
#define RECEIVE_BUFFER (16 << 20)
#define PATIENCE_NS (10000 * NS_PER_MS)

static char data[BATCH][DATAGRAM_MAX];
static struct iovec pieces[BATCH];
static struct mmsghdr batch[BATCH];

static void make_batch(size_t size)
{
	for (int i = 0; i < BATCH; i++) {
		pieces[i] = (struct iovec){ .iov_base = data[i], .iov_len = size };
		batch[i].msg_hdr = (struct msghdr){ .msg_iov = &pieces[i], .msg_iovlen = 1 };
	}
}

/* Receives until `until`, and returns the number of datagrams. */
static uint64_t receive_until(int fd, uint64_t until)
{
	struct pollfd ready = { .fd = fd, .events = POLLIN };
	uint64_t packets = 0;
	int got;

	while (now_ns() < until) {
		if (!spin_until_ready(&ready, 1, until))
			continue;
		got = recvmmsg(fd, batch, BATCH, MSG_DONTWAIT, NULL);
		if (got < 0)
			err(1, "receive");
		packets += got;
	}
	return packets;
}

/* Prints "ready" once it is bound, then the datagrams that came after the warm-up, and the nanoseconds they took. */
static int receive(const char *address, const char *port, uint64_t warm_up_ns, uint64_t measure_ns)
{
	int fd = bound(SOCK_DGRAM, address, port), room = RECEIVE_BUFFER;
	struct pollfd first = { .fd = fd, .events = POLLIN };
	uint64_t start, packets;

	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof(room)))
		err(1, "SO_RCVBUFFORCE");
	make_batch(DATAGRAM_MAX);
	puts("ready");
	fflush(stdout);
	if (!spin_until_ready(&first, 1, now_ns() + PATIENCE_NS))
		errx(1, "nothing arrives");
	receive_until(fd, now_ns() + warm_up_ns);
	start = now_ns();
	packets = receive_until(fd, start + measure_ns);
	printf("%" PRIu64 " %" PRIu64 "\n", packets, now_ns() - start);
	return 0;
}

/* Sends for some time, and prints the datagrams that the kernel took, and the nanoseconds. */
static int send_all(const char *source, const char *address, const char *port, size_t size, uint64_t measure_ns)
{
	int fd = bound(SOCK_DGRAM, source, "0"), sent;
	uint64_t start = now_ns(), packets = 0;

	connect_to(fd, address, port);
	make_batch(size);
	do {
		sent = sendmmsg(fd, batch, BATCH, 0);
		/* The receiver may end first: then the kernel hands its ICMP error to the next call. */
		if (sent < 0 && errno != ECONNREFUSED && errno != ENOBUFS)
			err(1, "send");
		packets += sent > 0 ? sent : 0;
	} while (now_ns() < start + measure_ns);
	printf("%" PRIu64 " %" PRIu64 "\n", packets, now_ns() - start);
	return 0;
}

int main(int argc, char **argv)
{
	if (argc == 6 && !strcmp(argv[1], "receive"))
		return receive(argv[2], argv[3], ns_from(argv[4]), ns_from(argv[5]));
	if (argc == 7 && !strcmp(argv[1], "send") && strtoul(argv[5], NULL, 10) <= DATAGRAM_MAX)
		return send_all(argv[2], argv[3], argv[4], strtoul(argv[5], NULL, 10), ns_from(argv[6]));
	errx(2, "usage: udp_blast receive ADDRESS PORT WARM_UP_MS MEASURE_MS | send SOURCE ADDRESS PORT BYTES FOR_MS");
}
