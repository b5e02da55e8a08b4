/* SPDX-License-Identifier: GPL-2.0-only */
/* The command `migrate`: an attachment for an older version of this program, which `attach` takes up again. */
#include "attachment.h"
#include "commands.h"
#include "fail.h"
#include "layouts.h"
#include "migration.h"

#define LAYOUTS LAYOUT_TEXT(LAYOUT_FIRST) ".." LAYOUT_TEXT(LAYOUT)

struct migrate_request {
	const char *device;
	__u32 layout;
};

static int take_layout(struct words *words, const struct keyword *keyword, void *into)
{
	struct migrate_request *request = into;

	return words_number(words, keyword, LAYOUT_FIRST, LAYOUT, &request->layout);
}

static int parse(struct words *words, struct migrate_request *request)
{
	static const struct keyword keywords[] = {
		{ .name = "layout", .allowed = LAYOUTS, .group = GROUP_COMMAND, .take = take_layout },
	};
	unsigned int given;
	int result = words_device(words, &request->device);

	if (!result)
		result = words_keywords(words, keywords, 1, request, &given);
	if (!result && !given)
		result = wrong("'layout N' is missing: allowed is " LAYOUTS);
	return result;
}

static int carry_out(const struct session *session, struct attachment *attachment, __u32 layout)
{
	const char *device = attachment->name.device, *setting = layout_lacks(layout, &attachment->meta);
	struct migration migration = { attachment->folder, &attachment->maps, &attachment->meta, NULL };
	struct link link;
	bool present;

	if (setting)
		return fail("%s has '%s' in use, for which layout %u has no room: switch it off first", device, setting,
			    layout);
	if (attachment_link(session, attachment, &link, &present))
		return FAILED;
	if (present)
		migration.link = &link;
	return migration_run(&migration, layout);
}

static int migrate(const struct session *session, const struct migrate_request *request)
{
	struct attachment attachment;
	int result;

	if (attachment_require_begun(session, request->device, &attachment))
		return FAILED;
	result = carry_out(session, &attachment, request->layout);
	attachment_close(&attachment);
	return result;
}

int migrate_run(struct session *session, struct words *words)
{
	struct migrate_request request;
	int result = parse(words, &request);

	if (!result)
		result = session_open(session, SESSION_CHANGE);
	if (result)
		return result;
	result = migrate(session, &request);
	session_close(session);
	return result;
}
