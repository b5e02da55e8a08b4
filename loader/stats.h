/* SPDX-License-Identifier: GPL-2.0-only */
/* The ways to print counters on standard output. DONE or FAILED. */
#ifndef STATS_H
#define STATS_H

#include "sample.h"

int stats_text(const struct samples *samples);
int stats_json(const struct samples *samples);
int stats_openmetrics(const struct samples *samples);

/* What moved between two samples, per second. */
int stats_rates_text(const struct samples *before, const struct samples *now);
int stats_rates_json(const struct samples *before, const struct samples *now);

#endif
