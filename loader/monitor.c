/* SPDX-License-Identifier: GPL-2.0-only */
/* The command `monitor`. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <bpf/libbpf.h>

#include "commands.h"
#include "fail.h"
#include "output.h"
#include "paths.h"
#include "pcapng.h"
#include "refused_print.h"
#include "version.h"
#include "wait.h"
#include "watch.h"

#define SECOND_NS 1000000000ULL

struct monitor_request {
	const char *device; /* NULL: all */
	const char *file;   /* NULL: lines on standard output; "-": a capture there */
};

struct monitor {
	struct session *session;
	const struct refused_printer *lines; /* NULL: a capture is written */
	struct watch watch;
	struct ring_buffer *ring;
	struct output output;
	__u64 next; /* CLOCK_MONOTONIC when leases and counters are due */
	int result; /* of writing an event */
};

static int take_file(struct words *words, const struct keyword *keyword, void *into)
{
	struct monitor_request *request = into;

	return words_value(words, keyword, &request->file);
}

static const struct keyword keyword = { .name = "-w",
					.allowed = "a FILE, or - for a pipe",
					.group = GROUP_COMMAND,
					.take = take_file };

static int parse(struct words *words, struct monitor_request *request)
{
	unsigned int given;
	int result = DONE;

	*request = (struct monitor_request){ 0 };
	if (*words->next && strcmp(*words->next, keyword.name))
		result = words_device(words, &request->device);
	return result ? result : words_keywords(words, &keyword, 1, request, &given);
}

static __u64 realtime(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (__u64)now.tv_sec * SECOND_NS + (__u64)now.tv_nsec;
}

static int write_event(struct monitor *monitor, struct watched *watched, const struct event *event)
{
	const struct refused_at at = {
		.name = &watched->attachment.name,
		.meta = &watched->attachment.meta,
		.peers = watched->attachment.maps.peers,
		.link_header = watched->link_header,
		.epoch = realtime() - paths_now(),
	};
	struct refused refused;
	int result;

	refused_read(event, &at, &refused);
	if (monitor->lines)
		return monitor->lines->packet(&monitor->output, &refused);
	result = refused_capture(&monitor->output, (__u32)(watched - monitor->watch.list), &refused, watched->missed);
	watched->missed = 0;
	return result;
}

/* Called for each record in the ring buffer. What is not 0 ends the reading. */
static int take_event(void *context, void *data, size_t size)
{
	struct monitor *monitor = context;
	const struct event *event = data;
	struct watched *watched;

	if (size < sizeof(*event))
		return 0;
	watched = watch_find(&monitor->watch, event->ifindex);
	if (!watched)
		return 0;
	watched_tell(watched, event);
	monitor->result = write_event(monitor, watched, event);
	return monitor->result || output_is_full(&monitor->output) ? -EAGAIN : 0;
}

/* Reads what is in the ring buffer; *all is false if the output has no room for the rest. */
static int take_events(struct monitor *monitor, bool *all)
{
	*all = false;
	if (output_is_full(&monitor->output))
		return DONE;
	*all = ring_buffer__consume(monitor->ring) >= 0;
	return monitor->result;
}

/* Says how many packets the events did not tell of. */
static int tell_left_out(struct monitor *monitor, struct watched *watched)
{
	__u64 packets = watched_left_out(watched);

	watched->missed += packets;
	if (!packets || !monitor->lines)
		return DONE;
	return monitor->lines->left_out(&monitor->output, &watched->attachment.name, realtime(), packets);
}

/* First the counters, then the events: each was told before its packet was counted. */
static int account(struct monitor *monitor)
{
	struct watch *watch = &monitor->watch;
	bool all;

	for (size_t i = 0; i < watch->count; i++) {
		if (!watch->list[i].ended && watched_count(&watch->list[i]))
			return FAILED;
	}
	if (take_events(monitor, &all))
		return FAILED;
	for (size_t i = 0; i < watch->count && all; i++) {
		if (tell_left_out(monitor, &watch->list[i]))
			return FAILED;
	}
	return DONE;
}

static size_t count_left(const struct watch *watch)
{
	size_t left = 0;

	for (size_t i = 0; i < watch->count; i++)
		left += !watch->list[i].ended;
	return left;
}

/* Names those that have ended; FAILED if none is left. */
static int check_ends(struct monitor *monitor)
{
	struct watch *watch = &monitor->watch;

	for (size_t i = 0; i < watch->count; i++) {
		const char *device = watch->list[i].attachment.name.device;
		const char *why = watch->list[i].ended ? NULL : watched_end(&watch->list[i]);

		if (why && !count_left(watch))
			return fail("%s %s: nothing is left to listen to", device, why);
		if (why)
			warn("%s %s", device, why);
	}
	return DONE;
}

static int renew(struct monitor *monitor)
{
	for (size_t i = 0; i < monitor->watch.count; i++) {
		struct watched *watched = &monitor->watch.list[i];

		if (!watched->ended && watched_renew(monitor->session, &monitor->watch, watched))
			return FAILED;
	}
	return DONE;
}

