/* SPDX-License-Identifier: GPL-2.0-only */
#include <string.h>

#include "fail.h"
#include "forwarding.h"
#include "sysctl.h"

static int read_setting(const char *device, int *value)
{
	int error = sysctl_read(device, "forwarding", value);

	return error ? fail("cannot read net.ipv4.conf.%s.forwarding: %s", device, strerror(-error)) : DONE;
}

static int write_setting(int value)
{
	int error = sysctl_write("lo", "forwarding", value);

	return error ? fail("cannot set net.ipv4.conf.lo.forwarding=%d: %s", value, strerror(-error)) : DONE;
}

/* Whether another attachment of this namespace has set it. */
static int find_sharer(const struct session *session, const struct attachment *attachment, bool *found)
{
	struct attachments all;

	*found = false;
	if (attachments_open(session, false, &all))
		return FAILED;
	for (size_t i = 0; i < all.count; i++) {
		if (all.list[i].meta.made & MADE_LO_FORWARDING && strcmp(all.list[i].folder, attachment->folder))
			*found = true;
	}
	attachments_close(&all);
	return DONE;
}

int forwarding_take(const struct session *session, struct attachment *attachment)
{
	bool shared;
	int value;

	if (read_setting("lo", &value) || find_sharer(session, attachment, &shared))
		return FAILED;
	if (value && !shared)
		return DONE;
	attachment->meta.made |= MADE_LO_FORWARDING;
	if (attachment_write_meta(attachment))
		return FAILED;
	return value ? DONE : write_setting(1);
}

int forwarding_release(const struct session *session, const struct attachment *attachment)
{
	int value, all;
	bool shared;

	if (!(attachment->meta.made & MADE_LO_FORWARDING))
		return DONE;
	if (find_sharer(session, attachment, &shared) || read_setting("lo", &value) || read_setting("all", &all))
		return FAILED;
	return shared || value != 1 || all ? DONE : write_setting(0);
}

int forwarding_read(bool *set)
{
	int value = 0;
	int result = read_setting("lo", &value);

	*set = value;
	return result;
}
