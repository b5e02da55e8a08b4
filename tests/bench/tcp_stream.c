// SPDX-License-Identifier: GPL-2.0-only
/* TCP connections in one direction, as fast as they go. The receiver's program measures: bytes that arrived. */
#define _GNU_SOURCE
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "endpoint.h"

#define BLOCK (256 << 10)
#define FLOWS_MAX 64
#define PATIENCE_SECONDS 10

static char block[BLOCK];
static struct pollfd flows[FLOWS_MAX];

/* Reads from all flows until `until`, and returns the number of bytes. */
static uint64_t read_until(nfds_t count, uint64_t until)
{
	uint64_t bytes = 0;
	ssize_t got;

	while (now_ns() < until) {
		if (!spin_until_ready(flows, count, until))
			continue;
		for (nfds_t i = 0; i < count; i++) {
			if (!flows[i].revents)
				continue;
			got = recv(flows[i].fd, block, sizeof(block), MSG_DONTWAIT);
			if (got <= 0)
				errx(1, "the sender is gone");
			bytes += got;
		}
	}
	return bytes;
}

static void accept_all(int listener, nfds_t count)
{
	for (nfds_t i = 0; i < count; i++) {
		flows[i] = (struct pollfd){ .fd = accept(listener, NULL, NULL), .events = POLLIN };
		if (flows[i].fd < 0)
			err(1, "accept");
	}
}

/* Prints "ready" once it listens, then the bytes that came after the warm-up, and the nanoseconds they took. */
static int receive(const char *address, const char *port, nfds_t count, uint64_t warm_up_ns, uint64_t measure_ns)
{
	int listener = bound(SOCK_STREAM, address, port);
	uint64_t start, bytes;

	if (listen(listener, FLOWS_MAX))
		err(1, "listen");
	puts("ready");
	fflush(stdout);
	alarm(PATIENCE_SECONDS + (warm_up_ns + measure_ns) / (1000 * NS_PER_MS));
	accept_all(listener, count);
	read_until(count, now_ns() + warm_up_ns);
	start = now_ns();
	bytes = read_until(count, start + measure_ns);
	printf("%" PRIu64 " %" PRIu64 "\n", bytes, now_ns() - start);
	return 0;
}

static void connect_all(const char *source, const char *address, const char *port, nfds_t count)
{
	for (nfds_t i = 0; i < count; i++) {
		flows[i] = (struct pollfd){ .fd = bound(SOCK_STREAM, source, "0"), .events = POLLOUT };
		connect_to(flows[i].fd, address, port);
	}
}

/* Sends until the receiver leaves. */
static int send_all(const char *source, const char *address, const char *port, nfds_t count, uint64_t at_most_ns)
{
	uint64_t until = now_ns() + at_most_ns;

	connect_all(source, address, port, count);
	while (spin_until_ready(flows, count, until))
		for (nfds_t i = 0; i < count; i++)
			if (flows[i].revents && send(flows[i].fd, block, sizeof(block), MSG_NOSIGNAL | MSG_DONTWAIT) < 0 &&
			    errno != EAGAIN)
				return 0;
	return 0;
}

static nfds_t flow_count(const char *text)
{
	unsigned long count = strtoul(text, NULL, 10);

	if (!count || count > FLOWS_MAX)
		errx(2, "%s: 1 to %d connections", text, FLOWS_MAX);
	return count;
}

int main(int argc, char **argv)
{
	if (argc == 7 && !strcmp(argv[1], "receive"))
		return receive(argv[2], argv[3], flow_count(argv[4]), ns_from(argv[5]), ns_from(argv[6]));
	if (argc == 7 && !strcmp(argv[1], "send"))
		return send_all(argv[2], argv[3], argv[4], flow_count(argv[5]), ns_from(argv[6]));
	errx(2, "usage: tcp_stream receive ADDRESS PORT FLOWS WARM_UP_MS MEASURE_MS | "
		"send SOURCE ADDRESS PORT FLOWS AT_MOST_MS");
}
