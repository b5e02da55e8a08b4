/* SPDX-License-Identifier: GPL-2.0-only */
/* One end of the benchmark's traffic: its addresses and its clock. What fails ends the program with a line about it. */
#ifndef ENDPOINT_H
#define ENDPOINT_H

#include <arpa/inet.h>
#include <err.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define NS_PER_MS UINT64_C(1000000)

static inline uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * UINT64_C(1000000000) + now.tv_nsec;
}

/*
 * Waits until one of some sockets is ready. Where each end has a CPU of its own it never goes idle: to wake an idle one
 * takes longer than a packet's whole way, and whether it must be woken is chance. Returns false if `until` comes first.
 */
static inline bool spin_until_ready(struct pollfd *fds, nfds_t count, uint64_t until)
{
	static long cpus;
	uint64_t now = now_ns();
	int ready;

	if (!cpus)
		cpus = sysconf(_SC_NPROCESSORS_ONLN);
	do {
		ready = poll(fds, count, cpus > 1 || now >= until ? 0 : (until - now) / NS_PER_MS + 1);
		if (ready < 0)
			err(1, "poll");
		now = now_ns();
	} while (!ready && now < until);
	return ready;
}

/* Nanoseconds from a number of milliseconds, as text. */
static inline uint64_t ns_from(const char *milliseconds)
{
	return strtoull(milliseconds, NULL, 10) * NS_PER_MS;
}

static inline struct sockaddr_in endpoint(const char *address, const char *port)
{
	struct sockaddr_in end = { .sin_family = AF_INET, .sin_port = htons(atoi(port)) };

	if (inet_pton(AF_INET, address, &end.sin_addr) != 1)
		errx(1, "%s: not an IPv4 address", address);
	return end;
}

/* A socket of `type`, bound to an address. */
static inline int bound(int type, const char *address, const char *port)
{
	struct sockaddr_in end = endpoint(address, port);
	int fd = socket(AF_INET, type, 0), yes = 1;

	/* An earlier connection to this port may still be waiting for its last packets. */
	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes)) ||
	    bind(fd, (struct sockaddr *)&end, sizeof(end)))
		err(1, "bind %s:%s", address, port);
	return fd;
}

static inline void connect_to(int fd, const char *address, const char *port)
{
	struct sockaddr_in end = endpoint(address, port);

	if (connect(fd, (struct sockaddr *)&end, sizeof(end)))
		err(1, "connect %s:%s", address, port);
}

#endif
