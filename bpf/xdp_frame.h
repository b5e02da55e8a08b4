/* SPDX-License-Identifier: GPL-2.0-only */
/* The frame that an XDP program was handed. */
#ifndef XDP_FRAME_H
#define XDP_FRAME_H

#include "frame.h"

/* Its first buffer, for who asks nothing about its length. */
static __always_inline struct frame xdp_first_buffer(struct xdp_md *ctx)
{
	struct frame frame = { .data = (void *)(long)ctx->data, .end = (void *)(long)ctx->data_end };

	frame.len = frame.end - frame.data;
	return frame;
}

static __always_inline struct frame xdp_frame(struct xdp_md *ctx)
{
	struct frame frame = xdp_first_buffer(ctx);

	if (features.xdp_buff_len)
		frame.len = bpf_xdp_get_buff_len(ctx);
	return frame;
}

#endif
