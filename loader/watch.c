/* SPDX-License-Identifier: GPL-2.0-only */
#include <errno.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>

#include "counters.h"
#include "fail.h"
#include "paths.h"
#include "pins.h"
#include "verdicts.h"
#include "watch.h"

/* Some seconds of as many events as two CPUs tell. A power of two, and of pages of any size. */
#define RING_BYTES (1 << 20)

static int check(const struct session *session, const struct attachment *attachment)
{
	const char *device = attachment->name.device;

	if (attachment->maps.listeners >= 0 && attachment->maps.event_rings >= 0)
		return DONE;
	return fail(
		"%s was attached by a version that does not tell of single packets: '%s attach %s' brings this one's "
		"programs",
		device, session_program(session), device);
}

static int listen_to(const struct watch *watch, struct watched *watched)
{
	const char *device = watched->attachment.name.device;
	int error = listener_open(&watched->listener, &watched->attachment.maps, watch->ring);

	if (error == -EBUSY)
		return fail("%d commands listen to %s already: end one of them", LISTENERS_MAX, device);
	return error ? fail("cannot listen to %s: %s", device, strerror(-error)) : DONE;
}

/* Packets of which events have come by then are in the counters already. */
static int begin(const struct session *session, const struct watch *watch, struct watched *watched)
{
	const struct attachment *attachment = &watched->attachment;
	struct link link;
	bool present;

	if (check(session, attachment) || attachment_link(session, attachment, &link, &present))
		return FAILED;
	if (!present)
		return fail("%s is gone: '%s detach %s' clears away what it left", attachment->name.device,
			    session_program(session), attachment->name.device);
	watched->link_header = link.type == ARPHRD_ETHER ? ETHER_HDR_LEN : 0;
	if (listen_to(watch, watched))
		return FAILED;
	watched->since = paths_now();
	return counters_read_verdicts(attachment->maps.verdicts, watched->seen);
}

/* Takes over the attachments, whose maps are then the watch's to close. */
static int begin_all(const struct session *session, struct watch *watch, struct attachments *attachments)
{
	if (!attachments->count)
		return fail("nothing is attached here: '%s attach DEV'", session_program(session));
	watch->list = calloc(attachments->count, sizeof(*watch->list));
	if (!watch->list)
		return fail("out of memory");
	for (; watch->count < attachments->count; watch->count++) {
		watch->list[watch->count].attachment = attachments->list[watch->count];
		attachments->list[watch->count].maps = maps_closed();
	}
	for (size_t i = 0; i < watch->count; i++) {
		if (begin(session, watch, &watch->list[i]))
			return FAILED;
	}
	return DONE;
}

static int begin_listening(const struct session *session, const char *device, struct watch *watch)
{
	struct attachments attachments;
	int result;

	if (attachments_select(session, device, true, &attachments))
		return FAILED;
	result = begin_all(session, watch, &attachments);
	attachments_close(&attachments);
	return result;
}

static int make_ring(struct watch *watch)
{
	watch->ring = bpf_map_create(BPF_MAP_TYPE_RINGBUF, "events", 0, 0, RING_BYTES, NULL);
	return watch->ring < 0 ? fail("cannot make a ring buffer: %s", strerror(errno)) : DONE;
}

int watch_open(struct session *session, const char *device, struct watch *watch)
{
	int result;

	*watch = (struct watch){ .ring = -1 };
	if (session_open(session, SESSION_CHANGE))
		return FAILED;
	result = make_ring(watch);
	if (!result)
		result = begin_listening(session, device, watch);
	session_close(session);
	if (result)
		watch_close(watch);
	return result;
}

void watch_close(struct watch *watch)
{
	for (size_t i = 0; i < watch->count; i++) {
		listener_close(&watch->list[i].listener);
		attachment_close(&watch->list[i].attachment);
	}
	free(watch->list);
	if (watch->ring >= 0)
		close(watch->ring);
	*watch = (struct watch){ .ring = -1 };
}

struct watched *watch_find(const struct watch *watch, __u32 ifindex)
{
	for (size_t i = 0; i < watch->count; i++) {
		if (watch->list[i].attachment.meta.ifindex == ifindex)
			return &watch->list[i];
	}
	return NULL;
}

void watched_tell(struct watched *watched, const struct event *event)
{
	if (event->time >= watched->since)
		watched->told += event->packets;
}

int watched_renew(struct session *session, const struct watch *watch, struct watched *watched)
{
	int result;

	if (listener_renew(&watched->listener))
		return DONE;
	/* Stopped for so long that the place was cleared: no other is given out while the session is open. */
	if (session_open(session, SESSION_CHANGE))
		return FAILED;
	listener_close(&watched->listener);
	result = listen_to(watch, watched);
	session_close(session);
	return result;
}

const char *watched_end(struct watched *watched)
{
	const struct attachment *attachment = &watched->attachment;
	const char *why = NULL;
	char name[IF_NAMESIZE];

	if (!pins_has_map(attachment->folder, "meta", attachment->maps.meta))
		why = pins_has_map(attachment->folder, "verdicts", attachment->maps.verdicts) ? "was migrated"
											      : "was detached";
	else if (!if_indextoname(attachment->meta.ifindex, name))
		why = "is gone";
	watched->ended = why;
	return why;
}

int watched_count(struct watched *watched)
{
	struct meta *meta = &watched->attachment.meta;
	__u64 now[VERDICT_COUNT];
	__u32 first = 0;

	/* Which fates verdicts have may have changed. */
	bpf_map_lookup_elem(watched->attachment.maps.meta, &first, meta);
	if (counters_read_verdicts(watched->attachment.maps.verdicts, now))
		return FAILED;
	for (__u32 i = 0; i < VERDICT_COUNT; i++) {
		if (verdict_fate(meta, i) == FATE_DROP || verdict_is_let_through(i))
			watched->refused += now[i] - watched->seen[i];
		watched->seen[i] = now[i];
	}
	return DONE;
}

__u64 watched_left_out(struct watched *watched)
{
	__u64 accounted = watched->told + watched->left_out, left_out = 0;

	if (watched->refused > accounted)
		left_out = watched->refused - accounted;
	watched->left_out += left_out;
	return left_out;
}
