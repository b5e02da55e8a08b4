/* SPDX-License-Identifier: GPL-2.0-only */
#include <errno.h>
#include <net/if_arp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "address.h"
#include "build.h"
#include "difference.h"
#include "fail.h"
#include "forwarding.h"
#include "neighbour.h"
#include "pins.h"
#include "prefix_cache.h"
#include "settings.h"

__attribute__((format(printf, 2, 3))) static void line(struct difference *difference, const char *format, ...)
{
	va_list arguments;

	difference->count++;
	if (!difference->print)
		return;
	va_start(arguments, format);
	vprintf(format, arguments);
	va_end(arguments);
	putchar('\n');
}

/* "WORD VALUE WORD VALUE", with a blank before each, of all that is set and, where there is a `base`, differs from it. */
static const char *set_words(const struct settings *settings, const struct settings *base, char text[512])
{
	size_t length = 0;

	text[0] = '\0';
	for (size_t i = 0; i < settings->count; i++) {
		const struct setting *setting = &settings->list[i];

		if (*setting->value && (!base || strcmp(setting->value, base->list[i].value)))
			length += (size_t)snprintf(text + length, 512 - length, " %s %s", setting->word,
						   setting->value);
	}
	return text;
}

static const char *value_or(const char *value, const char *instead)
{
	return *value ? value : instead;
}

static void compare_settings(struct difference *difference, const char *what, const char *unset,
			     const struct settings *before, const struct settings *after)
{
	for (size_t i = 0; i < after->count; i++) {
		if (strcmp(before->list[i].value, after->list[i].value))
			line(difference, "~ %s %s %s -> %s", what, after->list[i].word,
			     value_or(before->list[i].value, unset), value_or(after->list[i].value, unset));
	}
}

static void compare_meta(const struct attaching *attaching, struct difference *difference)
{
	const struct meta *before = &attaching->before, *after = &attaching->attachment.meta;
	const struct settings old = settings_of_meta(before), new = settings_of_meta(after);
	char from[ADDRESS_TEXT], to[ADDRESS_TEXT];

	compare_settings(difference, "attach", "(default)", &old, &new);
	if (before->local_auto && after->local_auto && memcmp(before->local, after->local, 4))
		line(difference, "~ attach local (default) %s -> %s", address_format(before->local, from),
		     address_format(after->local, to));
	if (before->mtu != after->mtu)
		line(difference, "~ attach mtu %u -> %u", before->mtu, after->mtu);
	if (before->ifindex != after->ifindex)
		line(difference, "~ attach ifindex %u -> %u", before->ifindex, after->ifindex);
	if (before->layout != after->layout)
		line(difference, "~ attach layout %u -> %u", before->layout, after->layout);
	difference->programs |= before->mode != after->mode || before->ifindex != after->ifindex ||
				before->layout != after->layout ||
				!prefix_cache_fits(&attaching->attachment.maps, after);
}

static int find_programs(const struct attaching *attaching, struct difference *difference)
{
	const struct attachment *attachment = &attaching->attachment;
	struct programs_state state;

	if (programs_state(attaching->link.ifindex, attachment->folder, &attachment->maps, &attaching->before, &state))
		return FAILED;
	if (!state.encap)
		line(difference, "+ program encap");
	if (!state.decap)
		line(difference, "+ program decap");
	if (state.left_over)
		line(difference, "- program decap_xdp");
	if (!build_is_ours(&attachment->maps) || attachment->maps.meta_old >= 0) {
		line(difference, "~ programs of another version");
		difference->programs = true;
	}
	difference->programs |= !state.encap || !state.decap || state.left_over;
	return DONE;
}

static int find_neighbour(const struct attaching *attaching, struct difference *difference)
{
	const __u8 next_hop[] = NEXT_HOP;
	char address[ADDRESS_TEXT];
	bool present, right;
	int error;

	if (attaching->link.type != ARPHRD_ETHER)
		return DONE;
	error = neighbour_find(attaching->session->netlink, attaching->link.ifindex, &present, &right);
	if (error)
		return fail("cannot ask for the neighbours of %s: %s", attaching->link.name, strerror(-error));
	if (!present || !right)
		line(difference, "+ neighbour %s", address_format(next_hop, address));
	return DONE;
}

/* What `attach` makes, and somebody took away. */
static int find_missing(const struct attaching *attaching, struct difference *difference)
{
	const char *map = pins_missing_map(&attaching->attachment.maps, attaching->before.layout);
	bool set;

	if (map) {
		line(difference, "+ map %s", map);
		difference->programs = true;
	}
	if (find_programs(attaching, difference) || find_neighbour(attaching, difference) || forwarding_read(&set))
		return FAILED;
	if (!set)
		line(difference, "+ sysctl net.ipv4.conf.lo.forwarding");
	return DONE;
}

