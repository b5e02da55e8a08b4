/* SPDX-License-Identifier: GPL-2.0-only */
/* Rules of nftables that give another source to what goes into the tunnels: far ends refuse it, or this host does. */
#include <arpa/inet.h>
#include <net/if.h>
#include <string.h>

#include "address.h"
#include "check.h"
#include "fail.h"
#include "sysctl.h"

/* So many prefixes are held against the rules. */
#define JUDGED_MAX 1000

/* Those who send into a prefix: this host with the source of the route, and the network that this is in. */
struct senders {
	struct packet_class own;
	struct packet_class network;
	bool has_own;
	bool has_network;
	char device[IF_NAMESIZE]; /* of the network */
};

static struct span span_of(const __u8 address[4], __u32 prefixlen)
{
	const struct prefix_key key = prefix_of(address, prefixlen);
	__u32 first = ntohl(address_number(key.addr));

	return (struct span){ first, prefixlen < 32 ? first | 0xffffffff >> prefixlen : first };
}

static void find_network(const struct checking *checking, const __u8 src[4], struct senders *senders)
{
	const struct host_address *own = host_addresses_find(&checking->addresses, src);

	if (!own || own->ifindex == checking->report.link.ifindex || !if_indextoname(own->ifindex, senders->device) ||
	    !strcmp(senders->device, "lo"))
		return;
	senders->network.in = senders->device;
	senders->network.src = span_of(src, own->prefixlen);
	senders->has_network = true;
}

static void find_senders(const struct checking *checking, const struct prefix_entry *entry, bool forwards,
			 struct senders *senders)
{
	__u8 src[4];

	*senders = (struct senders){
		.own = {
			.in = "",
			.out = checking->device,
			.dst = span_of(entry->key.addr, entry->key.prefixlen),
			.protocol = { 0, 255 },
		},
	};
	senders->network = senders->own;
	if (report_source(&checking->report, entry, src)) {
		senders->own.src = span_of(src, 32);
		senders->has_own = true;
		if (forwards)
			find_network(checking, src, senders);
	} else if (forwards) {
		/* Whoever it forwards for: only a rule that takes all of them counts. */
		senders->network.in = NULL;
		senders->network.src = SPAN_ALL;
		senders->has_network = true;
	}
}

static bool judge_prefix(struct checking *checking, const struct prefix_entry *entry, bool forwards)
{
	struct findings *findings = &checking->findings;
	struct senders senders;
	struct chain_name name;
	char prefix[PREFIX_TEXT];

	find_senders(checking, entry, forwards, &senders);
	if (!(senders.has_own && ruleset_translates(checking->ruleset, &senders.own, &name)) &&
	    !(senders.has_network && ruleset_translates(checking->ruleset, &senders.network, &name)))
		return false;
	findings_add(findings, SEVERITY_WARNING, "the chain %s of table %s %s gives another source to what goes to %s",
		     name.chain, name.family, name.table, prefix_format(&entry->key, prefix));
	findings_why(findings, "a strict far end refuses it (rpf_prefix there), or this host (encap_source)");
	findings_command(findings, "%snft insert rule %s %s %s oifname %s ip daddr %s accept", checking->inside,
			 name.family, name.table, name.chain, checking->device, prefix);
	return true;
}

int check_masquerade(struct checking *checking)
{
	const struct prefixes *prefixes = &checking->report.prefixes;
	bool found = false;
	int forwards;

	if (!checking->ruleset)
		return DONE; /* check_firewall says so */
	if (sysctl_read(checking->device, "forwarding", &forwards))
		return fail("cannot read forwarding of %s", checking->device);
	for (size_t i = 0; i < prefixes->count && i < JUDGED_MAX; i++) {
		if (prefix_is_valid(&prefixes->list[i].prefix) && prefix_is_routable(&prefixes->list[i].prefix))
			found |= judge_prefix(checking, &prefixes->list[i], forwards);
	}
	if (!found)
		findings_ok(&checking->findings, "what goes into the tunnels keeps its source");
	return DONE;
}
