/* SPDX-License-Identifier: GPL-2.0-only */
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "address.h"
#include "pcapng.h"
#include "peers.h"
#include "refused_print.h"
#include "verdicts.h"

/* A tag stands behind the two link addresses. */
#define TAG_OFFSET 12
#define TAG_BYTES 4

_Static_assert(EVENT_BYTES + TAG_BYTES <= PCAPNG_SNAPLEN, "a frame with its tag is written whole");

/* Puts the tag that lay beside the frame where it will have been on the wire. */
static __u32 put_tag(const struct event *event, __u8 *frame, __u32 length)
{
	const __be16 tag[] = { htons(event->vlan_proto), htons(event->vlan_tci) };

	if (!event->vlan_proto || length < TAG_OFFSET)
		return 0;
	memmove(frame + TAG_OFFSET + TAG_BYTES, frame + TAG_OFFSET, length - TAG_OFFSET);
	memcpy(frame + TAG_OFFSET, tag, sizeof(tag));
	return TAG_BYTES;
}

/* The verdict first, which is what people filter for. */
static const char *comment(const struct refused *refused, char *text, size_t size)
{
	__u32 verdict = refused->event->verdict;
	char peer[ADDRESS_TEXT];

	snprintf(text, size, "%s (%s)%s%s: %s", refused->verdict, refused->fate, refused->peer_known ? " peer " : "",
		 refused->peer_known ? peer_name(refused->peer, peer) : "",
		 verdict < VERDICT_COUNT ? verdict_texts[verdict].meaning : "of a newer version");
	return text;
}

int refused_capture(struct output *output, __u32 interface, const struct refused *refused, __u64 missed)
{
	const struct event *event = refused->event;
	__u32 captured = event->captured < EVENT_BYTES ? event->captured : EVENT_BYTES;
	char text[PCAPNG_COMMENT_MAX + 1];
	__u8 frame[PCAPNG_SNAPLEN];
	__u32 tag;

	memcpy(frame, event->bytes, captured);
	tag = put_tag(event, frame, captured);
	return pcapng_packet(output,
			     &(struct pcapng_packet){
				     .interface = interface,
				     .time = refused->time,
				     .captured = captured + tag,
				     .length = event->len + tag,
				     .data = frame,
				     .direction = event->direction == EVENT_OUT ? PCAPNG_OUTBOUND : PCAPNG_INBOUND,
				     .missed = missed,
				     .comment = comment(refused, text, sizeof(text)),
			     });
}
