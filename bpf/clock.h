/* SPDX-License-Identifier: GPL-2.0-only */
/* Time: bpf_ktime_get_ns() counts nanoseconds from boot and without time asleep, as CLOCK_MONOTONIC does. */
#ifndef CLOCK_H
#define CLOCK_H

#define SECOND_NS 1000000000ULL

#endif
