/* SPDX-License-Identifier: GPL-2.0-only */
#include <stdio.h>

#include "renamed.h"

/* The file names the device, so that nothing in it need be changed. */
const char *renamed_command(const struct session *session, const char *before, const char *now,
			    char text[RENAMED_COMMAND])
{
	const char *program = session_program(session);

	snprintf(text, RENAMED_COMMAND, "%s export %s >%s.conf && %s detach %s && %s apply %s.conf", program, before,
		 now, program, before, program, now);
	return text;
}
