/* SPDX-License-Identifier: GPL-2.0-only */
#include <errno.h>
#include <linux/ethtool.h>
#include <linux/genetlink.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "driver.h"
#include "netlink.h"

/* Of linux/netdev.h, which came with Linux 6.3. */
#define NETDEV_FAMILY "netdev"
#define NETDEV_VERSION 1
#define NETDEV_CMD_DEV_GET 1
#define NETDEV_A_DEV_IFINDEX 1
#define NETDEV_A_DEV_XDP_FEATURES 3
#define NETDEV_XDP_ACT_BASIC 1

static struct nlmsghdr *request_of(struct netlink *netlink, int family, __u8 command, __u8 version)
{
	struct nlmsghdr *request;
	struct genlmsghdr *header;
	void *space;

	request = netlink_request(netlink, family, 0, sizeof(*header), &space);
	header = space;
	header->cmd = command;
	header->version = version;
	return request;
}

static int read_family(const struct nlmsghdr *message, void *argument)
{
	const struct nlattr *attribute;
	__u16 *family = argument;

	mnl_attr_for_each(attribute, message, sizeof(struct genlmsghdr))
		if (mnl_attr_get_type(attribute) == CTRL_ATTR_FAMILY_ID)
			*family = mnl_attr_get_u16(attribute);
	return MNL_CB_OK;
}

static int read_features(const struct nlmsghdr *message, void *argument)
{
	const struct nlattr *attribute;
	__u64 *features = argument;

	mnl_attr_for_each(attribute, message, sizeof(struct genlmsghdr))
		if (mnl_attr_get_type(attribute) == NETDEV_A_DEV_XDP_FEATURES)
			*features = mnl_attr_get_u64(attribute);
	return MNL_CB_OK;
}

static int ask_features(struct netlink *netlink, __u32 ifindex, __u64 *features)
{
	struct nlmsghdr *request = request_of(netlink, GENL_ID_CTRL, CTRL_CMD_GETFAMILY, 1);
	__u16 family = 0;
	int error;

	mnl_attr_put_strz(request, CTRL_ATTR_FAMILY_NAME, NETDEV_FAMILY);
	error = netlink_talk(netlink, request, read_family, &family);
	if (error)
		return error;
	request = request_of(netlink, family, NETDEV_CMD_DEV_GET, NETDEV_VERSION);
	mnl_attr_put_u32(request, NETDEV_A_DEV_IFINDEX, ifindex);
	return netlink_talk(netlink, request, read_features, features);
}

int driver_has_xdp(__u32 ifindex)
{
	struct netlink *netlink;
	__u64 features = 0;
	int error = netlink_open_generic(&netlink);

	if (error)
		return error;
	error = ask_features(netlink, ifindex, &features);
	netlink_close(netlink);
	return error ? error : !!(features & NETDEV_XDP_ACT_BASIC);
}

bool driver_merges(const char *device)
{
	struct ethtool_value flags = { .cmd = ETHTOOL_GFLAGS };
	struct ifreq request = { .ifr_data = (void *)&flags };
	int file = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int error;

	if (file < 0)
		return false;
	strncpy(request.ifr_name, device, sizeof(request.ifr_name) - 1);
	error = ioctl(file, SIOCETHTOOL, &request);
	close(file);
	return !error && flags.data & ETH_FLAG_LRO;
}
