/* SPDX-License-Identifier: GPL-2.0-only */
/* The command `export`. */
#include <stdlib.h>
#include <string.h>

#include "address.h"
#include "attaching.h"
#include "commands.h"
#include "config.h"
#include "export.h"
#include "fail.h"
#include "settings.h"

struct contents {
	const struct attachment *attachment;
	struct peers peers;
	struct prefixes prefixes; /* sorted by owner, bare ones last */
	struct route_records records;
};

static int compare_owner(const void *a, const void *b)
{
	const struct prefix_entry *left = a, *right = b;
	int order = left->prefix.bare - right->prefix.bare;

	if (!order && !left->prefix.bare)
		order = memcmp(left->prefix.remote, right->prefix.remote, 4);
	return order ? order : prefix_compare(&left->key, &right->key);
}

static int read_contents(const struct attachment *attachment, struct contents *contents)
{
	*contents = (struct contents){ .attachment = attachment };
	if (peers_read(attachment->maps.peers, &contents->peers) ||
	    prefixes_read(attachment->maps.prefixes, &contents->prefixes) ||
	    route_records_read(&attachment->maps, &contents->records))
		return FAILED;
	if (contents->prefixes.count)
		qsort(contents->prefixes.list, contents->prefixes.count, sizeof(*contents->prefixes.list),
		      compare_owner);
	return DONE;
}

static void free_contents(struct contents *contents)
{
	peers_free(&contents->peers);
	prefixes_free(&contents->prefixes);
	route_records_free(&contents->records);
}

/* What `any` has where no Rpf is given. */
static bool has_default_rpf(const struct peer_entry *entry)
{
	return !entry->peer.monitor && entry->peer.rpf == (address_is_zero(entry->key.remote) ? RPF_LOOSE : 0);
}

/* People write entries with bpftool for which the file has no words. */
static int check_peer(const struct peer_entry *entry)
{
	char name[ADDRESS_TEXT];

	if (peer_is_valid(&entry->peer) && (has_default_rpf(entry) || (entry->peer.rpf && entry->peer.monitor)))
		return DONE;
	return fail("the entry of the peer %s says what no file can: 'peer set ... rpf ...' writes it anew",
		    peer_name(entry->key.remote, name));
}

static int check_prefix(const struct contents *contents, const struct prefix_entry *entry)
{
	char prefix[PREFIX_TEXT], peer[ADDRESS_TEXT];

	prefix_format(&entry->key, prefix);
	if (!prefix_is_valid(&entry->prefix))
		return fail("the entry of the prefix %s is invalid: 'prefix replace' writes it anew", prefix);
	if (!entry->prefix.bare && prefix_is_nobodys(&entry->key))
		return fail("the prefix %s is a peer's and holds no host, which no file can say: 'prefix del' takes it "
			    "away",
			    prefix);
	if (entry->prefix.bare || peers_find(&contents->peers, entry->prefix.remote))
		return DONE;
	return fail("the prefix %s is of a peer %s that is not there: add that, or delete the prefix", prefix,
		    peer_name(entry->prefix.remote, peer));
}

static int check(const struct contents *contents)
{
	for (size_t i = 0; i < contents->peers.count; i++) {
		if (check_peer(&contents->peers.list[i]))
			return FAILED;
	}
	for (size_t i = 0; i < contents->prefixes.count; i++) {
		if (check_prefix(contents, &contents->prefixes.list[i]))
			return FAILED;
	}
	return DONE;
}

static void write_settings(FILE *file, const struct settings *settings, const struct settings *defaults)
{
	for (size_t i = 0; i < settings->count; i++) {
		const struct setting *setting = &settings->list[i];

		if (*setting->value && (!defaults || strcmp(setting->value, defaults->list[i].value)))
			fprintf(file, "%s = %s\n", config_key(setting->word), setting->value);
	}
}

static void write_prefix(FILE *file, const struct contents *contents, const struct prefix_entry *entry)
{
	const struct route_entry *route = route_records_find(&contents->records, &entry->key);
	char text[PREFIX_TEXT], src[ADDRESS_TEXT];

	fprintf(file, "Prefixes = %s", prefix_format(&entry->key, text));
	if (route && prefix_is_routable(&entry->prefix) && !address_is_zero(route->record.src))
		fprintf(file, " src %s", address_format(route->record.src, src));
	if (!route && prefix_is_routable(&entry->prefix))
		fprintf(file, " noroute");
	fputc('\n', file);
}

/* Both are sorted by the peer's address. */
static void write_peers(FILE *file, const struct contents *contents, size_t *next)
{
	const struct prefixes *prefixes = &contents->prefixes;

	for (size_t i = 0; i < contents->peers.count; i++) {
		const struct peer_entry *entry = &contents->peers.list[i];
		struct peer peer = entry->peer;
		struct settings settings;
		char name[ADDRESS_TEXT];
		__u8 src[4];

		if (has_default_rpf(entry))
			peer.rpf = 0;
		peer_src_read(contents->attachment->maps.peer_src, entry->key.remote, src);
		settings = settings_of_peer(&peer, src);
		fprintf(file, "\n[Peer]\nRemote = %s\n", peer_name(entry->key.remote, name));
		write_settings(file, &settings, NULL);
		for (; *next < prefixes->count && prefix_belongs_to(&prefixes->list[*next].prefix, entry->key.remote);
		     (*next)++)
			write_prefix(file, contents, &prefixes->list[*next]);
	}
}

static void write_all(FILE *file, const struct session *session, const struct contents *contents, const char *device)
{
	const struct settings settings = settings_of_meta(&contents->attachment->meta);
	struct settings defaults;
	struct meta meta = { 0 };
	size_t next = 0;

	attaching_defaults(session, &meta);
	defaults = settings_of_meta(&meta);
	fprintf(file, "[Attach]\n");
	if (device)
		fprintf(file, "Device = %s\n", device);
	write_settings(file, &settings, &defaults);
	write_peers(file, contents, &next);
	if (next < contents->prefixes.count)
		fprintf(file, "\n[Bare]\n");
	for (; next < contents->prefixes.count; next++)
		write_prefix(file, contents, &contents->prefixes.list[next]);
}

int export_write(FILE *file, const struct session *session, const struct attachment *attachment, const char *device)
{
	struct contents contents;
	int result = FAILED;

	if (!read_contents(attachment, &contents))
		result = check(&contents);
	if (!result)
		write_all(file, session, &contents, device);
	free_contents(&contents);
	return result;
}

static int export(const struct session *session, const char *device)
{
	struct attachment attachment;
	int result;

	if (attachment_require(session, device, &attachment))
		return FAILED;
	result = export_write(stdout, session, &attachment, NULL);
	attachment_close(&attachment);
	return result;
}

int export_run(struct session *session, struct words *words)
{
	const char *device;
	int result = words_last_device(words, &device);

	if (result)
		return result;
	if (session->json)
		return wrong("'export' writes the file that 'apply' reads: '%s -j show %s' prints JSON",
			     session_program(session), device);
	result = session_open(session, SESSION_SHOW);
	if (result)
		return result;
	result = export(session, device);
	session_close(session);
	return result;
}
