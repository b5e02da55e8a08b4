/* SPDX-License-Identifier: GPL-2.0-only */
#include <bpf/bpf.h>
#include <linux/rtnetlink.h>
#include <net/if_arp.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "address.h"
#include "explanation.h"
#include "fail.h"
#include "options.h"
#include "verdicts.h"

static struct way ask_way(const struct explainer *explainer, const __u8 to[4], const __u8 from[4])
{
	struct way way = { .asked = true };

	memcpy(way.to, to, 4);
	way.error = route_lookup_from(explainer->session->netlink, address_number(to), address_number(from),
				      &way.route);
	if (!way.error && way.route.ifindex && !if_indextoname(way.route.ifindex, way.device))
		way.device[0] = '\0';
	return way;
}

/* Of the packet that is or shall be inside of the tunnel, and may be another tunnel's; NULL: it is not IPv4. */
static const struct header *inner_header(enum direction direction, const struct headers *headers)
{
	const struct header *first = headers->list;

	if (!headers->count)
		return NULL;
	return direction == DIRECTION_IN && first->protocol == IPPROTO_IPIP && headers->count > 1 ? first + 1 : first;
}

/* An ICMP error about a packet of ours to a peer: the header that it quotes, else NULL. */
static const struct header *find_quote(const struct explainer *explainer, const struct headers *headers,
				       struct peer *peer)
{
	const struct header *quote = &headers->list[1];

	if (headers->count < 2 || !header_is_icmp_error(&headers->list[0]) || address_is_zero(quote->dst))
		return NULL;
	return explainer_wraps(explainer, quote, peer) ? quote : NULL;
}

static void set_peer(struct explanation *explanation, const __u8 remote[4])
{
	explanation->names_peer = true;
	memcpy(explanation->remote, remote, 4);
	explanation->has_peer = explainer_peer(explanation->explainer, remote, &explanation->peer);
}

static void set_owner(struct explanation *explanation, const __u8 address[4])
{
	__u8 remote[4];

	explanation->prefix = explainer_prefix(explanation->explainer, address);
	if (!explanation->names_peer && explainer_owner(explanation->explainer, address, remote))
		set_peer(explanation, remote);
}

static void find_out(struct explanation *explanation)
{
	const struct explainer *explainer = explanation->explainer;
	const struct header *first = &explanation->before.list[0];
	__u8 local[4];

	if (explainer_wraps(explainer, first, &explanation->peer))
		set_peer(explanation, first->dst);
	else
		set_owner(explanation, first->dst);
	if (!explanation->has_peer || address_is_zero(explanation->remote))
		return;
	explainer_local(explainer, &explanation->peer, local);
	explanation->outer = ask_way(explainer, explanation->remote, local);
}

/* The peer that judges a packet from this outer address. */
static void find_sender(struct explanation *explanation, const __u8 address[4])
{
	static const __u8 any[4];

	set_peer(explanation, address);
	if (!explanation->has_peer && explainer_peer(explanation->explainer, any, &explanation->peer))
		set_peer(explanation, any);
}

static void find_in(struct explanation *explanation)
{
	const struct explainer *explainer = explanation->explainer;
	const struct headers *headers = &explanation->before;
	const struct header *first = &headers->list[0], *inner = inner_header(DIRECTION_IN, headers);
	const struct header *quote = find_quote(explainer, headers, &explanation->peer);

	if (quote)
		set_peer(explanation, quote->dst);
	else if (first->protocol == IPPROTO_IPIP)
		find_sender(explanation, first->src);
	if (quote && headers->count > 2)
		set_owner(explanation, headers->list[2].dst);
	else if (!quote && (first->protocol != IPPROTO_IPIP || inner != first))
		set_owner(explanation, inner->src);
	if (!quote && inner != first)
		explanation->back = ask_way(explainer, inner->src, inner->dst);
}