/* What is due once a second. */
static int keep_up(struct monitor *monitor)
{
	monitor->next = paths_now() + SECOND_NS;
	return account(monitor) || check_ends(monitor) || renew(monitor) ? FAILED : DONE;
}

/* Milliseconds until something is due, rounded up; -1: nothing is before the reader reads on. */
static int patience(const struct monitor *monitor)
{
	__u64 now = paths_now();

	if (monitor->output.length)
		return -1;
	return now < monitor->next ? (int)((monitor->next - now) / 1000000) + 1 : 0;
}

/*
 * Waits for an event, for the reader, or for what is due. False if it is to end. While the reader does not read, nothing
 * is asked of the ring buffer, and the lease runs out.
 */
static bool wait_for_more(const struct monitor *monitor, int waits)
{
	bool blocked = monitor->output.length;
	struct pollfd polled[] = {
		{ .fd = waits, .events = POLLIN },
		{ .fd = monitor->output.fd, .events = blocked ? POLLOUT : 0 },
		{ .fd = blocked ? -1 : ring_buffer__epoll_fd(monitor->ring), .events = POLLIN },
	};

	if (poll(polled, 3, patience(monitor)) < 0)
		return true;
	return !polled[0].revents && !(polled[1].revents & (POLLERR | POLLHUP | POLLNVAL));
}

static int write_all(struct monitor *monitor)
{
	bool all = false;

	/* What there was no room for before may have some now. */
	while (!all && !monitor->output.length) {
		if (take_events(monitor, &all) || output_flush(&monitor->output))
			return FAILED;
	}
	return output_flush(&monitor->output);
}

static int listen_on(struct monitor *monitor, int waits)
{
	int result = DONE;

	while (!result && !monitor->output.closed && wait_for_more(monitor, waits)) {
		result = write_all(monitor);
		if (!result && !monitor->output.length && paths_now() >= monitor->next)
			result = keep_up(monitor);
		if (!result)
			result = output_flush(&monitor->output);
	}
	return result;
}

static int begin_capture(struct monitor *monitor)
{
	struct output *output = &monitor->output;

	if (pcapng_section(output, "ipipbpf " IPIPBPF_VERSION))
		return FAILED;
	for (size_t i = 0; i < monitor->watch.count; i++) {
		const struct watched *watched = &monitor->watch.list[i];

		if (pcapng_interface(output, watched->attachment.name.device,
				     watched->link_header ? PCAPNG_ETHERNET : PCAPNG_RAW_IP))
			return FAILED;
	}
	return output_flush(output);
}

static int end_capture(struct monitor *monitor)
{
	__u64 left_out = 0;

	for (size_t i = 0; i < monitor->watch.count; i++) {
		const struct watched *watched = &monitor->watch.list[i];

		left_out += watched->left_out;
		if (pcapng_statistics(&monitor->output, (__u32)i, realtime(), watched->told + watched->left_out,
				      watched->left_out))
			return FAILED;
	}
	if (left_out)
		warn("%llu refused packets were left out", left_out);
	return DONE;
}

/* The last words, as far as the reader takes them at once. */
static int end(struct monitor *monitor)
{
	int result = account(monitor);

	if (!result && !monitor->lines)
		result = end_capture(monitor);
	return output_flush(&monitor->output) ? FAILED : result;
}

static int monitor_all(struct monitor *monitor)
{
	int waits = wait_open(), result = DONE;

	if (waits < 0)
		return FAILED;
	/* A reader that is gone is no failure: write() says so. */
	signal(SIGPIPE, SIG_IGN);
	if (!monitor->lines)
		result = begin_capture(monitor);
	if (!result)
		result = listen_on(monitor, waits);
	if (end(monitor))
		result = FAILED;
	close(waits);
	return result;
}

static int monitor_device(struct monitor *monitor, const char *device)
{
	int result;

	if (watch_open(monitor->session, device, &monitor->watch))
		return FAILED;
	monitor->ring = ring_buffer__new(monitor->watch.ring, take_event, monitor, NULL);
	if (monitor->ring)
		result = monitor_all(monitor);
	else
		result = fail("cannot read the ring buffer: %s", strerror(errno));
	ring_buffer__free(monitor->ring);
	watch_close(&monitor->watch);
	return result;
}

int monitor_run(struct session *session, struct words *words)
{
	struct monitor monitor = { .session = session, .watch.ring = -1 };
	struct monitor_request request;
	int result = parse(words, &request);

	if (result)
		return result;
	if (request.file && session->json)
		return wrong("'-w' writes a capture: leave '-j' away");
	if (!request.file)
		monitor.lines = session->json ? &refused_json : &refused_text;
	else if (!strcmp(request.file, "-") && isatty(STDOUT_FILENO))
		return fail("'-w -' writes a capture: let a pipe take it, as in '%s monitor -w - | tcpdump -n -r -'",
			    session_program(session));
	output_open(&monitor.output);
	if (request.file && strcmp(request.file, "-") && output_create(&monitor.output, request.file))
		return FAILED;
	result = monitor_device(&monitor, request.device);
	output_free(&monitor.output);
	return result;
}
