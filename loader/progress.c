/* SPDX-License-Identifier: GPL-2.0-only */
#include <stdio.h>
#include <unistd.h>

#include "paths.h"
#include "progress.h"

/* Nanoseconds until the line is written, and from then on between one and the next. */
#define SILENT_NS 1000000000ULL
#define PAUSE_NS 100000000ULL

struct progress progress_begin(size_t total)
{
	return (struct progress){
		.total = total,
		.next = paths_now() + SILENT_NS,
		.terminal = isatty(STDERR_FILENO),
	};
}

void progress_step(struct progress *progress, size_t count)
{
	__u64 now;

	progress->done += count;
	if (!progress->terminal)
		return;
	now = paths_now();
	if (now < progress->next)
		return;
	progress->next = now + PAUSE_NS;
	progress->written = true;
	fprintf(stderr, "\r%zu of %zu changes", progress->done, progress->total);
	fflush(stderr);
}

void progress_end(struct progress *progress)
{
	if (progress->written)
		fprintf(stderr, "\r\033[K");
}
