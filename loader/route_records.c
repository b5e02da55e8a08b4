/* SPDX-License-Identifier: GPL-2.0-only */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>

#include "address.h"
#include "fail.h"
#include "layouts.h"
#include "map_batch.h"
#include "map_entries.h"
#include "pins.h"
#include "route_records.h"
#include "sharing.h"
#include "sorting.h"

/* An entry of `routes` as map_entries_read gives it, and of `routes2`. */
struct hashed {
	struct prefix_key key;
	struct route_record record;
};

struct placed {
	__u32 place;
	struct route_place value;
};

/* Entries begin with their key. */
static int compare(const void *a, const void *b)
{
	return prefix_compare(a, b);
}

static int allocate(struct route_records *records, size_t entries)
{
	records->list = calloc(entries ? entries : 1, sizeof(*records->list));
	return records->list ? DONE : fail("out of memory");
}

static int read_hash(struct route_records *records)
{
	struct hashed *entries;
	size_t count;
	void *list;

	if (map_entries_read(records->fd, "routes", sizeof(struct prefix_key), sizeof(struct route_record), &list,
			     &count))
		return FAILED;
	entries = list;
	if (!allocate(records, count)) {
		for (size_t i = 0; i < count; i++)
			records->list[i] = (struct route_entry){ entries[i].key, entries[i].record, 0 };
		records->count = count;
	}
	free(list);
	return records->list ? DONE : FAILED;
}

static void take_entry(struct route_records *records, const struct placed *entry)
{
	struct route_entry *taken = &records->list[records->count++];

	taken->key.prefixlen = entry->value.prefixlen;
	memcpy(taken->key.addr, entry->value.addr, sizeof(taken->key.addr));
	taken->record = entry->value.record;
	taken->place = entry->place;
	records->taken[entry->place] = true;
}

static int take_entries(struct route_records *records, const struct placed *entries, size_t count)
{
	size_t taken = 0;

	for (size_t i = 0; i < count; i++)
		taken += !!entries[i].value.taken;
	records->room = (__u32)count;
	records->taken = calloc(count ? count : 1, sizeof(*records->taken));
	if (!records->taken)
		return fail("out of memory");
	if (allocate(records, taken))
		return FAILED;
	for (size_t i = 0; i < count; i++)
		if (entries[i].value.taken && entries[i].place < count)
			take_entry(records, &entries[i]);
	return DONE;
}

static int read_places(struct route_records *records)
{
	size_t count;
	void *list;
	int result;

	if (map_entries_read(records->fd, "routes2", sizeof(__u32), sizeof(struct route_place), &list, &count))
		return FAILED;
	result = take_entries(records, list, count);
	free(list);
	return result;
}

static bool has_places(__u32 layout)
{
	return layout >= ROUTES2_SINCE;
}

static int read_layout(const struct maps *maps, __u32 layout, struct route_records *records)
{
	int result;

	*records = (struct route_records){ .has_places = has_places(layout) };
	records->fd = records->has_places ? maps->routes2 : maps->routes;
	result = records->has_places ? read_places(records) : read_hash(records);
	if (result)
		route_records_free(records);
	else
		sort(records->list, records->count, sizeof(*records->list), compare);
	return result;
}

int route_records_read(const struct maps *maps, struct route_records *records)
{
	return read_layout(maps, layout_of_meta(maps->meta), records);
}

void route_records_free(struct route_records *records)
{
	free(records->list);
	free(records->taken);
	*records = (struct route_records){ .fd = -1 };
}

const struct route_entry *route_records_find(const struct route_records *records, const struct prefix_key *key)
{
	if (!records->count)
		return NULL;
	return bsearch(key, records->list, records->count, sizeof(*records->list), compare);
}

static struct route_place place_of(const struct prefix_key *key, const struct route_record *record)
{
	struct route_place place = { .prefixlen = (__u8)key->prefixlen, .taken = 1, .record = *record };

	memcpy(place.addr, key->addr, sizeof(place.addr));
	return place;
}

static int make_hash(void)
{
	LIBBPF_OPTS(bpf_map_create_opts, options, .map_flags = BPF_F_NO_PREALLOC);
	int fd = bpf_map_create(BPF_MAP_TYPE_HASH, "routes", sizeof(struct prefix_key), sizeof(struct route_record),
				PREFIXES_MAX, &options);

	if (fd < 0)
		fail("cannot make the map 'routes': %s", strerror(errno));
	return fd;
}

static int make_places(size_t wanted)
{
	__u32 room = ROUTES2_FIRST;
	int fd;

	while (room < wanted && room < PREFIXES_MAX)
		room *= 2;
	fd = bpf_map_create(BPF_MAP_TYPE_ARRAY, "routes2", sizeof(__u32), sizeof(struct route_place), room, NULL);
	if (fd < 0)
		fail("cannot make the map 'routes2': %s", strerror(errno));
	return fd;
}

static int copy_one(int fd, const struct route_records *records, const struct route_entry *entry, bool to_places)
{
	const struct route_place value = place_of(&entry->key, &entry->record);
	const __u32 place = records->has_places ? entry->place : (__u32)(entry - records->list);

	return to_places ? bpf_map_update_elem(fd, &place, &value, BPF_ANY)
			 : bpf_map_update_elem(fd, &entry->key, &entry->record, BPF_ANY);
}

