/* SPDX-License-Identifier: GPL-2.0-only */
/* The command `show`. */
#include <stdlib.h>
#include <string.h>

#include "attachment.h"
#include "commands.h"
#include "fail.h"
#include "report.h"
#include "show.h"

/* All reports are read before the first is printed: a failure prints nothing else. */
static int show_list(const struct session *session, const struct attachment *list, size_t count)
{
	struct report *reports = calloc(count ? count : 1, sizeof(*reports));
	size_t read = 0;
	int result = DONE;

	if (!reports)
		return fail("out of memory");
	while (read < count && !result) {
		result = report_read(session, &list[read], &reports[read]);
		if (!result)
			read++;
	}
	if (!result)
		result = session->json ? show_json(reports, count) : show_text(session, reports, count);
	while (read)
		report_free(&reports[--read]);
	free(reports);
	return result;
}

static int show(const struct session *session, const char *device)
{
	struct attachments attachments;
	int result;

	if (attachments_select(session, device, true, &attachments))
		return FAILED;
	result = show_list(session, attachments.list, attachments.count);
	attachments_close(&attachments);
	return result;
}

int show_run(struct session *session, struct words *words)
{
	const char *device = NULL;
	int result = DONE;

	if (*words->next)
		result = words_last_device(words, &device);
	if (!result)
		result = session_open(session, SESSION_SHOW);
	if (result)
		return result;
	result = show(session, device);
	session_close(session);
	return result;
}
