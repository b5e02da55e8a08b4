/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef CLOCK_H
#define CLOCK_H

/* bpf_ktime_get_ns() counts these, from boot and without time asleep: CLOCK_MONOTONIC. */
#define SECOND_NS 1000000000ULL
#define MILLISECOND_NS 1000000ULL

#endif
