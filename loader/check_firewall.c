/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Rules of nftables that drop what the tunnels carry. The host's netfilter sees the inner packets alone: IPIP is
 * unwrapped before it and wrapped after it. Only what lies below the device, as a bridge's ports, sees IPIP itself.
 */
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "address.h"
#include "check.h"
#include "fail.h"
#include "options.h"
#include "sysctl.h"

#define IPIP 4

/* So many prefixes and peers are held against the rules. */
#define JUDGED_MAX 1000

static struct span span_of(const struct prefix_key *key)
{
	__u32 first = ntohl(address_number(key->addr));

	return (struct span){ first, key->prefixlen < 32 ? first | 0xffffffff >> key->prefixlen : first };
}

static struct span span_of_address(const __u8 address[4])
{
	__u32 number = ntohl(address_number(address));

	return address_is_zero(address) ? SPAN_ALL : (struct span){ number, number };
}

static struct packet_class outer_in(const struct checking *checking, const struct peer_entry *peer)
{
	const struct peer effective = options_effective(&peer->peer, &checking->report.attachment->meta);

	return (struct packet_class){
		.device = checking->device,
		.in = checking->device,
		.out = "",
		.src = span_of_address(peer->key.remote),
		.dst = span_of_address(effective.local),
		.protocol = { IPIP, IPIP },
	};
}

static struct packet_class outer_out(const struct checking *checking, const struct peer_entry *peer)
{
	struct packet_class packets = outer_in(checking, peer);
	struct span local = packets.dst;

	packets.dst = packets.src;
	packets.src = local;
	packets.in = "";
	packets.out = checking->device;
	return packets;
}

static void say_outer(struct checking *checking, const struct peer_entry *peer, const struct chain_name *name, bool in)
{
	struct findings *findings = &checking->findings;
	char address[ADDRESS_TEXT], match[ADDRESS_TEXT + 16] = "";

	if (!address_is_zero(peer->key.remote))
		snprintf(match, sizeof(match), " ip %s %s", in ? "saddr" : "daddr",
			 address_format(peer->key.remote, address));
	findings_add(findings, SEVERITY_ERROR, "the chain %s of table %s %s drops IPIP %s peer %s", name->chain,
		     name->family, name->table, in ? "from" : "to", peer_name(peer->key.remote, address));
	findings_why(findings, "it lies below %s, where packets are wrapped", checking->device);
	findings_command(findings, "%snft insert rule %s %s %s ip protocol 4%s accept", checking->inside, name->family,
			 name->table, name->chain, match);
}

/* Whether another device's hooks see the packets before or after this one's. */
static bool lies_above_others(const struct checking *checking)
{
	static const char *const kinds[] = { "bridge", "vlan", "macvlan", "bond", "team" };

	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++)
		if (!strcmp(checking->report.link.kind, kinds[i]))
			return true;
	return false;
}

/* A bridge's frames also pass the hooks of IPv4, if the module br_netfilter is there and says so. */
static bool is_filtered_as_ip(const struct checking *checking)
{
	return !strcmp(checking->report.link.kind, "bridge") && sysctl_bridge_calls_iptables();
}

struct hook_point {
	const char *family;
	const char *name;
};

static bool is_dropped(const struct checking *checking, const struct hook_point *hooks, size_t count,
		       const struct packet_class *packets, struct chain_name *name)
{
	for (size_t i = 0; i < count; i++)
		if (ruleset_drops(checking->ruleset, hooks[i].family, hooks[i].name, packets, name))
			return true;
	return false;
}

#define IS_DROPPED(checking, hooks, packets, name)                                                                     \
	is_dropped(checking, hooks, sizeof(hooks) / sizeof(*(hooks)), packets, name)

static bool judge_below(struct checking *checking, const struct peer_entry *peer)
{
	static const struct hook_point in[] = { { "netdev", "ingress" },
						{ "bridge", "prerouting" },
						{ "bridge", "input" } };
	static const struct hook_point out[] = { { "bridge", "output" },
						 { "bridge", "postrouting" },
						 { "netdev", "egress" } };
	static const struct hook_point ip[] = { { "ip", "prerouting" } };
	struct packet_class packets = outer_in(checking, peer);
	struct chain_name name;
	size_t before = checking->findings.count;

	packets.in = NULL;
	packets.below = true;
	if (IS_DROPPED(checking, in, &packets, &name) ||
	    (is_filtered_as_ip(checking) && IS_DROPPED(checking, ip, &packets, &name)))
		say_outer(checking, peer, &name, true);
	packets = outer_out(checking, peer);
	packets.out = NULL;
	packets.below = true;
	if (!address_is_zero(peer->key.remote) && IS_DROPPED(checking, out, &packets, &name))
		say_outer(checking, peer, &name, false);
	return checking->findings.count != before;
}

/* The kernel's own tunnel, if there is one, gets outer fragments with `fragments stack`. */
static bool judge_fragments(struct checking *checking, const struct peer_entry *peer, struct chain_name *name)
{
	static const struct hook_point in[] = { { "ip", "prerouting" }, { "ip", "input" } };
	const struct packet_class packets = outer_in(checking, peer);

	return IS_DROPPED(checking, in, &packets, name);
}

