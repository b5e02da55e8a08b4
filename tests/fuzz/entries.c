/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Fuzzes what `show` makes of the maps, whose entries anybody may have written with bpftool: they are judged as the
 * contract says, byte by byte, and each is shown once, as text and as JSON. The kernel is a memory of the input.
 */
#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <net/if_arp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/libbpf.h>
#include <jansson.h>

#include "attachment.h"
#include "kernel.h"
#include "messages.h"
#include "report.h"
#include "show.h"

/* What the contract says of the bytes of an entry. */
enum {
	LOCAL = 0,
	TTL = 4,
	TOS,
	TTL_MODE,
	TOS_MODE,
	DF,
	RPF,
	MONITOR,
	ECN,
	TYPE,
	RESERVED,
	PEER_SIZE = 32,
	BARE = 4,
	PREFIX_SIZE = 8,
};

static bool all_zero(const uint8_t *bytes, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (bytes[i])
			return false;
	}
	return true;
}

static bool peer_entry_is_right(const uint8_t *peer)
{
	bool ttl = peer[TTL_MODE] < 2 || (peer[TTL_MODE] == 2 && peer[TTL] > 0);
	bool tos = peer[TOS_MODE] < 2 || (peer[TOS_MODE] == 2 && peer[TOS] % 4 == 0);

	return ttl && tos && peer[DF] < 3 && peer[RPF] < 4 && peer[MONITOR] < 3 && peer[ECN] < 3 && peer[TYPE] == 0 &&
	       all_zero(peer + RESERVED, PEER_SIZE - RESERVED);
}

static bool prefix_entry_is_right(const uint8_t *prefix)
{
	return prefix[BARE] < 2 && all_zero(prefix + BARE + 1, PREFIX_SIZE - BARE - 1);
}

static const char *address_text(const uint8_t *address, char text[INET_ADDRSTRLEN])
{
	return inet_ntop(AF_INET, address, text, INET_ADDRSTRLEN);
}

static const char *remote_text(const uint8_t *address, char text[INET_ADDRSTRLEN])
{
	return all_zero(address, 4) ? "any" : address_text(address, text);
}

#define KEY_TEXT (INET_ADDRSTRLEN + 16)

static const char *key_text(const struct kernel_prefix *prefix, char text[KEY_TEXT])
{
	char address[INET_ADDRSTRLEN];

	snprintf(text, KEY_TEXT, "%s/%u", address_text(prefix->addr, address), prefix->prefixlen);
	return text;
}

static const struct kernel_peer *find_peer(const uint8_t *remote)
{
	for (size_t i = 0; i < kernel.peer_count; i++) {
		if (!memcmp(kernel.peers[i].remote, remote, 4))
			return &kernel.peers[i];
	}
	return NULL;
}

/* JSON */

static const json_t *member(const json_t *object, const char *name)
{
	const json_t *value = json_object_get(object, name);

	assert(value);
	return value;
}

static bool is_text(const json_t *value, const char *text)
{
	return json_is_string(value) && !strcmp(json_string_value(value), text);
}

static bool is_address(const json_t *value, const uint8_t *address)
{
	char text[INET_ADDRSTRLEN];

	return all_zero(address, 4) ? json_is_null(value) : is_text(value, address_text(address, text));
}

static bool is_field(const json_t *value, uint8_t mode, uint8_t number)
{
	if (mode == 1)
		return is_text(value, "inherit");
	return mode == 2 ? json_is_integer(value) && json_integer_value(value) == number : json_is_null(value);
}

static bool is_switch(const json_t *value, uint8_t mode)
{
	return mode == 1 ? json_is_true(value) : mode == 2 ? json_is_false(value) : json_is_null(value);
}

static bool is_rpf(const json_t *value, uint8_t mode)
{
	static const char *const names[] = { "strict", "loose", "off" };

	return mode >= 1 && mode <= 3 ? is_text(value, names[mode - 1]) : json_is_null(value);
}

static bool is_ecn(const json_t *value, uint8_t mode)
{
	static const char *const names[] = { "normal", "compat" };

	return mode >= 1 && mode <= 2 ? is_text(value, names[mode - 1]) : json_is_null(value);
}

static void check_settings(const json_t *object, const uint8_t *peer)
{
	assert(is_address(member(object, "local"), peer + LOCAL));
	assert(is_field(member(object, "ttl"), peer[TTL_MODE], peer[TTL]));
	assert(is_field(member(object, "tos"), peer[TOS_MODE], peer[TOS]));
	assert(is_switch(member(object, "pmtudisc"), peer[DF]));
	assert(is_rpf(member(object, "rpf"), peer[RPF]));
	assert(is_switch(member(object, "monitor"), peer[MONITOR]));
	assert(is_ecn(member(object, "ecn"), peer[ECN]));
}

