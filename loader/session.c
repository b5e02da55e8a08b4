/* SPDX-License-Identifier: GPL-2.0-only */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "capabilities.h"
#include "fail.h"
#include "netns.h"
#include "session.h"

static int enter(struct session *session, enum session_purpose purpose)
{
	int error = session->netns ? netns_enter(session->netns) : 0;

	if (error == -ENOENT && purpose == SESSION_DETACH) {
		session->netns_gone = true;
		return DONE;
	}
	if (error == -ENOENT)
		return fail("there is no network namespace '%s': 'ip netns' lists them", session->netns);
	if (error)
		return fail("cannot enter the network namespace '%s': %s%s", session->netns, strerror(-error),
			    fail_as_root(-error));
	error = netns_cookie(&session->netns_cookie);
	if (error)
		return fail("cannot tell which network namespace this is: %s", strerror(-error));
	error = netlink_open(&session->netlink);
	if (error)
		return fail("cannot open a netlink socket: %s", strerror(-error));
	return DONE;
}

int session_open(struct session *session, enum session_purpose purpose)
{
	bool change = purpose != SESSION_SHOW;

	session->netlink = NULL;
	if ((change && capabilities_check()) || bpffs_open(&session->bpffs, change))
		return FAILED;
	if (!enter(session, purpose))
		return DONE;
	session_close(session);
	return FAILED;
}

void session_close(struct session *session)
{
	netlink_close(session->netlink);
	session->netlink = NULL;
	bpffs_close(&session->bpffs);
}

const char *session_program(const struct session *session)
{
	static char text[NAME_MAX + sizeof("ipipbpf -n ")];

	snprintf(text, sizeof(text), session->netns ? "ipipbpf -n %s" : "ipipbpf", session->netns);
	return text;
}
