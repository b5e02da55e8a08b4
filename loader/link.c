/* SPDX-License-Identifier: GPL-2.0-only */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <linux/rtnetlink.h>
#include <net/if_arp.h>

#include "link.h"
#include "netlink.h"

/* How often a dump is asked for again when the table changed under it. */
#define TRIES 5

struct answer {
	struct link *link;
	__u32 master; /* ifindex, or 0 */
	__u32 lower;  /* that of the device it is on top of, or 0 */
	bool apart;   /* `lower` is one of another namespace's */
};

static void copy_text(char *text, size_t size, const struct nlattr *attribute)
{
	snprintf(text, size, "%.*s", (int)mnl_attr_get_payload_len(attribute), mnl_attr_get_str(attribute));
}

static void read_kind(const struct nlattr *linkinfo, struct link *link)
{
	const struct nlattr *attribute;

	mnl_attr_for_each_nested(attribute, linkinfo)
		if (mnl_attr_get_type(attribute) == IFLA_INFO_KIND)
			copy_text(link->kind, sizeof(link->kind), attribute);
}

static int read_link(const struct nlmsghdr *message, void *argument)
{
	const struct ifinfomsg *header = mnl_nlmsg_get_payload(message);
	struct answer *answer = argument;
	struct link *link = answer->link;
	const struct nlattr *attribute;

	link->ifindex = (__u32)header->ifi_index;
	link->type = header->ifi_type;
	link->up = header->ifi_flags & IFF_UP;
	link->carrier = header->ifi_flags & IFF_RUNNING;
	mnl_attr_for_each(attribute, message, sizeof(*header)) {
		switch (mnl_attr_get_type(attribute)) {
		case IFLA_IFNAME:
			copy_text(link->name, sizeof(link->name), attribute);
			break;
		case IFLA_MTU:
			link->mtu = mnl_attr_get_u32(attribute);
			break;
		case IFLA_ADDRESS:
			if (mnl_attr_get_payload_len(attribute) == sizeof(link->mac))
				memcpy(link->mac, mnl_attr_get_payload(attribute), sizeof(link->mac));
			break;
		case IFLA_MASTER:
			answer->master = mnl_attr_get_u32(attribute);
			break;
		case IFLA_LINK:
			answer->lower = mnl_attr_get_u32(attribute);
			break;
		case IFLA_LINK_NETNSID:
			answer->apart = true;
			break;
		case IFLA_LINKINFO:
			read_kind(attribute, link);
			break;
		}
	}
	return MNL_CB_OK;
}

/* By `name`, or by `ifindex` where that is NULL. Leaves link->master to the caller. */
static int ask(struct netlink *netlink, const char *name, __u32 ifindex, struct link *link, __u32 *master)
{
	struct answer answer = { .link = link };
	struct ifinfomsg *header;
	void *space;
	struct nlmsghdr *request;
	int error;

	memset(link, 0, sizeof(*link));
	request = netlink_request(netlink, RTM_GETLINK, 0, sizeof(*header), &space);
	header = space;
	header->ifi_family = AF_UNSPEC;
	header->ifi_index = (int)ifindex;
	if (name)
		mnl_attr_put_strz(request, IFLA_IFNAME, name);
	mnl_attr_put_u32(request, IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
	error = netlink_talk(netlink, request, read_link, &answer);
	*master = answer.master;
	return error;
}

static int find(struct netlink *netlink, const char *name, __u32 ifindex, struct link *link)
{
	struct link above;
	__u32 master, ignored;
	int error;

	error = ask(netlink, name, ifindex, link, &master);
	if (error || !master)
		return error;
	error = ask(netlink, NULL, master, &above, &ignored);
	if (error == -ENODEV)
		return 0; /* gone meanwhile, and the device is in it no longer */
	if (error)
		return error;
	memcpy(link->master, above.name, sizeof(link->master));
	memcpy(link->master_kind, above.kind, sizeof(link->master_kind));
	return 0;
}

bool link_is_hardware(const struct link *link)
{
	return link->type == ARPHRD_ETHER && !*link->kind;
}

int link_find(struct netlink *netlink, const char *name, struct link *link)
{
	/* No device can have such a name; the kernel would say ERANGE or EINVAL. */
	if (!*name || strlen(name) >= IFNAMSIZ)
		return -ENODEV;
	return find(netlink, name, 0, link);
}

int link_find_index(struct netlink *netlink, __u32 ifindex, struct link *link)
{
	/* The kernel reads these as "no index given", which is EINVAL. */
	if (!ifindex || ifindex > INT32_MAX)
		return -ENODEV;
	return find(netlink, NULL, ifindex, link);
}

struct vlan_search {
	__u32 ifindex;
	struct link_vlans *vlans;
};

static int read_vlan(const struct nlmsghdr *message, void *argument)
{
	const struct vlan_search *search = argument;
	struct link_vlans *vlans = search->vlans;
	struct link link = { 0 };
	struct answer answer = { .link = &link };

	read_link(message, &answer);
	if (answer.lower == search->ifindex && !answer.apart && !strcmp(link.kind, "vlan") && !vlans->count++)
		memcpy(vlans->first, link.name, sizeof(vlans->first));
	return MNL_CB_OK;
}

int link_vlans(struct netlink *netlink, __u32 ifindex, struct link_vlans *vlans)
{
	struct vlan_search search = { .ifindex = ifindex, .vlans = vlans };
	struct ifinfomsg *header;
	void *space;
	struct nlmsghdr *request;
	int error, tries = 0;

	do {
		*vlans = (struct link_vlans){ 0 };
		request = netlink_request(netlink, RTM_GETLINK, NLM_F_DUMP, sizeof(*header), &space);
		header = space;
		header->ifi_family = AF_UNSPEC;
		mnl_attr_put_u32(request, IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
		error = netlink_talk(netlink, request, read_vlan, &search);
	} while (error == -EAGAIN && ++tries < TRIES);
	return error;
}

struct address_search {
	__u32 ifindex;
	bool found;
	__be32 address;
};

static int read_address(const struct nlmsghdr *message, void *argument)
{
	const struct ifaddrmsg *header = mnl_nlmsg_get_payload(message);
	struct address_search *search = argument;
	const struct nlattr *attribute;

	if (header->ifa_index != search->ifindex || header->ifa_scope != RT_SCOPE_UNIVERSE)
		return MNL_CB_OK;
	/* Not IFA_ADDRESS: on a point-to-point device that is the far end's. */
	mnl_attr_for_each(attribute, message, sizeof(*header)) {
		if (mnl_attr_get_type(attribute) != IFA_LOCAL)
			continue;
		search->address = mnl_attr_get_u32(attribute);
		search->found = true;
		return MNL_CB_STOP;
	}
	return MNL_CB_OK;
}

static int search_addresses(struct netlink *netlink, struct address_search *search)
{
	struct ifaddrmsg *header;
	void *space;
	struct nlmsghdr *request;

	request = netlink_request(netlink, RTM_GETADDR, NLM_F_DUMP, sizeof(*header), &space);
	header = space;
	header->ifa_family = AF_INET;
	header->ifa_index = search->ifindex;
	return netlink_talk(netlink, request, read_address, search);
}

int link_first_address(struct netlink *netlink, __u32 ifindex, __be32 *address)
{
	struct address_search search;
	int error, tries = 0;

	do {
		search = (struct address_search){ .ifindex = ifindex };
		error = search_addresses(netlink, &search);
	} while (error == -EAGAIN && ++tries < TRIES);
	if (error)
		return error;
	if (!search.found)
		return -EADDRNOTAVAIL;
	*address = search.address;
	return 0;
}
