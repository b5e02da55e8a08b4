/* SPDX-License-Identifier: GPL-2.0-only */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <linux/rtnetlink.h>

#include "fail.h"
#include "host_addresses.h"

/* How often the dump is asked for again when the table changed under it. */
#define TRIES 5

static int append(struct host_addresses *addresses, const struct host_address *address)
{
	if (addresses->count == addresses->room) {
		size_t room = addresses->room ? 2 * addresses->room : 16;
		struct host_address *list = realloc(addresses->list, room * sizeof(*list));

		if (!list) {
			errno = ENOMEM;
			return MNL_CB_ERROR;
		}
		addresses->list = list;
		addresses->room = room;
	}
	addresses->list[addresses->count++] = *address;
	return MNL_CB_OK;
}

static int read_address(const struct nlmsghdr *message, void *argument)
{
	const struct ifaddrmsg *header = mnl_nlmsg_get_payload(message);
	struct host_address address = { .prefixlen = header->ifa_prefixlen, .ifindex = header->ifa_index };
	const struct nlattr *attribute;

	if (header->ifa_family != AF_INET)
		return MNL_CB_OK;
	mnl_attr_for_each(attribute, message, sizeof(*header)) {
		if (mnl_attr_get_type(attribute) == IFA_LOCAL && mnl_attr_get_payload_len(attribute) == 4)
			memcpy(address.address, mnl_attr_get_payload(attribute), 4);
	}
	return append(argument, &address);
}

static int dump(struct netlink *netlink, struct host_addresses *addresses)
{
	struct nlmsghdr *request;
	struct ifaddrmsg *header;
	void *space;

	request = netlink_request(netlink, RTM_GETADDR, NLM_F_DUMP, sizeof(*header), &space);
	header = space;
	header->ifa_family = AF_INET;
	return netlink_talk(netlink, request, read_address, addresses);
}

int host_addresses_read(struct netlink *netlink, struct host_addresses *addresses)
{
	int error, tries = 0;

	do {
		addresses->count = 0;
		error = dump(netlink, addresses);
	} while (error == -EAGAIN && ++tries < TRIES);
	if (!error)
		return DONE;
	host_addresses_free(addresses);
	return fail("cannot ask for the addresses of this host: %s", strerror(-error));
}

void host_addresses_free(struct host_addresses *addresses)
{
	free(addresses->list);
	*addresses = (struct host_addresses){ 0 };
}

const struct host_address *host_addresses_find(const struct host_addresses *addresses, const __u8 address[4])
{
	for (size_t i = 0; i < addresses->count; i++)
		if (!memcmp(addresses->list[i].address, address, 4))
			return &addresses->list[i];
	return NULL;
}
