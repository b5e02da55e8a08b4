/* SPDX-License-Identifier: GPL-2.0-only */
#include <errno.h>
#include <linux/genetlink.h>

#include "netlink.h"
#include "xdp_features.h"

/* <linux/netdev.h>, which the headers of older distributions lack. */
#define NETDEV_FAMILY "netdev"
#define NETDEV_VERSION 1
#define NETDEV_COMMAND_GET 1
#define NETDEV_IFINDEX 1
#define NETDEV_XDP_FEATURES 3
#define XDP_ACT_BASIC 1
#define XDP_ACT_NDO_XMIT 4

struct takers {
	void (*each)(__u32 ifindex, void *argument);
	void *argument;
};

static int read_family(const struct nlmsghdr *message, void *argument)
{
	const struct nlattr *attribute;
	__u16 *family = argument;

	mnl_attr_for_each(attribute, message, sizeof(struct genlmsghdr)) {
		if (mnl_attr_get_type(attribute) == CTRL_ATTR_FAMILY_ID)
			*family = mnl_attr_get_u16(attribute);
	}
	return MNL_CB_OK;
}

/* The device's number, 0 if the message has none. */
static __u32 read_features(const struct nlmsghdr *message, __u64 *features)
{
	const struct nlattr *attribute;
	__u32 ifindex = 0;

	*features = 0;
	mnl_attr_for_each(attribute, message, sizeof(struct genlmsghdr)) {
		if (mnl_attr_get_type(attribute) == NETDEV_IFINDEX)
			ifindex = mnl_attr_get_u32(attribute);
		else if (mnl_attr_get_type(attribute) == NETDEV_XDP_FEATURES)
			*features = mnl_attr_get_u64(attribute);
	}
	return ifindex;
}

static int read_device(const struct nlmsghdr *message, void *argument)
{
	const struct takers *takers = argument;
	__u64 features;
	__u32 ifindex = read_features(message, &features);

	if (ifindex && features & XDP_ACT_NDO_XMIT)
		takers->each(ifindex, takers->argument);
	return MNL_CB_OK;
}

static struct nlmsghdr *request(struct netlink *netlink, __u16 family, int flags, __u8 command, __u8 version)
{
	struct genlmsghdr *header;
	void *space;
	struct nlmsghdr *message = netlink_request(netlink, family, flags, sizeof(*header), &space);

	header = space;
	header->cmd = command;
	header->version = version;
	return message;
}

static int find_family(struct netlink *netlink, __u16 *family)
{
	struct nlmsghdr *message = request(netlink, GENL_ID_CTRL, 0, CTRL_CMD_GETFAMILY, 1);

	*family = 0;
	mnl_attr_put_strz(message, CTRL_ATTR_FAMILY_NAME, NETDEV_FAMILY);
	return netlink_talk(netlink, message, read_family, family);
}

int xdp_features_each_taker(void (*each)(__u32 ifindex, void *argument), void *argument)
{
	struct takers takers = { .each = each, .argument = argument };
	struct netlink *netlink;
	__u16 family;
	int error = netlink_open_generic(&netlink);

	if (error)
		return error;
	error = find_family(netlink, &family);
	if (!error)
		error = netlink_talk(netlink, request(netlink, family, NLM_F_DUMP, NETDEV_COMMAND_GET, NETDEV_VERSION),
				     read_device, &takers);
	netlink_close(netlink);
	return error;
}

static int read_one(const struct nlmsghdr *message, void *argument)
{
	read_features(message, argument);
	return MNL_CB_OK;
}

int xdp_features_native(__u32 ifindex)
{
	struct nlmsghdr *message;
	struct netlink *netlink;
	__u64 features = 0;
	__u16 family;
	int error = netlink_open_generic(&netlink);

	if (error)
		return error;
	error = find_family(netlink, &family);
	if (!error) {
		message = request(netlink, family, 0, NETDEV_COMMAND_GET, NETDEV_VERSION);
		mnl_attr_put_u32(message, NETDEV_IFINDEX, ifindex);
		error = netlink_talk(netlink, message, read_one, &features);
	}
	netlink_close(netlink);
	return error ? error : !!(features & XDP_ACT_BASIC);
}
