/* SPDX-License-Identifier: GPL-2.0-only */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "attachable.h"
#include "attachment.h"
#include "fail.h"
#include "layouts.h"
#include "pins.h"
#include "renamed.h"

int attachment_peek(const char *folder, struct meta *meta)
{
	unsigned int value_size;
	int fd, error;

	error = pins_open_meta(folder, &fd, &value_size);
	if (error)
		return error;
	error = layout_read_meta(fd, value_size, meta);
	close(fd);
	return error;
}

static int check_meta(const struct session *session, const char *folder, const struct meta *meta)
{
	if (!layout_is_known(meta->layout))
		return fail("%s has layout %u and this version knows up to %d: use the version that attached it",
			    folder, meta->layout, LAYOUT);
	if (!session->netns_gone && meta->netns_cookie != session->netns_cookie)
		return fail("%s belongs to another network namespace: work in that one with -n, or if it is gone "
			    "remove the folder with 'rm -r'",
			    folder);
	return DONE;
}

static int open_attached(const struct session *session, struct attachment *attachment)
{
	int error = attachment_peek(attachment->folder, &attachment->meta);

	if (error == -EINVAL)
		return fail("%s/meta is not ours: remove the folder, or choose another bpffs with IPIPBPF_BPFFS",
			    attachment->folder);
	if (error)
		return fail("cannot read %s/meta: %s%s", attachment->folder, strerror(-error), fail_as_root(-error));
	if (check_meta(session, attachment->folder, &attachment->meta))
		return FAILED;
	return pins_open_maps(attachment->folder, &attachment->maps);
}

int attachment_open(const struct session *session, const char *device, struct attachment *attachment,
		    enum folder_state *state)
{
	memset(attachment, 0, sizeof(*attachment));
	attachment->maps = maps_closed();
	if (bpffs_folder(&session->bpffs, session->netns, device, attachment->folder) ||
	    bpffs_folder_state(attachment->folder, state))
		return FAILED;
	folder_name_parse(attachment->folder, &attachment->name);
	switch (*state) {
	case FOLDER_STRANGE:
		return fail("%s is not ours, it has no 'meta': remove it, or choose another bpffs with IPIPBPF_BPFFS",
			    attachment->folder);
	case FOLDER_ATTACHED:
		return open_attached(session, attachment);
	default:
		return DONE;
	}
}

/* To attach is advised only where it is not refused for the device's sake. */
static int check_state(const struct session *session, const char *device, enum folder_state state)
{
	char refusal[256];
	struct link link;
	int error;

	if (state == FOLDER_ATTACHED)
		return DONE;
	fail_keep(refusal, sizeof(refusal));
	error = attachable_find(session, device, &link);
	fail_keep(NULL, 0);
	if (error)
		return fail("%s is not attached: %s", device, refusal);
	return fail("%s is not attached: '%s attach %s'", device, session_program(session), device);
}

static int check_complete(const struct session *session, const char *device, const struct attachment *attachment)
{
	const char *missing = pins_missing_map(&attachment->maps, attachment->meta.layout);

	if (!missing)
		return DONE;
	return fail("%s/%s is missing: '%s attach %s' makes it", attachment->folder, missing, session_program(session),
		    device);
}

int attachment_require(const struct session *session, const char *device, struct attachment *attachment)
{
	if (attachment_require_begun(session, device, attachment))
		return FAILED;
	if (!check_complete(session, device, attachment))
		return DONE;
	attachment_close(attachment);
	return FAILED;
}

int attachment_require_begun(const struct session *session, const char *device, struct attachment *attachment)
{
	enum folder_state state;

	if (attachment_open(session, device, attachment, &state))
		return FAILED;
	if (!check_state(session, device, state))
		return DONE;
	attachment_close(attachment);
	return FAILED;
}

void attachment_close(struct attachment *attachment)
{
	pins_close_maps(&attachment->maps);
}

int attachment_write_meta(const struct attachment *attachment)
{
	int error = layout_write_meta(attachment->maps.meta, &attachment->meta);

	return error ? fail("cannot write %s/meta: %s", attachment->folder, strerror(-error)) : DONE;
}

