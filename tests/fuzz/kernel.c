/* SPDX-License-Identifier: GPL-2.0-only */
/* Each __wrap_ function stands for the one that it is named after, by the linker's --wrap. */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/rtnetlink.h>
#include <net/if_arp.h>
#include <stdio.h>
#include <string.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "fail.h"
#include "kernel.h"
#include "link.h"
#include "maps.h"
#include "netlink.h"
#include "programs.h"
#include "route.h"

#define IFINDEX 7

enum {
	DEVICE_PRESENT = 1 << 0,
	DEVICE_SAME_NAME = 1 << 1,
	ENCAP_PRESENT = 1 << 2,
	DECAP_PRESENT = 1 << 3,
	NEIGHBOUR_PRESENT = 1 << 4,
	NEIGHBOUR_RIGHT = 1 << 5,
	FORWARDING_SET = 1 << 6,
	FROM_ELSEWHERE = 1 << 7, /* attached with -n */
};

enum {
	IN_ROUTES = 1 << 0,
	IN_FIB = 1 << 1,
	IN_PEER_SRC = 1 << 2,
};

/* Descriptors that the kernel never gives out so early. */
enum {
	FD_PEERS = 10000,
	FD_PREFIXES,
	FD_ROUTES,
	FD_PEER_SRC,
	FD_VERDICTS,
	FD_PEER_COUNTERS,
	FD_PATHS,
	FD_OTHER,
};

struct kernel kernel;

struct input {
	const uint8_t *data;
	size_t size;
};

static void take(struct input *input, void *into, size_t size)
{
	size_t there = size < input->size ? size : input->size;

	memset(into, 0, size);
	if (!there)
		return;
	memcpy(into, input->data, there);
	input->data += there;
	input->size -= there;
}

static uint8_t take_byte(struct input *input)
{
	uint8_t byte;

	take(input, &byte, sizeof(byte));
	return byte;
}

static void take_peer(struct input *input)
{
	struct kernel_peer *peer = &kernel.peers[kernel.peer_count];

	take(input, peer, sizeof(*peer));
	for (size_t i = 0; i < kernel.peer_count; i++) {
		if (!memcmp(kernel.peers[i].remote, peer->remote, sizeof(peer->remote)))
			return;
	}
	kernel.peer_count++;
}

static uint32_t network_of(const struct kernel_prefix *prefix)
{
	uint32_t address;

	memcpy(&address, prefix->addr, sizeof(address));
	return prefix->prefixlen ? ntohl(address) >> (32 - prefix->prefixlen) : 0;
}

/* The kernel keeps the bits behind a prefix's length as they were written, and looks past them. */
static void take_prefix(struct input *input)
{
	struct kernel_prefix *prefix = &kernel.prefixes[kernel.prefix_count];

	prefix->prefixlen = take_byte(input) % 33;
	take(input, prefix->addr, sizeof(prefix->addr));
	take(input, prefix->value, sizeof(prefix->value));
	kernel.routes[kernel.prefix_count] = take_byte(input);
	for (size_t i = 0; i < kernel.prefix_count; i++) {
		const struct kernel_prefix *other = &kernel.prefixes[i];

		if (other->prefixlen == prefix->prefixlen && network_of(other) == network_of(prefix))
			return;
	}
	kernel.prefix_count++;
}

/* Those prefixes whose routes are recorded, each in the place of its number. */
static void fill_places(void)
{
	for (uint32_t i = 0; i < KERNEL_ENTRIES_MAX; i++) {
		const struct kernel_prefix *prefix = &kernel.prefixes[i];
		struct kernel_place *place = &kernel.places[i];

		place->place = i;
		if (i >= kernel.prefix_count || !(kernel.routes[i] & IN_ROUTES))
			continue;
		place->value = (struct route_place){ .prefixlen = (uint8_t)prefix->prefixlen, .taken = 1 };
		memcpy(place->value.addr, prefix->addr, sizeof(prefix->addr));
		memcpy(place->value.record.src, prefix->value, 4);
	}
}

