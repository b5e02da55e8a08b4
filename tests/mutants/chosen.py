# SPDX-License-Identifier: GPL-2.0-only
"""Bugs that people have made in tunnels, put into bpf/ by hand: each a text that stands there once, and another."""

from dataclasses import dataclass

from mutate import Mutant


@dataclass(frozen=True)
class Bug:
    name: str
    file: str
    right: str
    wrong: str


BUGS = [
    Bug("the outer checksum is left out", "encap.h",
        "outer.check = ~checksum_fold(checksum_of_20_bytes(&outer));", ""),
    Bug("the outer total length is the inner one", "encap.h",
        "total_len = encap->inner.total_len + sizeof(struct iphdr)", "total_len = encap->inner.total_len"),
    Bug("the outer TTL is 64 and not inherited", "encap.h",
        "return device->ttl_mode == FIELD_FIXED ? device->ttl : inner->ttl;",
        "return device->ttl_mode == FIELD_FIXED ? device->ttl : 64;"),
    Bug("the inner TTL is not looked at", "decap.h", " || !inner->header->ttl", ""),
    Bug("the outer header bears no ECN", "encap.h", "return dscp | ecn;", "return dscp;"),
    Bug("congestion met on the way is forgotten", "ecn.h", "if (outer == ECN_CE)\n\t\treturn inner_tos | ECN_CE;", ""),
    Bug("the source is in any peer's prefix", "reverse_path.h",
        "!prefix_belongs_to(prefix_find(device, source), peer)", "!prefix_find(device, source)"),
    Bug("the source check is skipped", "decap.h", "if (verdict == VERDICT_DECAP_OK) {", "if (0) {"),
    Bug("the route back may lead through any device", "reverse_path.h",
        "return route_back(ctx, inner->header, tagged ? 0 : device->ifindex);",
        "return route_back(ctx, inner->header, 0);"),
    Bug("the peer `any` takes what has a peer of its own", "decap.h",
        "if (!peer) {\n\t\tdecap->peer = 0;",
        "if (!peer || peer_local(peer, device) != outer->daddr) {\n\t\tdecap->peer = 0;"),
    Bug("headers are 20 bytes long", "ipv4.h",
        "ipv4->header_len = ipv4->header->ihl * 4;", "ipv4->header_len = sizeof(struct iphdr);"),
    Bug("20 bytes are stripped (XDP)", "xdp.bpf.c",
        "bpf_xdp_adjust_head(ctx, decap->outer.header_len)", "bpf_xdp_adjust_head(ctx, sizeof(struct iphdr))"),
    Bug("padding is kept (XDP)", "xdp.bpf.c",
        "if (trailer && bpf_xdp_adjust_tail(ctx, -(int)trailer))\n\t\treturn false;", ""),
    Bug("padding is kept (TC)", "tc.bpf.c",
        "return skb->len <= end || !bpf_skb_change_tail(skb, end, 0);", "return true;"),
    Bug("a tag in the frame is lost", "tc.bpf.c", " &&\n\t       !bpf_skb_vlan_push(skb, proto, tci)", ""),
    Bug("received packets count as sent", "decap.h",
        "count_received(count_of_peer(decap->peer), &decap->segments);",
        "count_sent(count_of_peer(decap->peer), &decap->segments);"),
    Bug("drops count for nobody", "decap.h",
        "\tif (known)\n\t\tcount_dropped(count_of_peer(peer), &segments);\n", ""),
    Bug("a GSO packet counts as one", "segments.h",
        "segments.count = (ipv4->total_len - headers + gso_size - 1) / gso_size;", ""),
    Bug("the kernel is not told of the outer header (BPF_F_ADJ_ROOM_ENCAP_L3_IPV4)", "tc.bpf.c",
        "flags | BPF_F_ADJ_ROOM_ENCAP_L3_IPV4);", "flags);"),
    Bug("segments shrink by the outer header (BPF_F_ADJ_ROOM_FIXED_GSO)", "tc.bpf.c",
        "BPF_F_ADJ_ROOM_FIXED_GSO | BPF_F_ADJ_ROOM_NO_CSUM_RESET;\n\tlong error",
        "BPF_F_ADJ_ROOM_NO_CSUM_RESET;\n\tlong error"),
    Bug("segments grow by the outer header (BPF_F_ADJ_ROOM_FIXED_GSO)", "tc.bpf.c",
        "BPF_F_ADJ_ROOM_FIXED_GSO | BPF_F_ADJ_ROOM_NO_CSUM_RESET;\n\tbool in_band",
        "BPF_F_ADJ_ROOM_NO_CSUM_RESET;\n\tbool in_band"),
    Bug("the identification is not advanced", "identification.h", "\tentry->next += count;\n", ""),
    Bug("DF of the inner packet is lost", "encap.h", " || inner->frag_off & bpf_htons(IPV4_DF)", ""),
    Bug("DF is not set", "encap.h", "outer.frag_off = bpf_htons(IPV4_DF);", "outer.frag_off = 0;"),
    Bug("the next hop's address is not written", "tc.bpf.c",
        "__builtin_memcpy(eth->h_dest, encap->fib.dmac, sizeof(eth->h_dest));", ""),
    Bug("our own packets are wrapped again", "encap.h",
        "return peer && header->saddr == peer_local(peer, device);", "return false;"),
    Bug("an ICMP error about any tunnel comes in", "quote.h",
        "return peer && outer->header->saddr == peer_local(peer, device);", "return peer;"),
    Bug("an error is told about an error", "icmp.h",
        "return about->protocol != IPPROTO_ICMP || (first_byte && icmp_is_query(*first_byte));", "return true;"),
    Bug("errors are told without limit", "allowance.h",
        "\tif (*full - now > (burst - 1) * each)\n\t\treturn false;\n", ""),
    Bug("the MTU that is told has no room for the outer header", "encap.h",
        "error->mtu = encap->mtu - sizeof(struct iphdr);", "error->mtu = encap->mtu;"),
    Bug("an MTU is learnt that what was sent had not exceeded", "relay.h",
        "\tif (told >= relay->outer.total_len)\n\t\treturn false;\n", ""),
]


def chosen_mutants(sources):
    """The bugs as mutants of sources, {file: text}. ValueError if one is not where it is said to be."""
    found = []
    for bug in BUGS:
        source = sources[bug.file]
        if source.count(bug.right) != 1:
            raise ValueError(f"tests/mutants/chosen.py: {bug.name}: bpf/{bug.file} must hold {bug.right!r} once, "
                             f"and does {source.count(bug.right)} times")
        line = source.count("\n", 0, source.index(bug.right)) + 1
        found.append(Mutant(bug.file, line, bug.name, source.replace(bug.right, bug.wrong)))
    return found