/* The device that a packet on its way out came by, DEV if nobody knows; 0 if its source is an address of this host. */
static __u32 origin_of(const struct explanation *explanation)
{
	const struct header *first = &explanation->before.list[0];
	struct route route;

	if (explanation->direction != DIRECTION_OUT)
		return 0;
	if (route_lookup(explanation->explainer->session->netlink, address_number(first->src), &route))
		return explanation->explainer->link.ifindex;
	if (route.type == RTN_LOCAL)
		return 0;
	return route.ifindex ? route.ifindex : explanation->explainer->link.ifindex;
}

static enum untouched why_out(const struct explanation *explanation)
{
	struct peer peer;

	if (explainer_wraps(explanation->explainer, &explanation->before.list[0], &peer))
		return UNTOUCHED_WRAPPED;
	if (!explanation->prefix)
		return UNTOUCHED_NO_PREFIX;
	return explainer_is_bare(&explanation->prefix->prefix) ? UNTOUCHED_BARE : UNTOUCHED_ANY;
}

static enum untouched why_in(const struct explanation *explanation)
{
	if (!options_plain_drops(&explanation->explainer->attachment.meta))
		return UNTOUCHED_PLAIN;
	if (!explanation->prefix)
		return UNTOUCHED_NO_PREFIX;
	return explainer_is_bare(&explanation->prefix->prefix) ? UNTOUCHED_BARE : UNTOUCHED_ICMP_ERROR;
}

/* A device without link header has no room for the one of another device, which a trial cannot see. */
static void judge_device(struct explanation *explanation)
{
	const struct link *link = &explanation->explainer->link;
	struct outcome *outcome = &explanation->outcome;

	if (link->type == ARPHRD_ETHER || !outcome->counted || outcome->verdict != VERDICT_ENCAP_OK ||
	    explanation->outer.error || explanation->outer.route.ifindex == link->ifindex)
		return;
	outcome->verdict = VERDICT_ENCAP_ERROR;
	outcome->dropped = true;
	outcome->redirected = false;
}

/* Puts the length back that a trial was not given: into the packet itself, or into what an answer quotes of it. */
static void restore_length(struct explanation *explanation)
{
	bool answers = explanation_result(explanation) == RESULT_ANSWER;

	for (size_t i = 0; i < explanation->after.count; i++) {
		struct header *header = &explanation->after.list[i];

		if (header->quoted == answers)
			header->total_len += (__u16)explanation->outcome.cut;
	}
}

static int run(const struct frame *frame, struct explanation *explanation)
{
	struct outcome *outcome = &explanation->outcome;

	if (trial_run(explanation->explainer->trial, explanation->direction, frame, explanation->from, outcome))
		return FAILED;
	judge_device(explanation);
	if (!outcome->counted)
		explanation->untouched = explanation->direction == DIRECTION_OUT ? why_out(explanation)
										 : why_in(explanation);
	if (!outcome->dropped || outcome->redirected)
		frame_read(&outcome->frame, &explanation->after);
	restore_length(explanation);
	return DONE;
}

static int find_path(struct explanation *explanation)
{
	struct peer_key key;

	memcpy(key.remote, explanation->remote, 4);
	return explanation->has_peer ? path_mtu_read(explanation->explainer->attachment.maps.paths, &key, paths_now(),
						     &explanation->path)
				     : DONE;
}

int explanation_make(const struct explainer *explainer, enum direction direction, const struct frame *frame,
		     struct explanation *explanation)
{
	const struct header *inner;

	memset(explanation, 0, offsetof(struct explanation, outcome));
	memset(&explanation->outcome, 0, offsetof(struct outcome, frame));
	explanation->explainer = explainer;
	explanation->direction = direction;
	explanation->tagged = frame->tagged;
	frame_read(frame, &explanation->before);
	inner = inner_header(direction, &explanation->before);
	if (!inner) {
		explanation->untouched = UNTOUCHED_NOT_IPV4;
		return DONE;
	}
	explanation->from = origin_of(explanation);
	if (direction == DIRECTION_OUT)
		find_out(explanation);
	else
		find_in(explanation);
	explanation->inner = ask_way(explainer, inner->dst, inner->src);
	return find_path(explanation) || run(frame, explanation) ? FAILED : DONE;
}

const char *explanation_direction(const struct explanation *explanation)
{
	return explanation->direction == DIRECTION_IN ? "in" : "out";
}

