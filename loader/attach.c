/* SPDX-License-Identifier: GPL-2.0-only */
/* The command `attach`: a new attachment, or one that is there already anew. */
#include <errno.h>
#include <linux/rtnetlink.h>
#include <net/if_arp.h>
#include <string.h>

#include "address.h"
#include "attachment.h"
#include "change.h"
#include "commands.h"
#include "fail.h"
#include "forwarding.h"
#include "neighbour.h"
#include "programs.h"

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

enum {
	GROUP_MODE = GROUP_COMMAND,
	GROUP_PLAIN = GROUP_COMMAND << 1,
	GROUP_FRAGMENTS = GROUP_COMMAND << 2,
	GROUP_ROUTES = GROUP_COMMAND << 3,
	GROUP_MTU_EXPIRES = GROUP_COMMAND << 4,
	GROUP_ICMP = GROUP_COMMAND << 5,
};

static int take_mode(struct words *words, const struct keyword *keyword, void *into)
{
	static const char *const names[] = { "auto", "native", "skb", "tc" };
	struct attach_request *request = into;

	return words_choice(words, keyword, names, COUNT(names), &request->mode);
}

static int take_plain(struct words *words, const struct keyword *keyword, void *into)
{
	static const char *const names[] = { "drop", "pass" };
	struct attach_request *request = into;

	return words_choice(words, keyword, names, COUNT(names), &request->plain);
}

static int take_fragments(struct words *words, const struct keyword *keyword, void *into)
{
	static const char *const names[] = { "drop", "stack" };
	struct attach_request *request = into;

	return words_choice(words, keyword, names, COUNT(names), &request->fragments);
}

static int take_routes(struct words *words, const struct keyword *keyword, void *into)
{
	static const char *const names[] = { "on", "off" };
	struct attach_request *request = into;

	return words_choice(words, keyword, names, COUNT(names), &request->routes);
}

static int take_mtu_expires(struct words *words, const struct keyword *keyword, void *into)
{
	struct attach_request *request = into;

	return words_number(words, keyword, 1, 86400, &request->mtu_expires);
}

static int take_icmp(struct words *words, const struct keyword *keyword, void *into)
{
	struct attach_request *request = into;
	__u32 rate;
	int result = words_number(words, keyword, 0, 65535, &rate);

	if (!result)
		request->icmp_rate = rate + 1;
	return result;
}

int attach_parse(struct words *words, struct attach_request *request)
{
	static const struct keyword keywords[] = {
		OPTIONS_KEYWORDS,
		{ .name = "mode", .allowed = "auto|native|skb|tc", .group = GROUP_MODE, .take = take_mode },
		{ .name = "plain", .allowed = "drop|pass", .group = GROUP_PLAIN, .take = take_plain },
		{ .name = "fragments", .allowed = "drop|stack", .group = GROUP_FRAGMENTS, .take = take_fragments },
		{ .name = "routes", .allowed = "on|off", .group = GROUP_ROUTES, .take = take_routes },
		{ .name = "mtu_expires", .allowed = "1..86400", .group = GROUP_MTU_EXPIRES, .take = take_mtu_expires },
		{ .name = "icmp", .allowed = "0..65535", .group = GROUP_ICMP, .take = take_icmp },
	};
	unsigned int given;
	int result;

	memset(request, 0, sizeof(*request));
	result = words_device(words, &request->device);
	return result ? result : words_keywords(words, keywords, COUNT(keywords), request, &given);
}

/* What one run of the command has in hand. */
struct attaching {
	const struct session *session;
	const struct attach_request *request;
	struct link link;
	bool is_new;        /* nothing is attached yet */
	bool device_is_new; /* the device of that name is another than the one that was attached */
	struct meta before; /* not of a new one */
	__u8 made;          /* of meta.made, what is there before this run makes anything */
	struct attachment attachment;
	struct programs *programs;
	struct change change;
};

static int check_type(const struct link *link)
{
	switch (link->type) {
	case ARPHRD_ETHER:
	case ARPHRD_NONE:
	case ARPHRD_RAWIP:
	case ARPHRD_PPP:
		return DONE;
	case ARPHRD_LOOPBACK:
		return fail("%s is the loopback device: attach to the one that leads to the peers", link->name);
	default:
		return fail("%s has link type %u: attach to an Ethernet, tun or PPP device", link->name, link->type);
	}
}