static void take_name(struct input *input, struct attachment *attachment)
{
	char *device = attachment->name.device;

	take(input, device, IFNAMSIZ - 1);
	for (size_t i = 0; i < IFNAMSIZ - 1; i++) {
		if (strchr(" \t\n\v\f\r/:", device[i]))
			device[i] = '\0';
	}
	if (!*device)
		strcpy(device, "eth0");
	if (kernel.state & FROM_ELSEWHERE)
		strcpy(attachment->name.netns, device);
}

void kernel_fill(const uint8_t *data, size_t size, struct attachment *attachment)
{
	struct input input = { .data = data, .size = size };
	struct maps *maps = &attachment->maps;

	memset(&kernel, 0, sizeof(kernel));
	kernel.state = ~take_byte(&input);
	kernel.count = take_byte(&input);
	take_name(&input, attachment);
	take(&input, &attachment->meta, sizeof(attachment->meta));
	attachment->meta.layout = LAYOUT;
	attachment->meta.ifindex = IFINDEX;
	*maps = maps_closed();
	maps->meta = FD_OTHER;
	maps->prefixes = FD_PREFIXES;
	maps->peers = FD_PEERS;
	maps->verdicts = FD_VERDICTS;
	maps->peer_counters = FD_PEER_COUNTERS;
	maps->identification = FD_OTHER;
	maps->paths = FD_PATHS;
	maps->paths_until = FD_OTHER;
	maps->routes2 = FD_ROUTES;
	maps->peer_src = FD_PEER_SRC;
	for (uint8_t left = take_byte(&input) % KERNEL_ENTRIES_MAX; left; left--)
		take_peer(&input);
	for (uint8_t left = take_byte(&input) % KERNEL_ENTRIES_MAX; left; left--)
		take_prefix(&input);
	fill_places();
}

/* Entries of a map, keys and values of a fixed size. */
struct entries {
	const uint8_t *first;
	size_t stride;
	size_t key_size;
	size_t value_size;
	size_t count;
};

static struct entries entries_of(int fd)
{
	if (fd == FD_PEERS)
		return (struct entries){ kernel.peers[0].remote, sizeof(kernel.peers[0]), 4, 32, kernel.peer_count };
	if (fd == FD_ROUTES)
		return (struct entries){ (const uint8_t *)&kernel.places[0], sizeof(kernel.places[0]), sizeof(uint32_t),
					 sizeof(struct route_place), KERNEL_ENTRIES_MAX };
	return (struct entries){ (const uint8_t *)&kernel.prefixes[0], sizeof(kernel.prefixes[0]), 8, 8,
				 kernel.prefix_count };
}

int __wrap_bpf_map_get_next_key(int fd, const void *key, void *next_key)
{
	const struct entries entries = entries_of(fd);
	size_t i = 0;

	if (key) {
		while (i < entries.count && memcmp(entries.first + i * entries.stride, key, entries.key_size))
			i++;
		i++;
	}
	if (i >= entries.count) {
		errno = ENOENT;
		return -ENOENT;
	}
	memcpy(next_key, entries.first + i * entries.stride, entries.key_size);
	return 0;
}

/* As on a kernel that reads entries one by one only. */
int __wrap_bpf_map_lookup_batch(int fd, void *in_batch, void *out_batch, void *keys, void *values, __u32 *count,
				const struct bpf_map_batch_opts *options)
{
	(void)fd;
	(void)in_batch;
	(void)out_batch;
	(void)keys;
	(void)values;
	(void)count;
	(void)options;
	errno = EINVAL;
	return -EINVAL;
}

static int lookup_entry(int fd, const void *key, void *value)
{
	const struct entries entries = entries_of(fd);

	for (size_t i = 0; i < entries.count; i++) {
		const uint8_t *entry = entries.first + i * entries.stride;

		if (memcmp(entry, key, entries.key_size))
			continue;
		memcpy(value, entry + entries.key_size, entries.value_size);
		return 0;
	}
	errno = ENOENT;
	return -ENOENT;
}

