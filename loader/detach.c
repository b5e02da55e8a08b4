/* SPDX-License-Identifier: GPL-2.0-only */
/* The command `detach`. */
#include <errno.h>
#include <string.h>

#include "address.h"
#include "attachment.h"
#include "commands.h"
#include "fail.h"
#include "forwarding.h"
#include "neighbour.h"
#include "pins.h"
#include "prefixes.h"
#include "programs.h"
#include "route.h"
#include "route_records.h"

static int delete_route(const struct session *session, const struct prefix_key *key, __u32 ifindex)
{
	const struct route route = {
		.dst = address_number(key->addr),
		.prefixlen = (__u8)key->prefixlen,
		.ifindex = ifindex,
	};
	char text[PREFIX_TEXT];
	int error = route_delete_tunnel(session->netlink, &route);

	if (error && error != -ESRCH)
		return fail("cannot delete the route %s: %s, detach again", prefix_format(key, text), strerror(-error));
	return DONE;
}

static int delete_routes(const struct session *session, const struct attachment *attachment, __u32 ifindex)
{
	struct route_records records;
	int result = DONE;

	if (attachment->meta.routes != SWITCH_ON)
		return DONE;
	if (route_records_read(&attachment->maps, &records))
		return FAILED;
	for (size_t i = 0; i < records.count && !result; i++)
		result = delete_route(session, &records.list[i].key, ifindex);
	route_records_free(&records);
	return result;
}

static int delete_neighbour(const struct session *session, const struct attachment *attachment, __u32 ifindex)
{
	int error = 0;

	if (attachment->meta.made & MADE_NEIGHBOUR)
		error = neighbour_delete(session->netlink, ifindex);
	if (!error)
		return DONE;
	return fail("cannot delete the neighbour of %s: %s, detach again", attachment->name.device, strerror(-error));
}

/* The number of the attached device, under whatever name; 0: it is gone. */
static int find_device(const struct session *session, const struct attachment *attachment, __u32 *ifindex)
{
	struct link link;
	int error = link_find_index(session->netlink, attachment->meta.ifindex, &link);

	if (error && error != -ENODEV)
		return fail("cannot ask for the device %s: %s", attachment->name.device, strerror(-error));
	*ifindex = error ? 0 : attachment->meta.ifindex;
	return DONE;
}

static int take_off(const struct session *session, struct attachment *attachment)
{
	__u32 ifindex = 0;

	if (find_device(session, attachment, &ifindex))
		return FAILED;
	if (ifindex && delete_routes(session, attachment, ifindex))
		return FAILED;
	if (programs_detach(ifindex, attachment->folder, &attachment->maps, &attachment->meta))
		return FAILED;
	if (ifindex && delete_neighbour(session, attachment, ifindex))
		return FAILED;
	return forwarding_release(session, attachment);
}

int detach_device(const struct session *session, const char *device)
{
	struct attachment attachment;
	enum folder_state state;
	int result = DONE;

	if (attachment_open(session, device, &attachment, &state))
		return FAILED;
	if (state == FOLDER_ABSENT)
		bpffs_remove_empty(&session->bpffs);
	if (state == FOLDER_ABSENT && session->netns_gone)
		return fail("there is neither a network namespace '%s' nor an attachment of '%s' that it left",
			    session->netns, device);
	if (state == FOLDER_ABSENT)
		return fail("%s is not attached: '%s show' lists what is", device, session_program(session));
	/* What was in a namespace went with it: devices, routes, settings. */
	if (state == FOLDER_ATTACHED && !session->netns_gone)
		result = take_off(session, &attachment);
	attachment_close(&attachment);
	return result ? result : pins_remove_folder(&session->bpffs, attachment.folder);
}

int detach_run(struct session *session, struct words *words)
{
	const char *device;
	int result = words_last_device(words, &device);

	if (!result)
		result = session_open(session, SESSION_DETACH);
	if (result)
		return result;
	result = detach_device(session, device);
	session_close(session);
	return result;
}