static int check_master(const struct link *link)
{
	if (!*link->master)
		return DONE;
	if (!strcmp(link->master_kind, "vrf"))
		return fail("%s is in the VRF %s, where tunnels are not supported: 'ip link set %s nomaster' first",
			    link->name, link->master, link->name);
	return fail("%s is in the %s %s and has no traffic of its own: attach to %s", link->name,
		    *link->master_kind ? link->master_kind : "device", link->master, link->master);
}

static int find_device(struct attaching *attaching)
{
	const char *name = attaching->request->device;
	int error = link_find(attaching->session->netlink, name, &attaching->link);

	if (error == -ENODEV)
		return fail("there is no device %s here: 'ip link' lists them", name);
	if (error)
		return fail("cannot ask for the device %s: %s", name, strerror(-error));
	/* The kernel also finds a device by another name than its own. */
	if (strcmp(attaching->link.name, name))
		return fail("%s is another name of %s: use that", name, attaching->link.name);
	return check_type(&attaching->link) || check_master(&attaching->link) ? FAILED : DONE;
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
			result = fail("%s is attached already, as %s: detach that first, or use the -n that made it",
				      attaching->link.name, all.list[i].folder);
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

static int open_folder(struct attaching *attaching)
{
	struct attachment *attachment = &attaching->attachment;
	enum folder_state state;

	if (attachment_open(attaching->session, attaching->request->device, attachment, &state))
		return FAILED;
	attaching->is_new = state != FOLDER_ATTACHED;
	attaching->before = attachment->meta;
	if (!check_other_folders(attaching) && (attaching->is_new || !check_device_change(attaching)))
		return DONE;
	attachment_close(attachment);
	return FAILED;
}

static void set_defaults(const struct session *session, struct meta *meta)
{
	*meta = (struct meta){
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

static int fill_meta(struct attaching *attaching)
{
	struct meta *meta = &attaching->attachment.meta;

	if (attaching->is_new)
		set_defaults(attaching->session, meta);
	apply_request(attaching->request, meta);
	meta->ifindex = attaching->link.ifindex;
	meta->mtu = attaching->link.mtu;
	if (attaching->device_is_new)
		meta->made &= (__u8) ~(MADE_NEIGHBOUR | MADE_CLSACT);
	attaching->made = meta->made;
	return resolve_local(attaching, meta) || check_ttl(meta) ? FAILED : DONE;
}

/* A peer's own settings may contradict what the device now has. */
static int check_peers(const struct attaching *attaching)
{
	const struct peers *peers = &attaching->change.peers;
	char name[ADDRESS_TEXT];

	for (size_t i = 0; i < peers->count; i++) {
		struct peer effective = options_effective(&peers->list[i].peer, &attaching->attachment.meta);

		if (options_contradict(&effective))
			return fail("peer %s would have a fixed ttl with nopmtudisc: change it first with 'peer set'",
				    peer_name(peers->list[i].key.remote, name));
	}
	return DONE;
}

/* A device that is down takes no routes; the programs wait for no link. */
static void hold_routes(struct change *change)
{
	change->hold_routes = !change->link.up;
	if (change->hold_routes && change->records.count && change->attachment->meta.routes == SWITCH_ON)
		warn("%s is down: attach again once it is up, for its routes", change->link.name);
}

static int check_change(struct attaching *attaching)
{
	struct change *change = &attaching->change;

	hold_routes(change);
	if (check_peers(attaching) || change_check_source(change, attaching->attachment.meta.src) ||
	    change_wish_routes(change, NULL))
		return FAILED;
	return change_check(change);
}

static int prepare_change(struct attaching *attaching)
{
	if (change_begin(&attaching->change, attaching->session, &attaching->attachment, &attaching->link))
		return FAILED;
	if (!check_change(attaching))
		return DONE;
	change_end(&attaching->change);
	return FAILED;
}

/* The neighbour that is there without being ours belongs to somebody whose traffic would go astray. */
static int make_neighbour(struct attaching *attaching)
{
	struct attachment *attachment = &attaching->attachment;
	const __u8 next_hop[] = NEXT_HOP;
	char address[ADDRESS_TEXT];
	bool present, right;
	int error;

	if (attaching->link.type != ARPHRD_ETHER)
		return DONE;
	error = neighbour_find(attaching->session->netlink, attaching->link.ifindex, &present, &right);
	if (!error && present && right)
		return DONE;
	if (!error && present && !(attachment->meta.made & MADE_NEIGHBOUR))
		return fail("%s has a neighbour %s, which the tunnel needs for itself: 'ip neighbour del %s dev %s'",
			    attaching->link.name, address_format(next_hop, address), address, attaching->link.name);
	attachment->meta.made |= MADE_NEIGHBOUR;
	if (!error && attachment_write_meta(attachment))
		return FAILED;
	if (!error)
		error = neighbour_make(attaching->session->netlink, attaching->link.ifindex);
	return error ? fail("cannot make the neighbour of %s: %s", attaching->link.name, strerror(-error)) : DONE;
}

/* `meta` is written and pinned before all else is made. */
static int pin(const struct attaching *attaching)
{
	const struct attachment *attachment = &attaching->attachment;

	if (attaching->is_new && pins_make_folder(&attaching->session->pins, attachment->folder))
		return FAILED;
	if (attachment_write_meta(attachment))
		return FAILED;
	return pins_pin_maps(attachment->folder, &attachment->maps);
}

static int make(struct attaching *attaching)
{
	struct attachment *attachment = &attaching->attachment;

	if (attaching->device_is_new && programs_detach(0, attachment->folder, &attachment->maps, &attachment->meta))
		return FAILED;
	if (make_neighbour(attaching) || forwarding_take(attaching->session, attachment) ||
	    change_apply(&attaching->change))
		return FAILED;
	return programs_attach(attaching->programs, &attaching->link, attachment->folder, &attachment->maps,
			       &attachment->meta);
}

/* Takes back what this run made, and only that. */
static void unmake(struct attaching *attaching)
{
	struct attachment *attachment = &attaching->attachment;
	__u8 made = attachment->meta.made & (__u8)~attaching->made;

	change_undo(&attaching->change);
	if (made & MADE_NEIGHBOUR)
		neighbour_delete(attaching->session->netlink, attaching->link.ifindex);
	if (made & MADE_LO_FORWARDING)
		forwarding_release(attaching->session, attachment);
	if (attaching->is_new) {
		pins_remove_folder(&attaching->session->pins, attachment->folder);
		return;
	}
	attachment->meta = attaching->before;
	attachment_write_meta(attachment);
}

static int carry_out(struct attaching *attaching)
{
	if (pin(attaching) || make(attaching)) {
		unmake(attaching);
		return FAILED;
	}
	change_keep(&attaching->change);
	return DONE;
}

static void warn_local(const struct attaching *attaching)
{
	const struct meta *meta = &attaching->attachment.meta;
	char address[ADDRESS_TEXT];
	struct route route;

	if (meta->local_auto || (!route_lookup(attaching->session->netlink, address_number(meta->local), &route) &&
				 route.type == RTN_LOCAL))
		return;
	warn("local %s is no address of this host", address_format(meta->local, address));
}

static int attach_loaded(struct attaching *attaching)
{
	int result;

	if (pins_make_maps(&attaching->attachment.maps) || prepare_change(attaching))
		return FAILED;
	result = carry_out(attaching);
	change_end(&attaching->change);
	if (!result)
		warn_local(attaching);
	return result;
}

static int attach_opened(struct attaching *attaching)
{
	int result = fill_meta(attaching);

	if (!result)
		result = programs_load(&attaching->link, &attaching->attachment.maps, &attaching->programs);
	if (!result)
		result = attach_loaded(attaching);
	programs_free(attaching->programs);
	return result;
}

static int attach(const struct session *session, const struct attach_request *request)
{
	struct attaching attaching = { .session = session, .request = request };
	int result;

	if (find_device(&attaching) || open_folder(&attaching))
		return FAILED;
	result = attach_opened(&attaching);
	attachment_close(&attaching.attachment);
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
	result = attach(session, &request);
	session_close(session);
	return result;
}
