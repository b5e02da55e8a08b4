/* SPDX-License-Identifier: GPL-2.0-only */
#include <string.h>

#include "address.h"
#include "change_order.h"
#include "fail.h"

/* A prefix and those that hold it: one of each length. */
#define NESTED_MAX 33

/* Entries of one map. */
struct counts {
	size_t there;
	size_t come;
	size_t come_soon; /* of them, before what they take over from is gone */
	size_t go;
	size_t go_first;
};

static bool comes(const struct prefix_wish *wish)
{
	return wish->present && !wish->before;
}

static struct counts count_prefixes(const struct change *change)
{
	struct counts counts = { .there = change->prefixes.count };

	for (size_t i = 0; i < change->wish_count; i++) {
		const struct prefix_wish *wish = &change->wishes[i];
		const bool is_new = comes(wish);

		counts.go += !wish->present;
		counts.go_first += wish->phase == PHASE_GO_FIRST;
		counts.come += is_new;
		counts.come_soon += is_new && wish->phase < PHASE_GO;
	}
	return counts;
}

static struct counts count_peers(const struct change *change)
{
	struct counts counts = { .there = change->peers.count };

	for (size_t i = 0; i < change->peer_wish_count; i++) {
		const struct peer_wish *wish = &change->peer_wishes[i];

		counts.go += !wish->present;
		counts.go_first += wish->goes_first;
		counts.come += wish->present && !peers_find(&change->peers, wish->key.remote);
	}
	counts.come_soon = counts.come;
	return counts;
}

/* What is to be fits, but not beside what goes. */
static bool is_tight(const struct counts *counts, size_t room)
{
	return counts->there + counts->come > room && counts->there + counts->come - counts->go <= room;
}

static bool finds_room(const struct counts *counts, size_t room)
{
	return counts->there - counts->go_first + counts->come_soon <= room;
}

static enum phase usual_phase(const struct prefix_wish *wish)
{
	if (!wish->present)
		return PHASE_GO;
	return wish->routed ? PHASE_ROUTED : PHASE_UNROUTED;
}

static enum phase tight_phase(const struct prefix_wish *wish)
{
	if (!wish->present)
		return PHASE_GO_FIRST;
	if (!comes(wish))
		return usual_phase(wish);
	return wish->routed ? PHASE_LATE_ROUTED : PHASE_LATE_UNROUTED;
}

static bool holds(const struct prefix_key *key, const struct prefix_key *other)
{
	const struct prefix_key network = prefix_of(other->addr, key->prefixlen);

	return key->prefixlen <= other->prefixlen && !memcmp(network.addr, key->addr, sizeof(key->addr));
}

/* Of two that overlap: what goes has to wait until what takes its packets over is there. */
static void tie(struct prefix_wish *a, struct prefix_wish *b)
{
	if (a->present == b->present || !comes(a->present ? a : b))
		return;
	a->phase = usual_phase(a);
	b->phase = usual_phase(b);
}

/* Sorted as they are, the prefixes that hold one are before it. */
static void tie_all(struct change *change)
{
	struct prefix_wish *holders[NESTED_MAX];
	size_t count = 0;

	for (size_t i = 0; i < change->wish_count; i++) {
		struct prefix_wish *wish = &change->wishes[i];

		while (count && (count == NESTED_MAX || !holds(&holders[count - 1]->key, &wish->key)))
			count--;
		for (size_t j = 0; j < count; j++)
			tie(holders[j], wish);
		holders[count++] = wish;
	}
}

/* A peer goes first if all its prefixes do. */
static void choose_peers(struct change *change)
{
	for (size_t i = 0; i < change->peer_wish_count; i++)
		change->peer_wishes[i].goes_first = !change->peer_wishes[i].present;
	for (size_t i = 0; i < change->prefixes.count; i++) {
		const struct prefix_entry *entry = &change->prefixes.list[i];
		const struct prefix_wish *wish = change_find_wish(change, &entry->key);
		struct peer_wish *peer = change_find_peer_wish(change, entry->prefix.remote);

		if (peer && (!wish || wish->phase != PHASE_GO_FIRST))
			peer->goes_first = false;
	}
}

static int check_prefixes(const struct change *change)
{
	const struct counts counts = count_prefixes(change);
	char prefix[PREFIX_TEXT];
	size_t i = 0;

	if (finds_room(&counts, PREFIXES_MAX))
		return DONE;
	while (change->wishes[i].phase >= PHASE_GO || !comes(&change->wishes[i]))
		i++;
	return fail("the map 'prefixes' has no room for %s beside the prefixes whose packets it takes over: delete "
		    "some of those first",
		    prefix_format(&change->wishes[i].key, prefix));
}

static int check_peers(const struct change *change)
{
	const struct counts counts = count_peers(change);

	if (finds_room(&counts, PEERS_MAX))
		return DONE;
	return fail("the map 'peers' has no room for the new peers beside those whose prefixes they take over: make "
		    "the change in several steps");
}

int change_order(struct change *change)
{
	struct counts prefixes, peers;

	for (size_t i = 0; i < change->wish_count; i++)
		change->wishes[i].phase = usual_phase(&change->wishes[i]);
	prefixes = count_prefixes(change);
	peers = count_peers(change);
	if (!is_tight(&prefixes, PREFIXES_MAX) && !is_tight(&peers, PEERS_MAX))
		return DONE;
	for (size_t i = 0; i < change->wish_count; i++)
		change->wishes[i].phase = tight_phase(&change->wishes[i]);
	tie_all(change);
	choose_peers(change);
	return check_prefixes(change) || check_peers(change) ? FAILED : DONE;
}
