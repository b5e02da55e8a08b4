/* SPDX-License-Identifier: GPL-2.0-only */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "address.h"
#include "options.h"
#include "settings.h"

/* The value "" where `format` is NULL. */
__attribute__((format(printf, 3, 4))) static void add(struct settings *settings, const char *word, const char *format,
						      ...)
{
	struct setting *setting = &settings->list[settings->count++];
	va_list arguments;

	setting->word = word;
	setting->value[0] = '\0';
	if (!format)
		return;
	va_start(arguments, format);
	vsnprintf(setting->value, sizeof(setting->value), format, arguments);
	va_end(arguments);
}

static void add_address(struct settings *settings, const char *word, const __u8 address[4])
{
	char text[ADDRESS_TEXT];

	add(settings, word, address_is_zero(address) ? NULL : "%s", address_format(address, text));
}

static void add_field(struct settings *settings, const char *word, __u8 mode, const char *format, __u8 value)
{
	char text[8] = "inherit";

	if (mode != FIELD_INHERIT)
		snprintf(text, sizeof(text), format, value);
	add(settings, word, mode ? "%s" : NULL, text);
}

/* What device and peer have in common. */
static void add_options(struct settings *settings, const struct peer *peer)
{
	static const char *const monitor[] = { " (monitor as device)", " monitor", "" };

	add(settings, "rpf", peer->rpf || peer->monitor ? "%s%s" : NULL, options_rpf_name(peer->rpf),
	    monitor[peer->monitor <= SWITCH_OFF ? peer->monitor : SWITCH_OFF]);
	add_field(settings, "ttl", peer->ttl_mode, "%u", peer->ttl);
	add_field(settings, "tos", peer->tos_mode, "0x%02x", peer->tos);
	add(settings, "ecn", peer->ecn ? "%s" : NULL, options_ecn_name(peer->ecn));
	add(settings, "pmtudisc", peer->df ? "%s" : NULL, peer->df == DF_PMTUDISC ? "yes" : "no");
}

struct settings settings_of_peer(const struct peer *peer, const __u8 src[4])
{
	struct settings settings = { 0 };

	add_address(&settings, "local", peer->local);
	add_address(&settings, "src", src);
	add_options(&settings, peer);
	return settings;
}

struct settings settings_of_meta(const struct meta *meta)
{
	static const __u8 none[4];
	static const char *const plain[] = { "", "drop", "pass" };
	const struct peer as_peer = options_effective(&(struct peer){ 0 }, meta);
	struct settings settings = { 0 };

	add_address(&settings, "local", meta->local_auto ? none : meta->local);
	add_address(&settings, "src", meta->src);
	add(&settings, "mode", "%s", options_mode_name(meta->mode));
	add_options(&settings, &as_peer);
	add(&settings, "plain", "%s", meta->plain <= PLAIN_PASS ? plain[meta->plain] : "?");
	add(&settings, "fragments", "%s", meta->fragments == FRAGMENTS_STACK ? "stack" : "drop");
	add(&settings, "routes", "%s", meta->routes == SWITCH_ON ? "on" : "off");
	add(&settings, "mtu_expires", "%u", meta->mtu_expires);
	add(&settings, "icmp", "%u", meta->icmp_rate);
	add(&settings, "cache", "%u", meta->cache);
	add(&settings, "forward", "%s", meta->forward == SWITCH_ON ? "on" : "off");
	add(&settings, "spread", "%s", meta->spread == SWITCH_ON ? "on" : "off");
	return settings;
}
