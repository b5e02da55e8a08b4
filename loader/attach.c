/* SPDX-License-Identifier: GPL-2.0-only */
/* The command `attach`: a new attachment, or one that is there already anew. */
#include "attaching.h"
#include "commands.h"
#include "fail.h"

static int carry_out(struct attaching *attaching, const struct attach_request *request)
{
	if (attaching_fill(attaching, request, false) || attaching_begin(attaching) ||
	    change_wish_routes(&attaching->change, NULL) || attaching_check(attaching) || attaching_load(attaching))
		return FAILED;
	return attaching_carry_out(attaching);
}

int attach_device(const struct session *session, const char *device, const struct attach_request *request)
{
	struct attaching attaching;
	int result;

	if (attaching_open(&attaching, session, device))
		return FAILED;
	result = carry_out(&attaching, request);
	attaching_close(&attaching);
	return result;
}

int attach_run(struct session *session, struct words *words)
{
	struct attach_request request;
	int result = attach_parse(words, &request);

	if (!result)
		result = session_open(session, SESSION_CHANGE);
	if (result)
		return result;
	result = attach_device(session, request.device, &request);
	session_close(session);
	return result;
}
