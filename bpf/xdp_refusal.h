/* SPDX-License-Identifier: GPL-2.0-only */
/* The frame of a refused packet, as an XDP program tells it. */
#ifndef XDP_REFUSAL_H
#define XDP_REFUSAL_H

#include "refusal.h"
#include "xdp_frame.h"

/* What is copied at once: every frame here has an IPv4 header, and so more than this. */
struct piece {
	__u64 words[2];
};

/* Copies the piece at `at` into the event. False if it is not all there. */
static __always_inline bool xdp_copy_piece(const struct frame *frame, struct event *event, __u64 at)
{
	const struct piece *piece;

	/* The compiler knows the bound and would leave its check out. */
	asm volatile("" : "+r"(at));
	piece = frame_at(frame, at, sizeof(*piece));
	if (!piece || at > EVENT_BYTES - sizeof(*piece))
		return false;
	*(struct piece *)(event->bytes + at) = *piece;
	return true;
}

/*
 * Copies the frame's first EVENT_BYTES, as far as they are in direct reach: the helper that would do it is Linux 5.18's.
 * By pieces, from the last one back, the first of which may overlap the second: at places that are no constants, so that
 * the verifier learns nothing by the way and follows but one way out (seen on Linux 6.18: a million instructions).
 */
static __always_inline void xdp_copy(struct xdp_md *ctx, struct event *event)
{
	struct frame frame = xdp_frame(ctx);
	__u64 at = frame.end - frame.data;

	event->captured = at < EVENT_BYTES ? at : EVENT_BYTES;
	barrier();
	at = event->captured;
	for (__u32 i = 0; i < EVENT_BYTES / sizeof(struct piece) && at >= sizeof(struct piece); i++) {
		at -= sizeof(struct piece);
		if (!xdp_copy_piece(&frame, event, at))
			return;
	}
	if (at)
		xdp_copy_piece(&frame, event, 0);
}

/* Completes and gives out the event that was begun. */
static __noinline void xdp_tell(struct xdp_md *ctx)
{
	struct event_draft *draft = event_draft_find();

	if (!draft)
		return;
	draft->event.direction = EVENT_IN;
	draft->event.len = xdp_frame(ctx).len;
	xdp_copy(ctx, &draft->event);
	refusal_tell();
}

#endif
