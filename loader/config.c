/* SPDX-License-Identifier: GPL-2.0-only */
#include <errno.h>
#include <ini.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "address.h"
#include "config.h"
#include "config_lines.h"
#include "config_sections.h"
#include "fail.h"
#include "peers.h"
#include "sorting.h"

struct handling {
	struct config_lines lines;
	struct config_reading reading;
};

/* inih's handler: 0 is failure. */
static int handle(void *user, const char *section, const char *key, const char *value)
{
	struct handling *handling = user;
	struct config_lines *lines = &handling->lines;
	struct config_reading *reading = &handling->reading;
	int result;

	reading->line = lines->number;
	if (lines->announces)
		result = config_section_begin(reading, section);
	else
		result = config_section_take(reading, key, value);
	lines->announces = false;
	lines->pending = false;
	if (result)
		lines->failed = true;
	return !result;
}

/* Peers, and prefixes, begin with what they are sorted by; of those alike, the earlier comes first. */
static int compare_peers(const void *a, const void *b)
{
	const struct config_peer *left = a, *right = b;
	int order = memcmp(left->remote, right->remote, 4);

	return order ? order : (left->line > right->line) - (left->line < right->line);
}

static int compare_prefixes(const void *a, const void *b)
{
	const struct config_prefix *left = a, *right = b;
	int order = prefix_compare(&left->key, &right->key);

	return order ? order : (left->line > right->line) - (left->line < right->line);
}

static int sort_peers(const char *name, struct config *config)
{
	char text[ADDRESS_TEXT];

	sort(config->peers, config->peer_count, sizeof(*config->peers), compare_peers);
	for (size_t i = 1; i < config->peer_count; i++) {
		const struct config_peer *first = &config->peers[i - 1], *second = &config->peers[i];

		if (memcmp(first->remote, second->remote, 4))
			continue;
		fail_at(name, second->line);
		return fail("the peer %s is given twice, first in line %u: give it once",
			    peer_name(second->remote, text), first->line);
	}
	return DONE;
}

static bool is_one_owner(const struct config_prefix *a, const struct config_prefix *b)
{
	return a->bare == b->bare && !memcmp(a->remote, b->remote, 4);
}

static int sort_prefixes(const char *name, struct config *config)
{
	char text[PREFIX_TEXT];

	sort(config->prefixes, config->prefix_count, sizeof(*config->prefixes), compare_prefixes);
	for (size_t i = 1; i < config->prefix_count; i++) {
		const struct config_prefix *first = &config->prefixes[i - 1], *second = &config->prefixes[i];

		if (prefix_compare(&first->key, &second->key))
			continue;
		fail_at(name, second->line);
		return fail("the prefix %s is given twice, first in line %u%s", prefix_format(&second->key, text),
			    first->line,
			    is_one_owner(first, second) ? ": give it once" : ", to another owner: it has one");
	}
	return DONE;
}

/* The device's name from the file's: DEV.conf. */
static int name_device(const char *name, struct config *config)
{
	const char *slash = strrchr(name, '/'), *base = slash ? slash + 1 : name, *device;
	size_t length = strlen(base);
	char text[IFNAMSIZ + 1];
	char *list[] = { text, NULL };
	struct words words = { list };

	if (*config->device)
		return DONE;
	if (length <= 5 || strcmp(base + length - 5, ".conf") || length - 5 > IFNAMSIZ)
		return fail("which device is this for? Name the file DEV.conf, or say 'Device = DEV' in [Attach]");
	memcpy(text, base, length - 5);
	text[length - 5] = '\0';
	if (words_device(&words, &device))
		return FAILED;
	strcpy(config->device, device);
	return DONE;
}

/* An empty file is more likely an accident than the wish to have no peer left. */
static int finish(const char *name, struct config_reading *reading)
{
	struct config *config = reading->config;

	if (config_section_end(reading))
		return FAILED;
	fail_at(name, 0);
	if (!reading->attach)
		return fail("there is no [Attach] in it, which every file has, be it empty");
	if (sort_peers(name, config) || sort_prefixes(name, config))
		return FAILED;
	fail_at(name, 0);
	if (name_device(name, config))
		return FAILED;
	config->attach.device = config->device;
	return DONE;
}

static int read_all(FILE *file, const char *name, struct config *config)
{
	struct handling handling = { .reading = { .config = config, .name = name } };
	int result;

	config_lines_begin(&handling.lines, file, name);
	/* What it says of errors is known here already. */
	ini_parse_stream(config_lines_read, &handling.lines, handle, &handling);
	result = config_lines_check(&handling.lines);
	if (!result)
		result = finish(name, &handling.reading);
	config_lines_end(&handling.lines);
	return result;
}

int config_read_stream(FILE *file, const char *name, struct config *config)
{
	*config = (struct config){ 0 };
	if (!read_all(file, name, config))
		return DONE;
	config_free(config);
	return FAILED;
}

/* Half a file must not pass for a whole one: somebody is writing it. */
static int check_unchanged(FILE *file, const char *path, const struct stat *before)
{
	struct stat after;

	if (fstat(fileno(file), &after) || after.st_size != before->st_size ||
	    after.st_mtim.tv_sec != before->st_mtim.tv_sec || after.st_mtim.tv_nsec != before->st_mtim.tv_nsec)
		return fail("%s: the file changed while it was read: try again", path);
	return DONE;
}

static int read_file(FILE *file, const char *path, struct config *config)
{
	struct stat before;

	if (fstat(fileno(file), &before))
		return fail("%s: %s", path, strerror(errno));
	if (S_ISDIR(before.st_mode))
		return fail("%s: this is a directory, a file is needed", path);
	if (config_read_stream(file, path, config))
		return FAILED;
	if (!S_ISREG(before.st_mode) || !check_unchanged(file, path, &before))
		return DONE;
	config_free(config);
	return FAILED;
}

int config_read(const char *path, struct config *config)
{
	FILE *file = fopen(path, "re");
	int result;

	if (!file)
		return fail("cannot open %s: %s", path, strerror(errno));
	result = read_file(file, path, config);
	fclose(file);
	return result;
}

void config_free(struct config *config)
{
	free(config->peers);
	free(config->prefixes);
	*config = (struct config){ 0 };
}

static int compare_remote(const void *a, const void *b)
{
	return memcmp(a, b, 4);
}

static int compare_key(const void *a, const void *b)
{
	return prefix_compare(a, b);
}

bool config_has_peer(const struct config *config, const __u8 remote[4])
{
	return config->peer_count &&
	       bsearch(remote, config->peers, config->peer_count, sizeof(*config->peers), compare_remote);
}

bool config_has_prefix(const struct config *config, const struct prefix_key *key)
{
	return config->prefix_count &&
	       bsearch(key, config->prefixes, config->prefix_count, sizeof(*config->prefixes), compare_key);
}
