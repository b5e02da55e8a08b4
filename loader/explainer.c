/* SPDX-License-Identifier: GPL-2.0-only */
#include <bpf/bpf.h>
#include <net/if_arp.h>
#include <netinet/in.h>
#include <string.h>

#include "address.h"
#include "explainer.h"
#include "fail.h"
#include "route.h"

static int find_device(struct explainer *explainer, const char *device)
{
	bool present;

	if (attachment_link(explainer->session, &explainer->attachment, &explainer->link, &present))
		return FAILED;
	if (present)
		return DONE;
	return fail("the device %s is gone: '%s attach %s' once it is there again", device,
		    session_program(explainer->session), device);
}

int explainer_open(const struct session *session, const char *device, struct explainer *explainer)
{
	*explainer = (struct explainer){ .session = session };
	if (attachment_require(session, device, &explainer->attachment))
		return FAILED;
	if (!find_device(explainer, device) &&
	    !prefixes_read(explainer->attachment.maps.prefixes, &explainer->prefixes) &&
	    !trial_open(session, &explainer->attachment, &explainer->link, &explainer->trial))
		return DONE;
	explainer_close(explainer);
	return FAILED;
}

void explainer_close(struct explainer *explainer)
{
	trial_close(explainer->trial);
	prefixes_free(&explainer->prefixes);
	attachment_close(&explainer->attachment);
}

const struct prefix_entry *explainer_prefix(const struct explainer *explainer, const __u8 address[4])
{
	for (int prefixlen = 32; prefixlen >= 0; prefixlen--) {
		const struct prefix_key key = prefix_of(address, (__u32)prefixlen);
		const struct prefix_entry *entry = prefixes_find(&explainer->prefixes, &key);

		if (entry)
			return entry;
	}
	return NULL;
}

bool explainer_is_bare(const struct prefix *prefix)
{
	return prefix->bare && prefix_is_valid(prefix);
}

bool explainer_owner(const struct explainer *explainer, const __u8 address[4], __u8 remote[4])
{
	const struct prefix_entry *entry = explainer_prefix(explainer, address);

	if (!entry || explainer_is_bare(&entry->prefix))
		return false;
	memcpy(remote, entry->prefix.remote, 4);
	return true;
}

bool explainer_peer(const struct explainer *explainer, const __u8 remote[4], struct peer *peer)
{
	struct peer_key key;

	memcpy(key.remote, remote, 4);
	return !bpf_map_lookup_elem(explainer->attachment.maps.peers, &key, peer);
}

void explainer_local(const struct explainer *explainer, const struct peer *peer, __u8 local[4])
{
	memcpy(local, address_is_zero(peer->local) ? explainer->attachment.meta.local : peer->local, 4);
}

bool explainer_wraps(const struct explainer *explainer, const struct header *header, struct peer *peer)
{
	__u8 local[4];

	if (header->protocol != IPPROTO_IPIP || !explainer_peer(explainer, header->dst, peer))
		return false;
	explainer_local(explainer, peer, local);
	return !memcmp(header->src, local, 4);
}

static bool is_mac(const __u8 *at, const struct link *link)
{
	return link->type == ARPHRD_ETHER && !memcmp(at, link->mac, sizeof(link->mac));
}

enum direction explainer_direction(const struct explainer *explainer, const struct frame *frame, bool link_headers)
{
	struct headers headers;
	struct peer peer;
	__u8 remote[4];

	if (link_headers && is_mac(frame->bytes, &explainer->link))
		return DIRECTION_IN;
	if (link_headers && is_mac(frame->bytes + 6, &explainer->link))
		return DIRECTION_OUT;
	frame_read(frame, &headers);
	if (!headers.count)
		return DIRECTION_IN;
	if (headers.list[0].protocol == IPPROTO_IPIP)
		return explainer_wraps(explainer, &headers.list[0], &peer) ? DIRECTION_OUT : DIRECTION_IN;
	if (route_is_local(explainer->session->netlink, address_number(headers.list[0].dst)))
		return DIRECTION_IN;
	return explainer_owner(explainer, headers.list[0].dst, remote) ||
			       !explainer_owner(explainer, headers.list[0].src, remote)
		       ? DIRECTION_OUT
		       : DIRECTION_IN;
}