const char *explanation_fate(const struct explanation *explanation)
{
	const struct outcome *outcome = &explanation->outcome;

	return outcome->counted ? verdict_fate_name(&explanation->explainer->attachment.meta, outcome->verdict)
				: "untouched";
}

enum result explanation_result(const struct explanation *explanation)
{
	const struct outcome *outcome = &explanation->outcome;

	if (!outcome->counted || !explanation->after.count)
		return RESULT_NONE;
	switch (verdict_fate(&explanation->explainer->attachment.meta, outcome->verdict)) {
	case FATE_CARRY:
		return RESULT_PACKET;
	case FATE_DROP:
		return RESULT_ANSWER;
	default:
		return RESULT_NONE;
	}
}

const char *explanation_untouched(const struct explanation *explanation, char text[UNTOUCHED_TEXT])
{
	const struct header *first = &explanation->before.list[0];
	const char *way = explanation->direction == DIRECTION_OUT ? "its destination" : "its source";
	char address[ADDRESS_TEXT];

	switch (explanation->untouched) {
	case UNTOUCHED_NOT_IPV4:
		snprintf(text, UNTOUCHED_TEXT, "it is not IPv4");
		break;
	case UNTOUCHED_WRAPPED:
		snprintf(text, UNTOUCHED_TEXT, "this host has wrapped it already");
		break;
	case UNTOUCHED_NO_PREFIX:
		address_format(explanation->direction == DIRECTION_OUT ? first->dst : first->src, address);
		snprintf(text, UNTOUCHED_TEXT, "no prefix holds %s %s", way, address);
		break;
	case UNTOUCHED_BARE:
		snprintf(text, UNTOUCHED_TEXT, "the prefix that holds %s is bare: through no tunnel", way);
		break;
	case UNTOUCHED_ANY:
		snprintf(text, UNTOUCHED_TEXT, "the prefix that holds %s is the peer any's, which only receives", way);
		break;
	case UNTOUCHED_PLAIN:
		snprintf(text, UNTOUCHED_TEXT, "it came without a tunnel, and 'plain pass' lets such packets in");
		break;
	case UNTOUCHED_ICMP_ERROR:
		snprintf(text, UNTOUCHED_TEXT, "it is an ICMP error, which may come without a tunnel");
		break;
	case UNTOUCHED_NOT:
		text[0] = '\0';
		break;
	}
	return text;
}

size_t explanation_unknown(const struct explanation *explanation, const char *lines[UNKNOWN_MAX])
{
	const struct outcome *outcome = &explanation->outcome;
	size_t count = 0;

	if (explanation->untouched == UNTOUCHED_NOT_IPV4)
		return 0;
	if (explanation->direction == DIRECTION_OUT)
		lines[count++] = "whether netfilter lets it come so far, or changes its addresses before (NAT)";
	else if (!outcome->dropped && outcome->verdict != VERDICT_DECAP_FORWARDED)
		lines[count++] = "whether the kernel's rp_filter and netfilter let it in";
	if (outcome->counted && (outcome->verdict == VERDICT_ENCAP_OK || outcome->verdict == VERDICT_DECAP_FORWARDED))
		lines[count++] = "whether the next hop on its way answers (neighbour)";
	if (explanation->explainer->attachment.meta.cache)
		lines[count++] =
			"what CPUs still remember of prefixes that others than ipipbpf have just changed (cache)";
	if (outcome->cut && outcome->verdict != VERDICT_ENCAP_TOO_BIG)
		lines[count++] =
			"what its length changes: for a test the kernel takes only the beginning of so long a packet";
	if (explanation->number && outcome->counted && outcome->verdict == VERDICT_ENCAP_TOO_BIG)
		lines[count++] = "whether it is a GSO packet, which leaves in segments that may fit";
	if (outcome->counted &&
	    (outcome->verdict == VERDICT_ERROR_RELAYED || explanation_result(explanation) == RESULT_ANSWER))
		lines[count++] = "whether the rate of 'icmp' still allows this ICMP error";
	return count;
}