struct search {
	const struct session *session;
	struct attachments *attachments;
	bool tell;
};

/* Names what is passed over although somebody may look for it: another layout, or our namespace's name in a new one. */
static void tell_other(const struct session *session, const char *folder, const struct attachment *attachment)
{
	if (!layout_is_known(attachment->meta.layout))
		warn("%s has layout %u and this version knows up to %d: use the version that attached it", folder,
		     attachment->meta.layout, LAYOUT);
	else if (session->netns && !strcmp(attachment->name.netns, session->netns))
		warn("%s belongs to another network namespace, which had this name: if it is gone, "
		     "remove the folder with 'rm -r'",
		     folder);
}

/* Whether the folder is an attachment of this namespace that this version can read. */
static bool is_of_session(const struct search *search, const char *folder, struct attachment *attachment)
{
	const struct session *session = search->session;

	if (folder_name_parse(folder, &attachment->name) || attachment_peek(folder, &attachment->meta))
		return false;
	if (layout_is_known(attachment->meta.layout) && attachment->meta.netns_cookie == session->netns_cookie)
		return true;
	if (search->tell)
		tell_other(session, folder, attachment);
	return false;
}

static int add_folder(const char *path, void *argument)
{
	struct search *search = argument;
	struct attachments *attachments = search->attachments;
	struct attachment *longer, *attachment;

	longer = realloc(attachments->list, (attachments->count + 1) * sizeof(*longer));
	if (!longer)
		return fail("out of memory");
	attachments->list = longer;
	attachment = &longer[attachments->count];
	memset(attachment, 0, sizeof(*attachment));
	strncpy(attachment->folder, path, sizeof(attachment->folder) - 1);
	if (!is_of_session(search, path, attachment))
		return DONE;
	if (pins_open_maps(path, &attachment->maps))
		return FAILED;
	attachments->count++;
	return DONE;
}

static int compare(const void *a, const void *b)
{
	const struct attachment *left = a, *right = b;

	return strcmp(left->folder, right->folder);
}

int attachments_open(const struct session *session, bool tell, struct attachments *attachments)
{
	struct search search = { .session = session, .attachments = attachments, .tell = tell };

	*attachments = (struct attachments){ 0 };
	if (bpffs_each_folder(&session->bpffs, add_folder, &search)) {
		attachments_close(attachments);
		return FAILED;
	}
	if (attachments->count)
		qsort(attachments->list, attachments->count, sizeof(*attachments->list), compare);
	return DONE;
}

static int select_one(const struct session *session, const char *device, struct attachments *attachments)
{
	enum folder_state state;

	attachments->list = calloc(1, sizeof(*attachments->list));
	if (!attachments->list)
		return fail("out of memory");
	if (attachment_open(session, device, attachments->list, &state))
		return FAILED;
	attachments->count = 1;
	return check_state(session, device, state);
}

int attachments_select(const struct session *session, const char *device, bool tell, struct attachments *attachments)
{
	if (!device)
		return attachments_open(session, tell, attachments);
	*attachments = (struct attachments){ 0 };
	if (!select_one(session, device, attachments))
		return DONE;
	attachments_close(attachments);
	return FAILED;
}

void attachments_close(struct attachments *attachments)
{
	for (size_t i = 0; i < attachments->count; i++)
		attachment_close(&attachments->list[i]);
	free(attachments->list);
	*attachments = (struct attachments){ 0 };
}

int attachment_link(const struct session *session, const struct attachment *attachment, struct link *link,
		    bool *present)
{
	int error = link_find_index(session->netlink, attachment->meta.ifindex, link);
	char command[RENAMED_COMMAND];

	*present = !error;
	if (error && error != -ENODEV)
		return fail("cannot ask for the device %s: %s", attachment->name.device, strerror(-error));
	if (*present && strcmp(link->name, attachment->name.device))
		return fail("%s was attached and is now called %s: '%s' carries all over but the counters",
			    attachment->name.device, link->name,
			    renamed_command(session, attachment->name.device, link->name, command));
	return DONE;
}
