/* SPDX-License-Identifier: GPL-2.0-only */
#include <bpf/bpf.h>
#include <errno.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <string.h>

#include "devices.h"
#include "fail.h"
#include "xdp_features.h"

struct writing {
	const struct session *session;
	struct attachments all;
	int map;
	__u32 own; /* DEV's ifindex */
	int error;
};

static bool is_attached(const struct attachments *all, __u32 ifindex)
{
	for (size_t i = 0; i < all->count; i++)
		if (all->list[i].meta.ifindex == ifindex)
			return true;
	return false;
}

/*
 * Not those with an attachment of their own, whose program at TC egress would be passed by; of DEV the programs know. What
 * finds no room is left to the stack.
 */
static void add(__u32 ifindex, void *argument)
{
	struct writing *writing = argument;
	struct link link = { 0 };

	if ((ifindex != writing->own && is_attached(&writing->all, ifindex)) ||
	    link_find_index(writing->session->netlink, ifindex, &link) || link.type != ARPHRD_ETHER)
		return;
	if (bpf_map_update_elem(writing->map, &ifindex, &ifindex, BPF_ANY) && errno != E2BIG && errno != ENODEV)
		writing->error = -errno;
}

/* In skb mode the kernel has made an skb of each packet, which every device can send. */
static void add_all(struct writing *writing)
{
	struct if_nameindex *list = if_nameindex();

	for (struct if_nameindex *entry = list; entry && entry->if_index; entry++)
		add(entry->if_index, writing);
	if (list)
		if_freenameindex(list);
}

static int clear(int map)
{
	__u32 key;

	while (!bpf_map_get_next_key(map, NULL, &key))
		if (bpf_map_delete_elem(map, &key) && errno != ENOENT)
			return -errno;
	return 0;
}

static void fill(struct writing *writing, const struct attachment *attachment, const struct link *link)
{
	if (attachment->meta.mode_used == MODE_SKB) {
		add_all(writing);
		return;
	}
	/* Back out of the device itself goes what is native on it; but veth's other end must be ready for it. */
	if (link_is_hardware(link))
		add(link->ifindex, writing);
	xdp_features_each_taker(add, writing);
}

static void leave_others(const struct attachments *all, const struct attachment *attachment)
{
	for (size_t i = 0; i < all->count; i++)
		if (all->list[i].meta.ifindex != attachment->meta.ifindex && all->list[i].maps.devices >= 0)
			bpf_map_delete_elem(all->list[i].maps.devices, &attachment->meta.ifindex);
}

static bool forwards_by_xdp(const struct meta *meta)
{
	return meta->forward == SWITCH_ON && meta->hook == HOOK_XDP;
}

int devices_write(const struct session *session, const struct attachment *attachment, const struct link *link)
{
	const struct meta *meta = &attachment->meta;
	struct writing writing = { .session = session, .map = attachment->maps.devices, .own = meta->ifindex };

	if (attachments_open(session, false, &writing.all))
		return FAILED;
	leave_others(&writing.all, attachment);
	writing.error = clear(writing.map);
	if (!writing.error && forwards_by_xdp(meta))
		fill(&writing, attachment, link);
	attachments_close(&writing.all);
	return writing.error ? fail("cannot write the map 'devices': %s", strerror(-writing.error)) : DONE;
}

void devices_each(const struct attachment *attachment, void (*each)(const char *name, void *argument), void *argument)
{
	int map = attachment->maps.devices;
	__u32 key, *previous = NULL;
	char name[IF_NAMESIZE];

	while (map >= 0 && !bpf_map_get_next_key(map, previous, &key)) {
		if (if_indextoname(key, name))
			each(name, argument);
		previous = &key;
	}
}

bool devices_lacking(const struct attachment *attachment)
{
	int map = attachment->maps.devices;
	__u32 key;

	return forwards_by_xdp(&attachment->meta) && map >= 0 && bpf_map_get_next_key(map, NULL, &key) &&
	       errno == ENOENT;
}
