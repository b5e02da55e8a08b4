/* SPDX-License-Identifier: GPL-2.0-only */
#include <errno.h>
#include <string.h>

#include "address.h"
#include "attachable.h"
#include "attaching.h"
#include "fail.h"

/* In the other folder it has another name, or another -n made it. */
static int refuse_other(const struct attaching *attaching, const struct attachment *other)
{
	struct link link;
	bool present;

	if (!strcmp(other->name.netns, attaching->attachment.name.netns) &&
	    attachment_link(attaching->session, other, &link, &present))
		return FAILED;
	return fail("%s is attached already, as %s: detach that first, or use the -n that made it",
		    attaching->link.name, other->folder);
}

/* The same device in two folders would have two programs in each hook: with -n and without, from within. */
static int check_other_folders(const struct attaching *attaching)
{
	struct attachments all;
	int result = DONE;

	if (attachments_open(attaching->session, false, &all))
		return FAILED;
	for (size_t i = 0; i < all.count && !result; i++) {
		if (all.list[i].meta.ifindex == attaching->link.ifindex &&
		    strcmp(all.list[i].folder, attaching->attachment.folder))
			result = refuse_other(attaching, &all.list[i]);
	}
	attachments_close(&all);
	return result;
}

static int check_device_change(struct attaching *attaching)
{
	const struct attachment *attachment = &attaching->attachment;
	struct link old;
	bool present;

	if (attachment_link(attaching->session, attachment, &old, &present))
		return FAILED;
	attaching->device_is_new = !present;
	if (!present)
		warn("the %s that %s belonged to is gone: the new one takes over its peers and prefixes",
		     attaching->link.name, attachment->folder);
	return DONE;
}

static int open_folder(struct attaching *attaching, const char *device)
{
	struct attachment *attachment = &attaching->attachment;
	enum folder_state state;

	if (attachment_open(attaching->session, device, attachment, &state))
		return FAILED;
	attaching->is_new = state != FOLDER_ATTACHED;
	attaching->before = attachment->meta;
	attaching->layout = attachment->meta.layout;
	if (!check_other_folders(attaching) && (attaching->is_new || !check_device_change(attaching)))
		return DONE;
	attachment_close(attachment);
	return FAILED;
}

int attaching_open(struct attaching *attaching, const struct session *session, const char *device)
{
	*attaching = (struct attaching){ .session = session };
	return attachable_find(session, device, &attaching->link) || open_folder(attaching, device) ? FAILED : DONE;
}

void attaching_close(struct attaching *attaching)
{
	change_end(&attaching->change);
	programs_free(attaching->programs);
	attachment_close(&attaching->attachment);
}

/* What was made for it and where its programs are stays known. */
void attaching_defaults(const struct session *session, struct meta *meta)
{
	*meta = (struct meta){
		.mode_used = meta->mode_used,
		.hook = meta->hook,
		.made = meta->made,
		.layout = LAYOUT,
		.netns_cookie = session->netns_cookie,
		.ttl_mode = FIELD_INHERIT,
		.tos_mode = FIELD_INHERIT,
		.df = DF_PMTUDISC,
		.rpf = RPF_STRICT,
		.monitor = SWITCH_OFF,
		.ecn = ECN_NORMAL,
		.plain = PLAIN_BY_RPF,
		.fragments = FRAGMENTS_DROP,
		.routes = SWITCH_ON,
		.local_auto = 1,
		.mtu_expires = 600,
		.icmp_rate = 1000,
		.forward = SWITCH_OFF,
		.spread = SWITCH_OFF,
	};
}

