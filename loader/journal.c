/* SPDX-License-Identifier: GPL-2.0-only */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/bpf.h>

#include "fail.h"
#include "journal.h"
#include "layout.h"
#include "map_batch.h"
#include "prefix_cache.h"
#include "progress.h"

#define KEY_MAX sizeof(struct prefix_key)
#define VALUE_MAX sizeof(struct peer)
/* Steps in one system call: as many as netlink takes, whose answers must all find room in the socket. */
#define BATCH_MAX NETLINK_BATCH_MAX

struct map_step {
	int fd;
	__u16 key_size;
	__u16 value_size;
	char key[KEY_MAX];
	char before[VALUE_MAX];
	char after[VALUE_MAX];
};

struct route_step {
	struct route before;
	struct route after; /* what goes, where nothing is to be */
};

struct step {
	bool is_route;
	bool had;  /* something was there before */
	bool gets; /* something is to be there */
	bool done;
	union {
		struct map_step map;
		struct route_step route;
	};
};

static struct step *new_step(struct journal *journal)
{
	struct step *step;

	if (journal->count == journal->room) {
		size_t room = journal->room ? 2 * journal->room : 16;
		struct step *longer = realloc(journal->steps, room * sizeof(*longer));

		if (!longer)
			return NULL;
		journal->steps = longer;
		journal->room = room;
	}
	step = &journal->steps[journal->count++];
	memset(step, 0, sizeof(*step));
	return step;
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

	if (is_same(change))
		return 0;
	step = new_step(journal);
	if (!step)
		return -ENOMEM;
	step->had = change->before;
	step->gets = change->after;
	step->map.fd = change->fd;
	step->map.key_size = (__u16)change->key_size;
	step->map.value_size = (__u16)change->value_size;
	memcpy(step->map.key, change->key, change->key_size);
	if (change->before)
		memcpy(step->map.before, change->before, change->value_size);
	if (change->after)
		memcpy(step->map.after, change->after, change->value_size);
	return 0;
}

int journal_route(struct journal *journal, const struct route *before, const struct route *after)
{
	struct step *step;

	if (!before && !after)
		return 0;
	step = new_step(journal);
	if (!step)
		return -ENOMEM;
	step->is_route = true;
	step->had = before;
	step->gets = after;
	if (before)
		step->route.before = *before;
	step->route.after = after ? *after : *before;
	return 0;
}

/* Whether one system call can do both. */
static bool is_alike(const struct step *a, const struct step *b)
{
	if (a->is_route != b->is_route)
		return false;
	return a->is_route || (a->gets == b->gets && a->map.fd == b->map.fd);
}

/* How many steps from here on are alike. */
static size_t count_alike(const struct step *steps, size_t count)
{
	size_t alike = 1;

	while (alike < count && alike < BATCH_MAX && is_alike(&steps[0], &steps[alike]))
		alike++;
	return alike;
}

/* At once: the next step may take away what the programs still know of, such as a prefix's former peer. */
static int forget(const struct maps *maps, int fd)
{
	return fd == maps->prefixes ? prefix_cache_forget(maps) : 0;
}

static int do_map_steps(const struct maps *maps, struct step *steps, size_t count, size_t *failed)
{
	char keys[BATCH_MAX * KEY_MAX], values[BATCH_MAX * VALUE_MAX];
	const struct map_step *first = &steps->map;
	const struct map_batch batch = { first->fd, keys, first->key_size, values, first->value_size, count };
	size_t done = 0;
	int error;

	for (size_t i = 0; i < count; i++) {
		memcpy(keys + i * first->key_size, steps[i].map.key, first->key_size);
		memcpy(values + i * first->value_size, steps[i].map.after, first->value_size);
	}
	error = steps->gets ? map_batch_update(&batch, &done) : map_batch_delete(&batch, &done);
	for (size_t i = 0; i < done; i++)
		steps[i].done = true;
	*failed = done;
	if (error)
		return error;
	*failed = 0;
	return forget(maps, first->fd);
}

static struct nlmsghdr *request_of(struct netlink *netlink, const struct step *step)
{
	if (!step->gets)
		return route_delete_request(netlink, &step->route.before);
	return step->had ? route_replace_request(netlink, &step->route.after)
			 : route_add_request(netlink, &step->route.after);
}

/* The kernel goes on behind a request that it refuses. A route that is not there is as good as deleted. */
static int do_route_steps(struct netlink *netlink, struct step *steps, size_t count, size_t *failed)
{
	int answers[BATCH_MAX], error = 0;

	netlink_batch_begin(netlink);
	for (size_t i = 0; i < count; i++)
		netlink_batch_add(netlink, request_of(netlink, &steps[i]));
	error = netlink_batch_talk(netlink, answers);
	/* Without answers any of them may have been done. */
	for (size_t i = 0; i < count && error; i++)
		steps[i].done = true;
	for (size_t i = error ? 0 : count; i-- > 0;) {
		steps[i].done = !answers[i];
		if (!answers[i] || (answers[i] == -ESRCH && !steps[i].gets))
			continue;
		error = answers[i];
		*failed = i;
	}
	return error;
}

static void tell(const struct step *step, int error, struct journal_failure *failure)
{
	*failure = (struct journal_failure){ .error = error };
	if (step->is_route) {
		failure->route = &step->route.after;
		return;
	}
	failure->fd = step->map.fd;
	failure->key = step->map.key;
	failure->key_size = step->map.key_size;
}

int journal_flush(struct journal *journal, struct journal_failure *failure)
{
	struct progress progress = progress_begin(journal->count - journal->tried);
	int error = 0;

	while (journal->tried < journal->count && !error) {
		struct step *steps = &journal->steps[journal->tried];
		size_t alike = count_alike(steps, journal->count - journal->tried), failed = 0;

		journal->tried += alike;
		error = steps->is_route ? do_route_steps(journal->netlink, steps, alike, &failed)
					: do_map_steps(journal->maps, steps, alike, &failed);
		if (error)
			tell(&steps[failed], error, failure);
		progress_step(&progress, alike);
	}
	progress_end(&progress);
	return error;
}

static int undo_map(const struct maps *maps, const struct step *step)
{
	const struct map_step *map = &step->map;

	if (step->had && bpf_map_update_elem(map->fd, map->key, map->before, BPF_ANY))
		return -errno;
	if (!step->had && bpf_map_delete_elem(map->fd, map->key) && errno != ENOENT)
		return -errno;
	return forget(maps, map->fd);
}

static int undo_route(struct netlink *netlink, const struct step *step)
{
	int error;

	if (step->had)
		return route_replace_tunnel(netlink, &step->route.before);
	error = route_delete_tunnel(netlink, &step->route.after);
	return error == -ESRCH ? 0 : error;
}

/* A device that is gone took its routes with it. */
void journal_undo(struct journal *journal)
{
	while (journal->tried) {
		const struct step *step = &journal->steps[--journal->tried];
		int error = 0;

		if (step->done)
			error = step->is_route ? undo_route(journal->netlink, step) : undo_map(journal->maps, step);
		if (error && !(step->is_route && error == -ENODEV))
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
	journal->tried = 0;
}
