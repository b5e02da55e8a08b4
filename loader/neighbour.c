/* SPDX-License-Identifier: GPL-2.0-only */
#include <errno.h>
#include <string.h>
#include <linux/rtnetlink.h>
#include <linux/types.h>

#include "layout.h"
#include "neighbour.h"
#include "netlink.h"

static const __u8 next_hop[] = NEXT_HOP;
static const __u8 next_hop_mac[] = NEXT_HOP_MAC;

static struct nlmsghdr *entry_request(struct netlink *netlink, int type, int flags, __u32 ifindex, __u16 state)
{
	struct nlmsghdr *request;
	struct ndmsg *header;
	void *space;

	request = netlink_request(netlink, type, flags, sizeof(*header), &space);
	header = space;
	header->ndm_family = AF_INET;
	header->ndm_ifindex = (int)ifindex;
	header->ndm_state = state;
	mnl_attr_put(request, NDA_DST, sizeof(next_hop), next_hop);
	return request;
}

static bool is_our_mac(const struct nlattr *lladdr)
{
	return mnl_attr_get_payload_len(lladdr) == sizeof(next_hop_mac) &&
	       !memcmp(mnl_attr_get_payload(lladdr), next_hop_mac, sizeof(next_hop_mac));
}

static int read_entry(const struct nlmsghdr *message, void *argument)
{
	const struct ndmsg *header = mnl_nlmsg_get_payload(message);
	const struct nlattr *attribute;
	bool *right = argument;

	mnl_attr_for_each(attribute, message, sizeof(*header))
		if (mnl_attr_get_type(attribute) == NDA_LLADDR)
			*right = (header->ndm_state & NUD_PERMANENT) && is_our_mac(attribute);
	return MNL_CB_OK;
}

int neighbour_find(struct netlink *netlink, __u32 ifindex, bool *present, bool *right)
{
	int error;

	*right = false;
	error = netlink_talk(netlink, entry_request(netlink, RTM_GETNEIGH, 0, ifindex, 0), read_entry, right);
	*present = !error;
	return error == -ENOENT ? 0 : error;
}

static int read_state(const struct nlmsghdr *message, void *argument)
{
	const struct ndmsg *header = mnl_nlmsg_get_payload(message);
	__u16 *state = argument;

	*state = header->ndm_state;
	return MNL_CB_OK;
}

bool neighbour_failed(struct netlink *netlink, __u32 ifindex, __be32 address)
{
	struct nlmsghdr *request;
	struct ndmsg *header;
	__u16 state = 0;
	void *space;

	request = netlink_request(netlink, RTM_GETNEIGH, 0, sizeof(*header), &space);
	header = space;
	header->ndm_family = AF_INET;
	header->ndm_ifindex = (int)ifindex;
	mnl_attr_put_u32(request, NDA_DST, address);
	return !netlink_talk(netlink, request, read_state, &state) && state & NUD_FAILED;
}

int neighbour_make(struct netlink *netlink, __u32 ifindex)
{
	struct nlmsghdr *request;

	request = entry_request(netlink, RTM_NEWNEIGH, NLM_F_CREATE | NLM_F_REPLACE, ifindex, NUD_PERMANENT);
	mnl_attr_put(request, NDA_LLADDR, sizeof(next_hop_mac), next_hop_mac);
	return netlink_talk(netlink, request, NULL, NULL);
}

int neighbour_delete(struct netlink *netlink, __u32 ifindex)
{
	bool present, right;
	int error;

	error = neighbour_find(netlink, ifindex, &present, &right);
	if (!error && right)
		error = netlink_talk(netlink, entry_request(netlink, RTM_DELNEIGH, 0, ifindex, 0), NULL, NULL);
	/* The entry went meanwhile, or its device did, which took the entry along. */
	return error == -ENOENT || error == -ENODEV ? 0 : error;
}
