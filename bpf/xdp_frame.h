/* SPDX-License-Identifier: GPL-2.0-only */
/* The frame that an XDP program was handed. */
#ifndef XDP_FRAME_H
#define XDP_FRAME_H

#include "frame.h"

static __always_inline struct frame xdp_frame(struct xdp_md *ctx)
{
	struct frame frame = { .data = (void *)(long)ctx->data, .end = (void *)(long)ctx->data_end };

	frame.len = features.xdp_buff_len ? bpf_xdp_get_buff_len(ctx) : frame.end - frame.data;
	return frame;
}

#endif
