/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Fuzzes the reader of configuration files. What is read is in order, each thing once and with its owner, and reads the
 * same when it is written as a file again. What is refused has been refused in one line.
 */
#include <assert.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "address.h"
#include "config.h"
#include "fail.h"
#include "messages.h"
#include "peers.h"
#include "settings.h"

static const struct attach_request nothing;

static int read_text(const char *text, size_t size, struct config *config)
{
	FILE *file = size ? fmemopen((void *)text, size, "r") : fopen("/dev/null", "r");
	int result;

	assert(file);
	messages_said = 0;
	result = config_read_stream(file, "/etc/ipipbpf/eth0.conf", config);
	fclose(file);
	assert(result == DONE || result == FAILED);
	assert(messages_said == (result == DONE ? 0 : 1));
	return result;
}

static void check_peers(const struct config *config)
{
	for (size_t i = 0; i < config->peer_count; i++) {
		const struct config_peer *peer = &config->peers[i];

		assert(peer_is_valid(&peer->peer) && config_has_peer(config, peer->remote));
		assert(!i || memcmp(config->peers[i - 1].remote, peer->remote, 4) < 0);
	}
}

static void check_prefixes(const struct config *config)
{
	for (size_t i = 0; i < config->prefix_count; i++) {
		const struct config_prefix *prefix = &config->prefixes[i];
		struct prefix_key masked = prefix_of(prefix->key.addr, prefix->key.prefixlen);

		assert(prefix->key.prefixlen <= 32 && !memcmp(&masked, &prefix->key, sizeof(masked)));
		assert(!i || prefix_compare(&config->prefixes[i - 1].key, &prefix->key) < 0);
		assert(prefix->bare || config_has_peer(config, prefix->remote));
		assert(prefix->bare || !prefix_is_nobodys(&prefix->key));
		assert(!prefix->routed || (!prefix->bare && !address_is_zero(prefix->remote)));
		assert(prefix->routed || address_is_zero(prefix->src) || !address_is_zero(prefix->remote));
	}
}

static void write_prefixes(FILE *file, const struct config *config, const struct config_peer *peer)
{
	char text[PREFIX_TEXT];

	for (size_t i = 0; i < config->prefix_count; i++) {
		const struct config_prefix *prefix = &config->prefixes[i];

		if (prefix->bare != !peer || (peer && memcmp(prefix->remote, peer->remote, 4)))
			continue;
		fprintf(file, "prefixes:%s", prefix_format(&prefix->key, text));
		if (!address_is_zero(prefix->src))
			fprintf(file, "\tsrc %s", address_format(prefix->src, text));
		fprintf(file, "%s # one\n", peer && !prefix->routed && !address_is_zero(peer->remote) ? " noroute" : "");
	}
}

static void write_peer(FILE *file, const struct config_peer *peer)
{
	const struct settings settings = settings_of_peer(&peer->peer, peer->src);
	char name[ADDRESS_TEXT];

	fprintf(file, "[PEER]\nRemote=%s\n", peer_name(peer->remote, name));
	for (size_t i = 0; i < settings.count; i++) {
		if (*settings.list[i].value && !strstr(settings.list[i].value, "as device"))
			fprintf(file, "%s = %s\n", config_key(settings.list[i].word), settings.list[i].value);
	}
}

/* The device's options are those of the command line, whose parser has its own harness. */
static void check_again(const struct config *config)
{
	struct config again;
	char *text;
	size_t size;
	FILE *file = open_memstream(&text, &size);

	assert(file);
	/* Without a space, behind which a name that begins with # would be a comment. */
	fprintf(file, "[Attach]\nDevice =%s\n", config->device);
	for (size_t i = 0; i < config->peer_count; i++) {
		write_peer(file, &config->peers[i]);
		write_prefixes(file, config, &config->peers[i]);
	}
	fprintf(file, "[Bare]\n");
	write_prefixes(file, config, NULL);
	fclose(file);
	assert(read_text(text, size, &again) == DONE);
	assert(!strcmp(again.device, config->device) && again.peer_count == config->peer_count &&
	       again.prefix_count == config->prefix_count);
	assert(!memcmp(&again.attach.options, &nothing.options, sizeof(nothing.options)));
	for (size_t i = 0; i < config->peer_count; i++)
		assert(!memcmp(&again.peers[i].peer, &config->peers[i].peer, sizeof(struct peer)) &&
		       !memcmp(again.peers[i].src, config->peers[i].src, 4));
	for (size_t i = 0; i < config->prefix_count; i++)
		assert(again.prefixes[i].bare == config->prefixes[i].bare &&
		       again.prefixes[i].routed == config->prefixes[i].routed &&
		       !memcmp(again.prefixes[i].remote, config->prefixes[i].remote, 4) &&
		       !memcmp(again.prefixes[i].src, config->prefixes[i].src, 4));
	config_free(&again);
	free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct config config;

	if (read_text((const char *)data, size, &config))
		return 0;
	assert(*config.device && config.attach.device == config.device);
	check_peers(&config);
	check_prefixes(&config);
	check_again(&config);
	config_free(&config);
	return 0;
}
