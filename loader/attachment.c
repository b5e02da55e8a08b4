/* SPDX-License-Identifier: GPL-2.0-only */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>

#include "attachment.h"
#include "fail.h"

static const __u32 first;

/* Reads a `meta` of any layout as far as this version knows it. */
static int read_meta(const char *folder, int fd, unsigned int value_size, struct meta *meta)
{
	void *value = calloc(1, value_size);
	int error = 0;

	if (!value)
		return fail("out of memory");
	if (bpf_map_lookup_elem(fd, &first, value))
		error = -errno;
	memset(meta, 0, sizeof(*meta));
	memcpy(meta, value, value_size < sizeof(*meta) ? value_size : sizeof(*meta));
	free(value);
	return error ? fail("cannot read %s/meta: %s", folder, strerror(-error)) : DONE;
}

static int peek_meta(const char *folder, struct meta *meta)
{
	unsigned int value_size;
	int fd, result;

	if (pins_open_meta(folder, &fd, &value_size))
		return FAILED;
	if (fd < 0)
		return fail("%s/meta has just gone: try again", folder);
	result = read_meta(folder, fd, value_size, meta);
	close(fd);
	return result;
}

static int check_meta(const struct session *session, const char *folder, const struct meta *meta)
{
	if (meta->layout != LAYOUT)
		return fail("%s has layout %u and this version knows %d: use the version that attached it", folder,
			    meta->layout, LAYOUT);
	if (!session->netns_gone && meta->netns_cookie != session->netns_cookie)
		return fail("%s belongs to another network namespace: work in that one with -n, or if it is gone "
			    "remove the folder with 'rm -r'",
			    folder);
	return DONE;
}

static int open_attached(const struct session *session, struct attachment *attachment)
{
	if (peek_meta(attachment->folder, &attachment->meta) ||
	    check_meta(session, attachment->folder, &attachment->meta))
		return FAILED;
	return pins_open_maps(attachment->folder, &attachment->maps);
}

int attachment_open(const struct session *session, const char *device, struct attachment *attachment,
		    enum folder_state *state)
{
	memset(attachment, 0, sizeof(*attachment));
	attachment->maps = MAPS_CLOSED;
	if (pins_folder(&session->pins, session->netns, device, attachment->folder) ||
	    pins_folder_state(attachment->folder, state))
		return FAILED;
	pins_parse_folder(attachment->folder, &attachment->name);
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

int attachment_require(const struct session *session, const char *device, struct attachment *attachment)
{
	enum folder_state state;
	const char *missing;

	if (attachment_open(session, device, attachment, &state))
		return FAILED;
	if (state != FOLDER_ATTACHED)
		return fail("%s is not attached: '%s attach %s'", device, session_program(session), device);
	missing = pins_missing_map(&attachment->maps);
	if (!missing)
		return DONE;
	attachment_close(attachment);
	return fail("%s/%s is missing: '%s attach %s' makes it", attachment->folder, missing,
		    session_program(session), device);
}

void attachment_close(struct attachment *attachment)
{
	pins_close_maps(&attachment->maps);
}

int attachment_write_meta(const struct attachment *attachment)
{
	if (bpf_map_update_elem(attachment->maps.meta, &first, &attachment->meta, BPF_ANY))
		return fail("cannot write %s/meta: %s", attachment->folder, strerror(errno));
	return DONE;
}

struct search {
	const struct session *session;
	struct attachments *attachments;
};

/* A folder with our namespace's name, but not its cookie: somebody looks for what is in there. */
static void name_other(const struct session *session, const char *folder, const struct folder_name *name)
{
	if (session->netns && !strcmp(name->netns, session->netns))
		warn("%s belongs to another network namespace, which had this name: if it is gone, "
		     "remove the folder with 'rm -r'",
		     folder);
}

/* Whether the folder is an attachment of this namespace that this version can read. */
static bool is_of_session(const struct session *session, const char *folder, struct attachment *attachment)
{
	enum folder_state state;

	if (pins_parse_folder(folder, &attachment->name) || pins_folder_state(folder, &state) ||
	    state != FOLDER_ATTACHED || peek_meta(folder, &attachment->meta))
		return false;
	if (attachment->meta.layout != LAYOUT) {
		warn("%s has layout %u and this version knows %d: it is passed over", folder, attachment->meta.layout,
		     LAYOUT);
		return false;
	}
	if (attachment->meta.netns_cookie == session->netns_cookie)
		return true;
	name_other(session, folder, &attachment->name);
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
	if (!is_of_session(search->session, path, attachment) || pins_open_maps(path, &attachment->maps))
		return DONE;
	attachments->count++;
	return DONE;
}

static int compare(const void *a, const void *b)
{
	const struct attachment *left = a, *right = b;

	return strcmp(left->folder, right->folder);
}

int attachments_open(const struct session *session, struct attachments *attachments)
{
	struct search search = { .session = session, .attachments = attachments };

	*attachments = (struct attachments){ 0 };
	if (pins_each_folder(&session->pins, add_folder, &search)) {
		attachments_close(attachments);
		return FAILED;
	}
	if (attachments->count)
		qsort(attachments->list, attachments->count, sizeof(*attachments->list), compare);
	return DONE;
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

	*present = !error;
	if (error && error != -ENODEV)
		return fail("cannot ask for the device %s: %s", attachment->name.device, strerror(-error));
	if (*present && strcmp(link->name, attachment->name.device))
		return fail("%s was attached and is now called %s: '%s detach %s', then attach it by its new name",
			    attachment->name.device, link->name, session_program(session), attachment->name.device);
	return DONE;
}