/* The path MTU that counts at `now`, and the seconds that are left. */
static bool path_counts(const struct kernel_peer *peer, uint64_t now, uint32_t *mtu, uint64_t *seconds)
{
	uint64_t until;

	memcpy(&until, peer->path, sizeof(until));
	memcpy(mtu, peer->path + 16, sizeof(*mtu));
	*seconds = until > now ? (until - now) / 1000000000 + !!((until - now) % 1000000000) : 0;
	return peer->path[0] != 0xFF && *seconds && *mtu;
}

static void check_path(const json_t *object, const struct kernel_peer *peer, uint64_t now)
{
	const json_t *shown = member(object, "path_mtu"), *expires = member(object, "path_mtu_expires");
	uint64_t seconds;
	uint32_t mtu;

	if (!path_counts(peer, now, &mtu, &seconds)) {
		assert(json_is_null(shown) && json_is_null(expires));
		return;
	}
	assert(json_integer_value(shown) == mtu && (uint64_t)json_integer_value(expires) == seconds);
}

/* A peer's bytes, with those of its device where they are 0. */
static void check_effective(const json_t *object, const uint8_t *peer, const struct meta *meta)
{
	const uint8_t device[] = { meta->ttl, meta->tos, meta->ttl_mode, meta->tos_mode,
				   meta->df,  meta->rpf, meta->monitor,	 meta->ecn };
	uint8_t effective[PEER_SIZE];

	memcpy(effective, peer, PEER_SIZE);
	if (all_zero(peer + LOCAL, 4))
		memcpy(effective + LOCAL, meta->local, 4);
	for (int at = DF; at <= ECN; at++)
		effective[at] = peer[at] ? peer[at] : device[at - TTL];
	for (int field = TTL; field <= TOS; field++) {
		int mode = field - TTL + TTL_MODE;

		effective[field] = peer[mode] ? peer[field] : device[field - TTL];
		effective[mode] = peer[mode] ? peer[mode] : device[mode - TTL];
	}
	check_settings(object, effective);
}

/* The place of `name` in a list of strings, or of objects whose `dst` it is; -1 if it is not there, or twice. */
static int place_of(const json_t *list, const char *name)
{
	int place = -1;
	const json_t *value;
	size_t index;

	json_array_foreach(list, index, value) {
		if (!is_text(json_is_object(value) ? member(value, "dst") : value, name))
			continue;
		if (place >= 0)
			return -1;
		place = (int)index;
	}
	return place;
}

static void check_peer(const json_t *peers, size_t at, const struct report *report)
{
	const json_t *object = json_array_get(peers, at);
	const struct kernel_peer *peer = NULL;
	char text[INET_ADDRSTRLEN];

	for (size_t i = 0; i < kernel.peer_count && !peer; i++) {
		if (is_text(member(object, "remote"), remote_text(kernel.peers[i].remote, text)))
			peer = &kernel.peers[i];
	}
	assert(peer);
	check_settings(object, peer->value);
	if (peer_entry_is_right(peer->value))
		check_effective(member(object, "effective"), peer->value, &report->attachment->meta);
	else
		assert(json_is_null(member(object, "effective")));
	assert(json_integer_value(member(object, "drops")) == (json_int_t)kernel.count * libbpf_num_possible_cpus());
	check_path(object, peer, report->now);
}

/* The list that a prefix must be in: its peer's, or the bare ones; NULL for that of a peer which is not there. */
static const json_t *list_for(const json_t *report, const uint8_t *prefix)
{
	const json_t *peers = member(report, "peers"), *peer;
	char text[INET_ADDRSTRLEN];
	size_t index;

	if (prefix[BARE])
		return member(report, "bare");
	json_array_foreach(peers, index, peer) {
		if (is_text(member(peer, "remote"), remote_text(prefix, text)))
			return member(peer, "prefixes");
	}
	return NULL;
}

static void check_prefix(const json_t *report, const struct kernel_prefix *prefix)
{
	const json_t *list = list_for(report, prefix->value);
	char text[KEY_TEXT], missing[64], remote[INET_ADDRSTRLEN];

	assert(!list || place_of(list, key_text(prefix, text)) >= 0);
	snprintf(missing, sizeof(missing), "valid entry of prefix %s", key_text(prefix, text));
	assert((place_of(member(report, "missing"), missing) >= 0) == !prefix_entry_is_right(prefix->value));
	if (list || !prefix_entry_is_right(prefix->value))
		return;
	snprintf(missing, sizeof(missing), "peer %s", remote_text(prefix->value, remote));
	assert(place_of(member(report, "missing"), missing) >= 0);
}

