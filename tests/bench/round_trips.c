// SPDX-License-Identifier: GPL-2.0-only
/*
 * Small UDP datagrams that are answered one by one. The asking end measures each round trip, and tells percentiles.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "endpoint.h"

#define TRIPS_MAX (1 << 20)
#define DATAGRAM_BYTES 64
#define PATIENCE_MS 1000

/* Either the CPU is let go idle until a packet comes, as most programs do, or this looks for one again and again. */
static bool sleeps;
static uint32_t trips[TRIPS_MAX];
static char data[DATAGRAM_BYTES];

static bool wait_until_ready(int fd, int at_most_ms)
{
	struct pollfd ready = { .fd = fd, .events = POLLIN };
	int found;

	if (!sleeps)
		return spin_until_ready(&ready, 1, now_ns() + at_most_ms * NS_PER_MS);
	found = poll(&ready, 1, at_most_ms);
	if (found < 0)
		err(1, "poll");
	return found;
}

/* Prints "ready" once it is bound, then answers each datagram until none comes any more. */
static int answer(const char *address, const char *port, int patience_ms)
{
	int fd = bound(SOCK_DGRAM, address, port);
	struct sockaddr_in from;
	socklen_t size;
	ssize_t got;

	puts("ready");
	fflush(stdout);
	while (wait_until_ready(fd, patience_ms)) {
		size = sizeof(from);
		got = recvfrom(fd, data, sizeof(data), MSG_DONTWAIT, (struct sockaddr *)&from, &size);
		if (got < 0 || sendto(fd, data, got, 0, (struct sockaddr *)&from, size) != got)
			err(1, "answer");
	}
	return 0;
}

static uint32_t one_trip(int fd)
{
	uint64_t start = now_ns();

	if (send(fd, data, sizeof(data), 0) != sizeof(data))
		err(1, "send");
	if (!wait_until_ready(fd, PATIENCE_MS))
		errx(1, "no answer");
	if (recv(fd, data, sizeof(data), MSG_DONTWAIT) != sizeof(data))
		err(1, "receive");
	return now_ns() - start;
}

static size_t trips_until(int fd, uint64_t until)
{
	size_t count = 0;

	while (now_ns() < until && count < TRIPS_MAX)
		trips[count++] = one_trip(fd);
	return count;
}

static int compare(const void *a, const void *b)
{
	uint32_t one = *(const uint32_t *)a, other = *(const uint32_t *)b;

	return (one > other) - (one < other);
}

/* Prints the nanoseconds in which one half of the round trips was done, and 99 of 100; and how many they were. */
static int ask(const char *source, const char *address, const char *port, uint64_t warm_up_ns, uint64_t measure_ns)
{
	int fd = bound(SOCK_DGRAM, source, "0");
	size_t count;

	connect_to(fd, address, port);
	trips_until(fd, now_ns() + warm_up_ns);
	count = trips_until(fd, now_ns() + measure_ns);
	if (!count)
		errx(1, "no time for a round trip");
	qsort(trips, count, sizeof(trips[0]), compare);
	printf("%" PRIu32 " %" PRIu32 " %zu\n", trips[count / 2], trips[count * 99 / 100], count);
	return 0;
}

static bool wants_sleep(const char *word)
{
	if (strcmp(word, "sleep") && strcmp(word, "poll"))
		errx(2, "%s: sleep or poll", word);
	return !strcmp(word, "sleep");
}

int main(int argc, char **argv)
{
	if (argc == 6 && !strcmp(argv[1], "answer")) {
		sleeps = wants_sleep(argv[4]);
		return answer(argv[2], argv[3], atoi(argv[5]));
	}
	if (argc == 8 && !strcmp(argv[1], "ask")) {
		sleeps = wants_sleep(argv[5]);
		return ask(argv[2], argv[3], argv[4], ns_from(argv[6]), ns_from(argv[7]));
	}
	errx(2, "usage: round_trips answer ADDRESS PORT sleep|poll PATIENCE_MS | "
		"ask SOURCE ADDRESS PORT sleep|poll WARM_UP_MS MEASURE_MS");
}