static void apply_request(const struct attach_request *request, struct meta *meta)
{
	options_apply_meta(&request->options.peer, meta);
	if (!address_is_zero(request->options.peer.local))
		meta->local_auto = 0;
	if (!address_is_zero(request->options.src))
		memcpy(meta->src, request->options.src, 4);
	if (request->mode)
		meta->mode = request->mode - 1;
	if (request->plain)
		meta->plain = request->plain;
	if (request->fragments)
		meta->fragments = request->fragments;
	if (request->routes)
		meta->routes = request->routes;
	if (request->mtu_expires)
		meta->mtu_expires = request->mtu_expires;
	if (request->icmp_rate)
		meta->icmp_rate = request->icmp_rate - 1;
	if (request->cache)
		meta->cache = request->cache - 1;
	if (request->forward)
		meta->forward = request->forward;
	if (request->spread)
		meta->spread = request->spread;
}

static int resolve_local(const struct attaching *attaching, struct meta *meta)
{
	const char *device = attaching->link.name;
	__be32 address;
	int error;

	if (!meta->local_auto)
		return DONE;
	error = link_first_address(attaching->session->netlink, attaching->link.ifindex, &address);
	if (error == -EADDRNOTAVAIL)
		return fail("%s has no global IPv4 address: give it one, or say 'local ADDR'", device);
	if (error)
		return fail("cannot ask for the addresses of %s: %s", device, strerror(-error));
	address_bytes(address, meta->local);
	return DONE;
}

static int check_ttl(const struct meta *meta)
{
	const struct peer nothing = { 0 };
	struct peer effective = options_effective(&nothing, meta);

	if (options_contradict(&effective))
		return fail("a fixed ttl with nopmtudisc hides loops: use 'ttl inherit' or 'pmtudisc'");
	return DONE;
}

int attaching_fill(struct attaching *attaching, const struct attach_request *request, bool anew)
{
	struct meta *meta = &attaching->attachment.meta;

	if (attaching->is_new || anew)
		attaching_defaults(attaching->session, meta);
	apply_request(request, meta);
	meta->layout = LAYOUT;
	meta->ifindex = attaching->link.ifindex;
	meta->mtu = attaching->link.mtu;
	if (attaching->device_is_new)
		meta->made &= (__u8) ~(MADE_NEIGHBOUR | MADE_CLSACT);
	attaching->made = meta->made;
	return resolve_local(attaching, meta) || check_ttl(meta) ? FAILED : DONE;
}

/* A peer's own settings may contradict what the device now has. */
static int check_peer(const struct attaching *attaching, const __u8 remote[4], const struct peer *peer)
{
	struct peer effective = options_effective(peer, &attaching->attachment.meta);
	char name[ADDRESS_TEXT];

	if (!options_contradict(&effective))
		return DONE;
	return fail("peer %s would have a fixed ttl with nopmtudisc, which hides loops: change one of them",
		    peer_name(remote, name));
}

static int check_peers(const struct attaching *attaching)
{
	const struct change *change = &attaching->change;

	for (size_t i = 0; i < change->peer_wish_count; i++) {
		const struct peer_wish *wish = &change->peer_wishes[i];

		if (wish->present && check_peer(attaching, wish->key.remote, &wish->peer))
			return FAILED;
	}
	for (size_t i = 0; i < change->peers.count; i++) {
		const struct peer_entry *entry = &change->peers.list[i];

		if (!change_find_peer_wish(change, entry->key.remote) &&
		    check_peer(attaching, entry->key.remote, &entry->peer))
			return FAILED;
	}
	return DONE;
}

int attaching_begin(struct attaching *attaching)
{
	struct change *change = &attaching->change;

	if (change_begin(change, attaching->session, &attaching->attachment, &attaching->link))
		return FAILED;
	/* A device that is down takes no routes; the programs wait for no link. */
	change->hold_routes = !change->link.up;
	return DONE;
}

int attaching_check(struct attaching *attaching)
{
	struct change *change = &attaching->change;

	if (change_check(change) || check_peers(attaching) ||
	    change_check_source(change, attaching->attachment.meta.src))
		return FAILED;
	if (change->hold_routes && change_has_routes(change))
		warn("%s is down: attach again once it is up, for its routes", change->link.name);
	return DONE;
}