static size_t prefixes_shown(const json_t *report)
{
	size_t count = json_array_size(member(report, "bare"));
	const json_t *peer;
	size_t index;

	json_array_foreach(member(report, "peers"), index, peer)
		count += json_array_size(member(peer, "prefixes"));
	return count;
}

static void check_peer_is_judged(const json_t *report, const struct kernel_peer *peer)
{
	char missing[64], remote[INET_ADDRSTRLEN];

	snprintf(missing, sizeof(missing), "valid entry of peer %s", remote_text(peer->remote, remote));
	assert((place_of(member(report, "missing"), missing) >= 0) == !peer_entry_is_right(peer->value));
}

static void check_json(const char *printed, const struct report *given)
{
	json_t *list = json_loads(printed, JSON_REJECT_DUPLICATES, NULL);
	const json_t *report = json_array_get(list, 0), *peers;
	size_t orphans = 0;

	assert(list && json_array_size(list) == 1);
	peers = member(report, "peers");
	assert(json_array_size(peers) == kernel.peer_count);
	for (size_t i = 0; i < kernel.peer_count; i++) {
		check_peer(peers, i, given);
		check_peer_is_judged(report, &kernel.peers[i]);
	}
	for (size_t i = 0; i < kernel.prefix_count; i++) {
		check_prefix(report, &kernel.prefixes[i]);
		orphans += !list_for(report, kernel.prefixes[i].value);
	}
	assert(prefixes_shown(report) + orphans == kernel.prefix_count);
	json_decref(list);
}

/* Text */

static size_t lines_with(const char *text, const char *start)
{
	size_t count = !strncmp(text, start, strlen(start));

	for (; (text = strchr(text, '\n')); text++)
		count += !strncmp(text + 1, start, strlen(start));
	return count;
}

static size_t paths_that_count(uint64_t now)
{
	size_t count = 0;
	uint64_t seconds;
	uint32_t mtu;

	for (size_t i = 0; i < kernel.peer_count; i++)
		count += path_counts(&kernel.peers[i], now, &mtu, &seconds);
	return count;
}

static void check_text(const char *printed, uint64_t now)
{
	char line[96], text[KEY_TEXT], remote[INET_ADDRSTRLEN];

	assert(lines_with(printed, "attachment: ") == 1);
	assert(lines_with(printed, "  peer: ") == kernel.peer_count);
	assert(lines_with(printed, "    path mtu ") == paths_that_count(now));
	for (size_t i = 0; i < kernel.prefix_count; i++) {
		const struct kernel_prefix *prefix = &kernel.prefixes[i];
		const uint8_t *value = prefix->value;

		key_text(prefix, text);
		if (value[BARE])
			snprintf(line, sizeof(line), "  bare: %s", text);
		else if (find_peer(value))
			snprintf(line, sizeof(line), "    prefix: %s", text);
		else
			snprintf(line, sizeof(line), "  prefix: %s of peer %s, which is missing\n", text,
				 remote_text(value, remote));
		if (value[BARE] || find_peer(value))
			strcat(line, prefix_entry_is_right(value) ? "" : " (invalid, its packets are dropped)");
		assert(lines_with(printed, line) >= 1);
	}
	assert(lines_with(printed, "    prefix: ") + lines_with(printed, "  prefix: ") + lines_with(printed, "  bare: ") ==
	       kernel.prefix_count);
}

/* The output of one way to show. */
static char *printed_by(const struct session *session, const struct report *report)
{
	FILE *terminal = stdout;
	char *printed = NULL;
	size_t size;

	stdout = open_memstream(&printed, &size);
	assert(stdout);
	assert(session->json ? !show_json(report, 1) : !show_text(session, report, 1));
	assert(!fclose(stdout));
	stdout = terminal;
	return printed;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct attachment attachment = { .folder = "/sys/fs/bpf/ipipbpf/eth0" };
	struct session session = { 0 };
	struct report report;
	char *printed;

	kernel_fill(data, size, &attachment);
	messages_said = 0;
	assert(!report_read(&session, &attachment, &report));
	printed = printed_by(&session, &report);
	check_text(printed, report.now);
	free(printed);
	session.json = true;
	printed = printed_by(&session, &report);
	check_json(printed, &report);
	free(printed);
	assert(!messages_said);
	report_free(&report);
	return 0;
}