static int copy(int fd, const struct route_records *records, bool to_places)
{
	for (size_t i = 0; i < records->count; i++) {
		if (copy_one(fd, records, &records->list[i], to_places))
			return fail("cannot copy what is recorded of the routes: %s", strerror(errno));
	}
	return DONE;
}

/* Closes what it was, if the new one is complete. */
static int exchange(int *fd, int made, const struct route_records *records, bool to_places)
{
	if (made < 0)
		return FAILED;
	if (copy(made, records, to_places)) {
		close(made);
		return FAILED;
	}
	if (*fd >= 0)
		close(*fd);
	*fd = made;
	return DONE;
}

static int take_room(struct route_records *records, __u32 room)
{
	bool *taken = realloc(records->taken, room * sizeof(*taken));

	if (!taken)
		return fail("out of memory");
	memset(taken + records->room, 0, (room - records->room) * sizeof(*taken));
	records->taken = taken;
	records->room = room;
	return DONE;
}

static size_t count_free(const struct route_records *records)
{
	return records->room - records->count;
}

int route_records_reserve(struct route_records *records, struct maps *maps, const char *folder, size_t more)
{
	const size_t wanted = records->count + more;
	struct bpf_map_info info = {};
	__u32 size = sizeof(info);

	if (!records->has_places || count_free(records) >= more || records->room >= PREFIXES_MAX)
		return DONE;
	if (exchange(&maps->routes2, make_places(wanted), records, true))
		return FAILED;
	records->fd = maps->routes2;
	if (bpf_obj_get_info_by_fd(maps->routes2, &info, &size))
		return fail("cannot ask for the map 'routes2': %s", strerror(errno));
	return take_room(records, info.max_entries) || route_records_pin(maps, folder, ROUTES2_SINCE) ||
			       sharing_apply(folder)
		       ? FAILED
		       : DONE;
}

int route_records_pin(const struct maps *maps, const char *folder, __u32 layout)
{
	return has_places(layout) ? pins_pin_over(folder, maps->routes2, "routes2")
				  : pins_pin_over(folder, maps->routes, "routes");
}

int route_records_move(struct maps *maps, __u32 from, __u32 to)
{
	struct route_records records;
	int result;

	if (has_places(from) == has_places(to))
		return DONE;
	if (read_layout(maps, from, &records))
		return FAILED;
	if (has_places(to))
		result = exchange(&maps->routes2, make_places(records.count), &records, true);
	else
		result = exchange(&maps->routes, make_hash(), &records, false);
	route_records_free(&records);
	return result;
}

/* PREFIXES_MAX: none is free. */
static __u32 take_place(struct route_records *records)
{
	while (records->lowest < records->room && records->taken[records->lowest])
		records->lowest++;
	if (records->lowest == records->room)
		return PREFIXES_MAX;
	records->taken[records->lowest] = true;
	return records->lowest;
}

static void give_back(struct route_records *records, __u32 place)
{
	records->taken[place] = false;
	if (place < records->lowest)
		records->lowest = place;
}

static int queue(struct journal *journal, const struct map_change *set)
{
	return journal_map(journal, set) ? fail("out of memory") : DONE;
}

static int queue_place(struct route_records *records, struct journal *journal, const struct route_entry *entry,
		       const struct prefix_key *key, const struct route_record *record)
{
	const struct route_place nothing = { 0 };
	const struct route_place before = entry ? place_of(key, &entry->record) : nothing;
	const struct route_place after = record ? place_of(key, record) : nothing;
	__u32 place = 0;
	const struct map_change set = {
		.fd = records->fd,
		.key = &place,
		.key_size = sizeof(place),
		.before = &before,
		.after = &after,
		.value_size = sizeof(after),
	};

	if (entry)
		place = entry->place;
	else if (record)
		place = take_place(records);
	if (place == PREFIXES_MAX)
		return fail("the map 'routes2' is full");
	if (entry && !record)
		give_back(records, place);
	return queue(journal, &set);
}

static int queue_entry(const struct route_records *records, struct journal *journal, const struct route_entry *entry,
		       const struct prefix_key *key, const struct route_record *record)
{
	const struct map_change set = {
		.fd = records->fd,
		.key = key,
		.key_size = sizeof(*key),
		.before = entry ? &entry->record : NULL,
		.after = record,
		.value_size = sizeof(*record),
	};

	return queue(journal, &set);
}

int route_records_queue(struct route_records *records, struct journal *journal, const struct route_entry *entry,
			const struct prefix_key *key, const struct route_record *record)
{
	return records->has_places ? queue_place(records, journal, entry, key, record)
				   : queue_entry(records, journal, entry, key, record);
}

void route_records_forget(const struct route_records *records, const struct route_entry *entry)
{
	const struct route_place nothing = { 0 };

	if (records->has_places)
		bpf_map_update_elem(records->fd, &entry->place, &nothing, BPF_ANY);
	else
		bpf_map_delete_elem(records->fd, &entry->key);
}
