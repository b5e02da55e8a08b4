/* SPDX-License-Identifier: GPL-2.0-only */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/bpf.h>

#include "fail.h"
#include "journal.h"
#include "layout.h"

#define KEY_MAX sizeof(struct prefix_key)
#define VALUE_MAX sizeof(struct meta)

/* How to undo what was done: a map's entry where there is a key, else a route. */
struct step {
	int fd;
	size_t key_size;
	bool present; /* what was there before: value, or route_before */
	char key[KEY_MAX];
	char value[VALUE_MAX];
	struct route route_before;
	struct route route_after;
};

static struct step *new_step(struct journal *journal)
{
	if (journal->count == journal->room) {
		size_t room = journal->room ? 2 * journal->room : 16;
		struct step *longer = realloc(journal->steps, room * sizeof(*longer));

		if (!longer)
			return NULL;
		journal->steps = longer;
		journal->room = room;
	}
	memset(&journal->steps[journal->count], 0, sizeof(*journal->steps));
	return &journal->steps[journal->count];
}

/* Returns 0 or -errno. An entry that is not there is as good as deleted. */
static int set_entry(int fd, const void *key, const void *value)
{
	if (value)
		return bpf_map_update_elem(fd, key, value, BPF_ANY) ? -errno : 0;
	return bpf_map_delete_elem(fd, key) && errno != ENOENT ? -errno : 0;
}

static bool is_same(const struct map_change *change)
{
	if (!change->before || !change->after)
		return change->before == change->after;
	return !memcmp(change->before, change->after, change->value_size);
}

int journal_map(struct journal *journal, const struct map_change *change)
{
	struct step *step;
	int error;

	if (is_same(change))
		return 0;
	step = new_step(journal);
	if (!step)
		return -ENOMEM;
	step->fd = change->fd;
	step->key_size = change->key_size;
	memcpy(step->key, change->key, change->key_size);
	step->present = change->before;
	if (change->before)
		memcpy(step->value, change->before, change->value_size);
	error = set_entry(change->fd, change->key, change->after);
	if (!error)
		journal->count++;
	return error;
}

static int set_route(struct netlink *netlink, const struct route *before, const struct route *after)
{
	int error;

	if (after && before)
		return route_replace_tunnel(netlink, after);
	if (after)
		return route_add_tunnel(netlink, after);
	error = before ? route_delete_tunnel(netlink, before) : 0;
	return error == -ESRCH ? 0 : error;
}

int journal_route(struct journal *journal, const struct route *before, const struct route *after)
{
	struct step *step;
	int error;

	if (!before && !after)
		return 0;
	step = new_step(journal);
	if (!step)
		return -ENOMEM;
	step->fd = -1;
	step->present = before;
	if (before)
		step->route_before = *before;
	step->route_after = after ? *after : *before;
	error = set_route(journal->netlink, before, after);
	if (!error)
		journal->count++;
	return error;
}

static int undo(struct netlink *netlink, const struct step *step)
{
	if (step->key_size)
		return set_entry(step->fd, step->key, step->present ? step->value : NULL);
	if (step->present)
		return route_replace_tunnel(netlink, &step->route_before);
	return set_route(netlink, &step->route_after, NULL);
}

void journal_undo(struct journal *journal)
{
	while (journal->count) {
		int error = undo(journal->netlink, &journal->steps[--journal->count]);

		if (error)
			warn("a step could not be undone: %s", strerror(-error));
	}
	journal_free(journal);
}

void journal_free(struct journal *journal)
{
	free(journal->steps);
	journal->steps = NULL;
	journal->count = 0;
	journal->room = 0;
}