static void judge_peers(struct checking *checking)
{
	const struct peers *peers = &checking->report.peers;
	size_t before = checking->findings.count;
	bool harmless = false, above = lies_above_others(checking);
	struct chain_name name;

	for (size_t i = 0; i < peers->count && i < JUDGED_MAX; i++) {
		bool said = above && judge_below(checking, &peers->list[i]);

		if (!said && !harmless)
			harmless = judge_fragments(checking, &peers->list[i], &name);
	}
	if (!harmless || checking->findings.count != before)
		return;
	if (checking->report.attachment->meta.fragments == FRAGMENTS_STACK) {
		findings_add(&checking->findings, SEVERITY_WARNING, "the chain %s of table %s %s drops IPIP",
			     name.chain, name.family, name.table);
		findings_why(&checking->findings,
			     "'fragments stack' leaves outer fragments to the kernel, which drops them");
		findings_command(&checking->findings, "%snft insert rule %s %s %s iifname %s ip protocol 4 accept",
				 checking->inside, name.family, name.table, name.chain, checking->device);
		return;
	}
	findings_ok(&checking->findings,
		    "the chain %s of table %s %s drops IPIP, but does not see the tunnels': they end before it",
		    name.chain, name.family, name.table);
}

static void say_inner(struct checking *checking, const char *prefix, const struct chain_name *name, bool in)
{
	struct findings *findings = &checking->findings;

	findings_add(findings, SEVERITY_WARNING, "the chain %s of table %s %s drops all %s %s", name->chain,
		     name->family, name->table, in ? "that comes from" : "that goes to", prefix);
	findings_why(findings, "netfilter sees what is inside the tunnels, as packets of %s", checking->device);
	findings_command(findings, "%snft insert rule %s %s %s %s %s ip %s %s accept", checking->inside, name->family,
			 name->table, name->chain, in ? "iifname" : "oifname", checking->device, in ? "saddr" : "daddr",
			 prefix);
}

/* Dropped on every way: that of this host's own packets and, if it forwards, that of others. */
static bool is_lost(struct checking *checking, const struct hook_point *own, const struct hook_point *others,
		    bool forwards, const struct packet_class *packets, struct chain_name *name)
{
	struct chain_name other;

	return is_dropped(checking, own, 1, packets, name) &&
	       (!forwards || is_dropped(checking, others, 1, packets, &other));
}

static void judge_prefix(struct checking *checking, const struct prefix_entry *entry, bool forwards)
{
	static const struct hook_point first[] = { { "netdev", "ingress" }, { "ip", "prerouting" } };
	static const struct hook_point last[] = { { "ip", "postrouting" }, { "netdev", "egress" } };
	static const struct hook_point input = { "ip", "input" }, forward = { "ip", "forward" },
				       output = { "ip", "output" };
	struct packet_class in = {
		.device = checking->device,
		.in = checking->device,
		.src = span_of(&entry->key),
		.dst = SPAN_ALL,
		.protocol = { 0, 255 },
	};
	struct packet_class out = {
		.device = checking->device,
		.out = checking->device,
		.src = SPAN_ALL,
		.dst = span_of(&entry->key),
		.protocol = { 0, 255 },
	};
	char prefix[PREFIX_TEXT];
	struct chain_name name;

	prefix_format(&entry->key, prefix);
	if (IS_DROPPED(checking, first, &in, &name) || is_lost(checking, &input, &forward, forwards, &in, &name))
		say_inner(checking, prefix, &name, true);
	if (IS_DROPPED(checking, last, &out, &name) || is_lost(checking, &output, &forward, forwards, &out, &name))
		say_inner(checking, prefix, &name, false);
}

/* `forward on` sends packets for other hosts past netfilter. */
static void judge_forward(struct checking *checking)
{
	struct findings *findings = &checking->findings;
	struct chain_name name;

	if (checking->report.attachment->meta.forward != SWITCH_ON ||
	    !ruleset_meets_forwarded(checking->ruleset, &name))
		return;
	findings_add(findings, SEVERITY_WARNING, "'forward on' passes by the chain %s of table %s %s", name.chain,
		     name.family, name.table);
	findings_why(findings, "packets for other hosts do not meet its rules, nor others of netfilter");
	findings_command(findings, "%s attach %s forward off", session_program(checking->session), checking->device);
}

int check_firewall(struct checking *checking)
{
	const struct prefixes *prefixes = &checking->report.prefixes;
	struct findings *findings = &checking->findings;
	size_t before = findings->count;
	int forwards;

	if (!checking->ruleset) {
		findings_ok(findings, "not looked at: nft cannot list its rules here");
		return DONE;
	}
	if (sysctl_read(checking->device, "forwarding", &forwards))
		return fail("cannot read forwarding of %s", checking->device);
	judge_forward(checking);
	judge_peers(checking);
	for (size_t i = 0; i < prefixes->count && i < JUDGED_MAX; i++) {
		if (prefix_is_valid(&prefixes->list[i].prefix) && prefix_is_routable(&prefixes->list[i].prefix))
			judge_prefix(checking, &prefixes->list[i], forwards);
	}
	if (findings->count == before)
		findings_ok(findings, "no rule of nftables surely drops what the tunnels carry");
	return DONE;
}