static int find_attachment(const struct attaching *attaching, struct difference *difference)
{
	struct settings defaults, settings;
	struct meta meta = { 0 };
	char text[512];

	if (!attaching->is_new) {
		compare_meta(attaching, difference);
		return find_missing(attaching, difference);
	}
	attaching_defaults(attaching->session, &meta);
	defaults = settings_of_meta(&meta);
	settings = settings_of_meta(&attaching->attachment.meta);
	line(difference, "+ attach %s%s", attaching->link.name, set_words(&settings, &defaults, text));
	difference->programs = true;
	return DONE;
}

static void find_peer(const struct change *change, const struct peer_wish *wish, struct difference *difference)
{
	const struct peer_entry *before = peers_find(&change->peers, wish->key.remote);
	struct settings old, new = settings_of_peer(&wish->peer, wish->src);
	char name[ADDRESS_TEXT], what[ADDRESS_TEXT + 8], text[512];
	__u8 src[4];

	peer_name(wish->key.remote, name);
	if (!wish->present) {
		line(difference, "- peer %s", name);
		return;
	}
	if (!before) {
		line(difference, "+ peer %s%s", name, set_words(&new, NULL, text));
		return;
	}
	peer_src_read(change->attachment->maps.peer_src, wish->key.remote, src);
	old = settings_of_peer(&before->peer, src);
	snprintf(what, sizeof(what), "peer %s", name);
	compare_settings(difference, what, "(device's)", &old, &new);
	if (!peer_is_valid(&before->peer))
		line(difference, "~ peer %s: its entry is invalid", name);
}

/* "bare", or "remote ADDR [src ADDR] [noroute]". */
static const char *owner_words(const struct prefix *prefix, const struct route_record *record, char text[64])
{
	char remote[ADDRESS_TEXT], src[ADDRESS_TEXT];
	bool sourced = record && !address_is_zero(record->src);

	if (prefix->bare)
		return strcpy(text, "bare");
	snprintf(text, 64, "remote %s%s%s%s", peer_name(prefix->remote, remote), sourced ? " src " : "",
		 sourced ? address_format(record->src, src) : "",
		 record || !prefix_is_routable(prefix) ? "" : " noroute");
	return text;
}

/* Whether owner_words() says the same of both. */
static bool is_same_owner(const struct prefix *a, const struct route_record *a_record, const struct prefix *b,
			  const struct route_record *b_record)
{
	static const struct route_record none;

	if (a->bare || b->bare)
		return a->bare && b->bare;
	return !memcmp(a->remote, b->remote, 4) && (!a_record == !b_record || !prefix_is_routable(a)) &&
	       !memcmp(a_record ? a_record : &none, b_record ? b_record : &none, sizeof(none));
}

/* A prefix that stays as it is may still need its route. */
static void find_route(struct change *change, const struct prefix_wish *wish, struct difference *difference)
{
	const struct route *before = change_route_before(change, wish);
	char name[PREFIX_TEXT] = "";
	struct route after;

	if (difference->print)
		prefix_format(&wish->key, name);
	if (!change_wants_route(change, wish)) {
		if (before && wish->recorded)
			line(difference, "- route %s", name);
		return;
	}
	after = change_route(change, wish);
	if (!before)
		line(difference, "+ route %s", name);
	else if (before->src != after.src)
		line(difference, "~ route %s src", name);
	else if (before->mtu != after.mtu)
		line(difference, "~ route %s mtu %u -> %u", name, before->mtu, after.mtu);
}

static void find_prefix(struct change *change, const struct prefix_wish *wish, struct difference *difference)
{
	const struct prefix_entry *before = wish->before;
	const struct route_record *record = wish->routed ? &wish->record : NULL;
	const struct route_record *old_record = wish->recorded ? &wish->recorded->record : NULL;
	char name[PREFIX_TEXT] = "", old[64] = "", new[64] = "";
	bool same = before && wish->present && is_same_owner(&before->prefix, old_record, &wish->prefix, record);

	if (same && prefix_is_valid(&before->prefix)) {
		find_route(change, wish, difference);
		return;
	}
	/* Of a million prefixes the words take as long as the rest. */
	if (difference->print) {
		prefix_format(&wish->key, name);
		owner_words(&wish->prefix, record, new);
		if (before)
			owner_words(&before->prefix, old_record, old);
	}
	if (!before)
		line(difference, "+ prefix %s %s", name, new);
	else if (!wish->present)
		line(difference, "- prefix %s %s", name, old);
	else if (!same)
		line(difference, "~ prefix %s %s -> %s", name, old, new);
	else
		line(difference, "~ prefix %s %s: its entry is invalid", name, new);
}

int difference_find(struct attaching *attaching, struct difference *difference)
{
	struct change *change = &attaching->change;

	if (find_attachment(attaching, difference))
		return FAILED;
	for (size_t i = 0; i < change->peer_wish_count; i++)
		find_peer(change, &change->peer_wishes[i], difference);
	for (size_t i = 0; i < change->wish_count; i++)
		find_prefix(change, &change->wishes[i], difference);
	return DONE;
}
