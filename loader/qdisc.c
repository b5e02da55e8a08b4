/* SPDX-License-Identifier: GPL-2.0-only */
#include <errno.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>

#include "netlink.h"
#include "qdisc.h"

struct search {
	__u32 ifindex;
	__u32 parent;
	bool found;
};

static int match(const struct nlmsghdr *answer, void *argument)
{
	const struct tcmsg *tc = mnl_nlmsg_get_payload(answer);
	struct search *search = argument;

	if ((__u32)tc->tcm_ifindex == search->ifindex && tc->tcm_parent == search->parent)
		search->found = true;
	return MNL_CB_OK;
}

/* Asks for all of `type` on the device; `parent` is what a found one hangs on. */
static int ask(int type, struct search *search, __u32 parent_asked)
{
	struct netlink *netlink;
	struct nlmsghdr *request;
	struct tcmsg *tc;
	int error = netlink_open(&netlink);

	if (error)
		return error;
	request = netlink_request(netlink, type, NLM_F_DUMP, sizeof(*tc), (void **)&tc);
	tc->tcm_ifindex = search->ifindex;
	tc->tcm_parent = parent_asked;
	error = netlink_talk(netlink, request, match, search);
	netlink_close(netlink);
	return error;
}

int qdisc_has_clsact(__u32 ifindex, bool *present)
{
	struct search search = { .ifindex = ifindex, .parent = TC_H_CLSACT };
	int error = ask(RTM_GETQDISC, &search, 0);

	*present = search.found;
	return error;
}

int qdisc_has_filters(__u32 ifindex, bool *present)
{
	static const __u32 sides[] = { TC_H_MAKE(TC_H_CLSACT, TC_H_MIN_INGRESS),
				       TC_H_MAKE(TC_H_CLSACT, TC_H_MIN_EGRESS) };

	*present = false;
	for (int i = 0; i < 2 && !*present; i++) {
		struct search search = { .ifindex = ifindex, .parent = sides[i] };
		int error = ask(RTM_GETTFILTER, &search, sides[i]);

		if (error)
			return error;
		*present = search.found;
	}
	return 0;
}
