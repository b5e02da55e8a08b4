/* SPDX-License-Identifier: GPL-2.0-only */
#include <linux/rtnetlink.h>
#include <netinet/in.h>
#include <netinet/ip_icmp.h>
#include <stdio.h>
#include <string.h>

#include "address.h"
#include "explanation.h"
#include "options.h"
#include "peers.h"
#include "verdicts.h"

static void print_protocol(__u8 protocol)
{
	switch (protocol) {
	case IPPROTO_ICMP:
		printf(", icmp");
		break;
	case IPPROTO_IPIP:
		printf(", ipip");
		break;
	case IPPROTO_TCP:
		printf(", tcp");
		break;
	case IPPROTO_UDP:
		printf(", udp");
		break;
	default:
		printf(", protocol %u", protocol);
	}
}

static void print_icmp(const struct header *header)
{
	if (header->icmp_type == ICMP_ECHO)
		printf(" echo request");
	else if (header->icmp_type == ICMP_ECHOREPLY)
		printf(" echo reply");
	else if (header->icmp_type == ICMP_TIME_EXCEEDED)
		printf(" time exceeded");
	else if (header->icmp_type != ICMP_DEST_UNREACH)
		printf(" type %u code %u", header->icmp_type, header->icmp_code);
	else if (header->icmp_code == ICMP_FRAG_NEEDED)
		printf(" fragmentation needed, mtu %u", header->icmp_mtu);
	else if (header->icmp_code == ICMP_HOST_UNREACH)
		printf(" host unreachable");
	else
		printf(" unreachable code %u", header->icmp_code);
}

static void print_header(const struct header *header)
{
	char src[ADDRESS_TEXT], dst[ADDRESS_TEXT];

	printf("%s > %s", address_format(header->src, src), address_format(header->dst, dst));
	print_protocol(header->protocol);
	if (header->has_icmp)
		print_icmp(header);
	if (header->has_ports)
		printf(" %u > %u", header->sport, header->dport);
	printf(", %u bytes, ttl %u, tos 0x%02x%s", header->total_len, header->ttl, header->tos,
	       header->df ? ", df" : "");
	if (header->mf || header->offset)
		printf(", fragment at %u%s", header->offset, header->mf ? ", more follow" : "");
	printf("\n");
}

static void print_headers(const char *what, const struct headers *headers)
{
	for (size_t i = 0; i < headers->count; i++) {
		printf("  %s: ", i == 0 ? what : headers->list[i].quoted ? "about" : "inside");
		print_header(&headers->list[i]);
	}
}

static void print_title(const struct explanation *explanation)
{
	const struct explainer *explainer = explanation->explainer;
	char device[IF_NAMESIZE];

	if (explanation->number)
		printf("packet %llu: ", (unsigned long long)explanation->number);
	else
		printf("packet: ");
	printf("%s %s", explanation->direction == DIRECTION_IN ? "into" : "out of", explainer->attachment.name.device);
	if (explanation->direction == DIRECTION_OUT && explanation->from)
		printf(", forwarded from %s", if_indextoname(explanation->from, device) ? device : "another device");
	printf("%s\n", explanation->tagged ? ", with a VLAN tag" : "");
}

static void print_prefix(const struct explanation *explanation)
{
	const struct prefix_entry *entry = explanation->prefix;
	char prefix[PREFIX_TEXT], peer[ADDRESS_TEXT];

	if (!entry)
		return;
	printf("  prefix: %s", prefix_format(&entry->key, prefix));
	if (explainer_is_bare(&entry->prefix))
		printf(", bare\n");
	else
		printf(", of the peer %s\n", peer_name(entry->prefix.remote, peer));
}

