// SPDX-License-Identifier: GPL-2.0-only
/* One TCP connection, as fast as it goes in one direction. The receiver's program measures: bytes that arrived. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "endpoint.h"

#define BLOCK (256 << 10)
#define PATIENCE_SECONDS 10

static char block[BLOCK];

/* Reads until `until`, or until the connection ends, and returns the number of bytes. */
static uint64_t read_until(int fd, uint64_t until)
{
	uint64_t bytes = 0;
	ssize_t got;

	do {
		got = recv(fd, block, sizeof(block), 0);
		if (got <= 0)
			errx(1, "the sender is gone");
		bytes += got;
	} while (now_ns() < until);
	return bytes;
}

/* Prints "ready" once it listens, then the bytes that came after the warm-up, and the nanoseconds they took. */
static int receive(const char *address, const char *port, uint64_t warm_up_ns, uint64_t measure_ns)
{
	int listener = bound(SOCK_STREAM, address, port);
	uint64_t start, bytes;
	int fd;

	if (listen(listener, 1))
		err(1, "listen");
	puts("ready");
	fflush(stdout);
	alarm(PATIENCE_SECONDS + (warm_up_ns + measure_ns) / (1000 * NS_PER_MS));
	fd = accept(listener, NULL, NULL);
	if (fd < 0)
		err(1, "accept");
	read_until(fd, now_ns() + warm_up_ns);
	start = now_ns();
	bytes = read_until(fd, start + measure_ns);
	printf("%" PRIu64 " %" PRIu64 "\n", bytes, now_ns() - start);
	return 0;
}

/* Sends until the receiver leaves. */
static int send_all(const char *source, const char *address, const char *port, uint64_t at_most_ns)
{
	int fd = bound(SOCK_STREAM, source, "0");

	alarm(PATIENCE_SECONDS + at_most_ns / (1000 * NS_PER_MS));
	connect_to(fd, address, port);
	while (send(fd, block, sizeof(block), MSG_NOSIGNAL) > 0)
		;
	return 0;
}

int main(int argc, char **argv)
{
	if (argc == 6 && !strcmp(argv[1], "receive"))
		return receive(argv[2], argv[3], ns_from(argv[4]), ns_from(argv[5]));
	if (argc == 6 && !strcmp(argv[1], "send"))
		return send_all(argv[2], argv[3], argv[4], ns_from(argv[5]));
	errx(2, "usage: tcp_stream receive ADDRESS PORT WARM_UP_MS MEASURE_MS | send SOURCE ADDRESS PORT AT_MOST_MS");
}