static int lookup_peer_src(const uint8_t *remote, void *value)
{
	for (size_t i = 0; i < kernel.prefix_count; i++) {
		if (memcmp(kernel.prefixes[i].value, remote, 4) || !(kernel.routes[i] & IN_PEER_SRC))
			continue;
		memcpy(value, kernel.prefixes[i].addr, 4);
		return 0;
	}
	errno = ENOENT;
	return -ENOENT;
}

static int lookup_path(const uint8_t *remote, void *value)
{
	for (size_t i = 0; i < kernel.peer_count; i++) {
		if (memcmp(kernel.peers[i].remote, remote, 4) || kernel.peers[i].path[0] == 0xFF)
			continue;
		memcpy(value, kernel.peers[i].path, sizeof(kernel.peers[i].path));
		return 0;
	}
	errno = ENOENT;
	return -ENOENT;
}

static int lookup_counters(void *value, size_t count)
{
	uint64_t *counters = value;

	for (size_t i = 0; i < count * (size_t)libbpf_num_possible_cpus(); i++)
		counters[i] = kernel.count;
	return 0;
}

int __wrap_bpf_map_lookup_elem(int fd, const void *key, void *value)
{
	switch (fd) {
	case FD_PEER_SRC:
		return lookup_peer_src(key, value);
	case FD_PATHS:
		return lookup_path(key, value);
	case FD_VERDICTS:
		return lookup_counters(value, 1);
	case FD_PEER_COUNTERS:
		return lookup_counters(value, sizeof(struct peer_counters) / sizeof(uint64_t));
	default:
		return lookup_entry(fd, key, value);
	}
}

int __wrap_link_find_index(struct netlink *netlink, __u32 ifindex, struct link *link)
{
	(void)netlink;
	*link = (struct link){ .ifindex = ifindex, .mtu = kernel.count, .type = ARPHRD_ETHER, .up = true };
	strcpy(link->name, kernel.state & DEVICE_SAME_NAME ? "eth0" : "other0");
	return kernel.state & DEVICE_PRESENT ? 0 : -ENODEV;
}

int __wrap_programs_state(__u32 ifindex, const char *folder, const struct maps *maps, const struct meta *meta,
			  struct programs_state *state)
{
	(void)ifindex;
	(void)folder;
	(void)maps;
	(void)meta;
	*state = (struct programs_state){ .encap = kernel.state & ENCAP_PRESENT, .decap = kernel.state & DECAP_PRESENT };
	return DONE;
}

int __wrap_neighbour_find(struct netlink *netlink, __u32 ifindex, bool *present, bool *right)
{
	(void)netlink;
	(void)ifindex;
	*present = kernel.state & NEIGHBOUR_PRESENT;
	*right = kernel.state & NEIGHBOUR_RIGHT;
	return 0;
}

int __wrap_forwarding_read(bool *set)
{
	*set = kernel.state & FORWARDING_SET;
	return DONE;
}

/* Half of all addresses are this host's. */
bool __wrap_route_is_local(struct netlink *netlink, __be32 address)
{
	(void)netlink;
	return ntohl(address) % 2;
}

int __wrap_route_each(struct netlink *netlink, int (*each)(const struct route *route, void *argument), void *argument)
{
	const uint8_t next_hop[] = NEXT_HOP;
	int result = 0;

	(void)netlink;
	for (size_t i = 0; i < kernel.prefix_count && !result; i++) {
		struct route route = {
			.prefixlen = (uint8_t)kernel.prefixes[i].prefixlen,
			.protocol = ROUTE_PROTOCOL,
			.type = RTN_UNICAST,
			.ifindex = IFINDEX,
			.table = RT_TABLE_MAIN,
		};

		memcpy(&route.dst, kernel.prefixes[i].addr, sizeof(route.dst));
		memcpy(&route.gateway, next_hop, sizeof(route.gateway));
		if (kernel.routes[i] & IN_FIB)
			result = each(&route, argument);
	}
	return result;
}