static void print_peer(const struct explanation *explanation)
{
	const struct meta *meta = &explanation->explainer->attachment.meta;
	char remote[ADDRESS_TEXT], local[ADDRESS_TEXT];
	struct peer settings;
	__u8 address[4];

	if (!explanation->names_peer)
		return;
	printf("  peer: %s", peer_name(explanation->remote, remote));
	if (!explanation->has_peer) {
		printf(", which is not there\n");
		return;
	}
	settings = options_effective(&explanation->peer, meta);
	explainer_local(explanation->explainer, &explanation->peer, address);
	printf(", local %s", address_format(address, local));
	if (explanation->direction == DIRECTION_IN)
		printf(", rpf %s%s", options_rpf_name(settings.rpf), settings.monitor == SWITCH_ON ? " monitor" : "");
	if (explanation->path.mtu)
		printf(", path mtu %u", explanation->path.mtu);
	printf("\n");
}

static const char *route_type_name(__u8 type)
{
	switch (type) {
	case RTN_LOCAL:
		return "an address of this host";
	case RTN_BROADCAST:
		return "broadcast";
	case RTN_MULTICAST:
		return "multicast";
	case RTN_BLACKHOLE:
		return "blackhole";
	case RTN_UNREACHABLE:
		return "unreachable";
	case RTN_PROHIBIT:
		return "prohibit";
	default:
		return NULL;
	}
}

static void print_route(const struct way *way)
{
	const struct route *route = &way->route;
	char prefix[PREFIX_TEXT], gateway[ADDRESS_TEXT];
	struct prefix_key key = { .prefixlen = route->prefixlen };
	const char *type = route_type_name(route->type);
	__u8 address[4];

	address_bytes(route->dst, key.addr);
	printf("%s", route->prefixlen || type ? prefix_format(&key, prefix) : "default");
	if (type)
		printf(", %s", type);
	address_bytes(route->gateway, address);
	if (route->gateway)
		printf(" via %s", address_format(address, gateway));
	if (*way->device && !type)
		printf(" dev %s", way->device);
	if (route->mtu)
		printf(" mtu %u", route->mtu);
}

static void print_way(const char *what, const struct way *way)
{
	char to[ADDRESS_TEXT];

	if (!way->asked)
		return;
	printf("  %s %s: ", what, address_format(way->to, to));
	if (way->error)
		printf("none, %s", strerror(-way->error));
	else
		print_route(way);
	printf("\n");
}

/* The kernel's own route of what goes out: by another device it does not come to the programs at all. */
static void print_elsewhere(const struct explanation *explanation)
{
	const struct way *inner = &explanation->inner;
	const char *device = explanation->explainer->attachment.name.device;

	if (explanation->direction == DIRECTION_OUT && explanation->untouched != UNTOUCHED_WRAPPED && inner->asked &&
	    (inner->error || inner->route.ifindex != explanation->explainer->link.ifindex))
		printf("    by this route it does not leave by %s: the programs there never see it\n", device);
}

static void print_verdict(const struct explanation *explanation)
{
	const struct outcome *outcome = &explanation->outcome;
	const struct verdict_text *text = &verdict_texts[outcome->verdict];
	char why[UNTOUCHED_TEXT];

	if (!outcome->counted) {
		printf("  verdict: none, untouched: %s\n", explanation_untouched(explanation, why));
		return;
	}
	printf("  verdict: %s, %s: %s\n", text->name, explanation_fate(explanation), text->meaning);
	if (strncmp(text->remedy, "nothing:", strlen("nothing:")))
		printf("  what to do: %s\n", text->remedy);
}

static void print_result(const struct explanation *explanation)
{
	switch (explanation_result(explanation)) {
	case RESULT_NONE:
		break;
	case RESULT_PACKET:
		print_headers("result", &explanation->after);
		break;
	case RESULT_ANSWER:
		print_headers("answer", &explanation->after);
		break;
	}
}

void explanation_text(const struct explanation *explanation)
{
	const char *unknown[UNKNOWN_MAX];
	size_t count = explanation_unknown(explanation, unknown);

	print_title(explanation);
	print_headers("header", &explanation->before);
	print_way("kernel's route to", &explanation->inner);
	print_elsewhere(explanation);
	print_prefix(explanation);
	print_peer(explanation);
	print_way("route to the peer", &explanation->outer);
	print_way("route back to", &explanation->back);
	print_verdict(explanation);
	print_result(explanation);
	for (size_t i = 0; i < count; i++)
		printf("  not known: %s\n", unknown[i]);
}
