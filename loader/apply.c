/* SPDX-License-Identifier: GPL-2.0-only */
/* The command `apply`: a device's live state becomes what a file says, by the difference alone. */
#include <string.h>

#include "attaching.h"
#include "commands.h"
#include "config.h"
#include "confirm.h"
#include "difference.h"
#include "fail.h"

struct apply_request {
	const char *path;
	bool dry_run;
	bool puts_back; /* what was not confirmed */
	__u32 confirm;  /* seconds, 0: no */
};

static int parse_options(struct words *words, struct apply_request *request)
{
	static const struct keyword confirm = { .name = "--confirm", .allowed = "1..86400" };
	int result = DONE;

	while (!result) {
		if (words_skip(words, "--dry-run"))
			request->dry_run = true;
		else if (words_skip(words, "--confirm"))
			result = words_number(words, &confirm, 1, 86400, &request->confirm);
		else if (*words->next && !strncmp(*words->next, "--", 2))
			return wrong("unknown option '%s': allowed are --dry-run and --confirm SECS", *words->next);
		else
			return DONE;
	}
	return result;
}

static int parse(struct words *words, struct apply_request *request)
{
	int result;

	memset(request, 0, sizeof(*request));
	result = parse_options(words, request);
	if (!result)
		result = words_fixed(words, "the file", &request->path);
	if (!result)
		result = words_end(words);
	if (!result && request->dry_run && request->confirm)
		result = wrong("'--dry-run' changes nothing that '--confirm' could put back: give one of them");
	return result;
}

static int wish_peers(struct change *change, const struct config *config)
{
	for (size_t i = 0; i < config->peer_count; i++) {
		const struct config_peer *peer = &config->peers[i];
		struct peer_wish wish = { .present = true, .peer = peer->peer };

		memcpy(wish.key.remote, peer->remote, 4);
		memcpy(wish.src, peer->src, 4);
		if (change_wish_peer(change, &wish))
			return FAILED;
	}
	return DONE;
}

static int wish_prefixes(struct change *change, const struct config *config)
{
	for (size_t i = 0; i < config->prefix_count; i++) {
		const struct config_prefix *prefix = &config->prefixes[i];
		struct prefix_wish wish = {
			.key = prefix->key,
			.present = true,
			.routed = prefix->routed,
			.prefix.bare = prefix->bare,
		};

		memcpy(wish.prefix.remote, prefix->remote, 4);
		memcpy(wish.record.src, prefix->src, 4);
		if (change_wish_prefix(change, &wish))
			return FAILED;
	}
	return DONE;
}

static int unwish_others(struct change *change, const struct config *config)
{
	for (size_t i = 0; i < change->peers.count; i++) {
		const struct peer_wish wish = { .key = change->peers.list[i].key };

		if (!config_has_peer(config, wish.key.remote) && change_wish_peer(change, &wish))
			return FAILED;
	}
	for (size_t i = 0; i < change->prefixes.count; i++) {
		const struct prefix_wish wish = { .key = change->prefixes.list[i].key };

		if (!config_has_prefix(config, &wish.key) && change_wish_prefix(change, &wish))
			return FAILED;
	}
	return DONE;
}

static int find_difference(struct attaching *attaching, const struct config *config, struct difference *difference)
{
	struct change *change = &attaching->change;

	return attaching_fill(attaching, &config->attach, true) || attaching_begin(attaching) ||
			       wish_peers(change, config) || wish_prefixes(change, config) ||
			       unwish_others(change, config) || attaching_check(attaching) ||
			       difference_find(attaching, difference)
		       ? FAILED
		       : DONE;
}

static int carry_out(struct attaching *attaching, const struct difference *difference)
{
	if (difference->programs && attaching_load(attaching))
		return FAILED;
	return attaching_carry_out(attaching);
}

static int apply(const struct session *session, const struct config *config, const struct apply_request *request);

static int put_back(const struct session *session, const struct confirm *confirm)
{
	const struct apply_request request = { .puts_back = true };
	struct config config;
	int result;

	if (!confirm->was_attached)
		return detach_device(session, confirm->device);
	if (config_read(confirm->path, &config))
		return FAILED;
	result = apply(session, &config, &request);
	config_free(&config);
	return result;
}

static int carry_out_guarded(struct attaching *attaching, const struct difference *difference, __u32 seconds)
{
	struct confirm confirm = {
		.session = attaching->session,
		.device = attaching->link.name,
		.was_attached = !attaching->is_new,
		.seconds = seconds,
		.put_back = put_back,
	};
	struct attachment before = attaching->attachment;
	int result;

	before.meta = attaching->before;
	if (confirm_begin(&confirm, &before))
		return FAILED;
	result = carry_out(attaching, difference);
	if (result)
		confirm_cancel(&confirm);
	else
		confirm_made(&confirm);
	return result;
}

static int apply_opened(struct attaching *attaching, const struct config *config, const struct apply_request *request)
{
	struct difference difference = { .print = request->dry_run };

	if (find_difference(attaching, config, &difference))
		return FAILED;
	if (request->dry_run || !difference.count)
		return DONE;
	if (request->confirm)
		return carry_out_guarded(attaching, &difference, request->confirm);
	return carry_out(attaching, &difference);
}

static int apply(const struct session *session, const struct config *config, const struct apply_request *request)
{
	struct attaching attaching;
	int result = DONE;

	if (attaching_open(&attaching, session, config->device))
		return FAILED;
	if (!request->puts_back && !request->dry_run)
		result = confirm_check(session, &attaching.attachment, config->device);
	if (!result)
		result = apply_opened(&attaching, config, request);
	attaching_close(&attaching);
	return result;
}

int apply_run(struct session *session, struct words *words)
{
	struct apply_request request;
	struct config config;
	int result = parse(words, &request);

	if (result)
		return result;
	if (config_read(request.path, &config))
		return FAILED;
	result = session_open(session, request.dry_run ? SESSION_SHOW : SESSION_CHANGE);
	if (!result) {
		result = apply(session, &config, &request);
		session_close(session);
	}
	config_free(&config);
	return result;
}
