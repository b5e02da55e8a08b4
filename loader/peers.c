/* SPDX-License-Identifier: GPL-2.0-only */
#include <stdlib.h>
#include <string.h>

#include <bpf/bpf.h>

#include "address.h"
#include "fail.h"
#include "map_entries.h"
#include "peers.h"

static int compare(const void *a, const void *b)
{
	const struct peer_entry *left = a, *right = b;

	return memcmp(&left->key, &right->key, sizeof(left->key));
}

int peers_read(int fd, struct peers *peers)
{
	void *list;

	*peers = (struct peers){ 0 };
	if (map_entries_read(fd, "peers", sizeof(struct peer_key), sizeof(struct peer), &list, &peers->count))
		return FAILED;
	peers->list = list;
	if (peers->count)
		qsort(peers->list, peers->count, sizeof(*peers->list), compare);
	return DONE;
}

void peers_free(struct peers *peers)
{
	free(peers->list);
	*peers = (struct peers){ 0 };
}

const struct peer_entry *peers_find(const struct peers *peers, const __u8 remote[4])
{
	struct peer_entry wanted = { 0 };

	if (!peers->count)
		return NULL;
	memcpy(wanted.key.remote, remote, 4);
	return bsearch(&wanted, peers->list, peers->count, sizeof(*peers->list), compare);
}

bool peer_is_valid(const struct peer *peer)
{
	static const __u8 zero[sizeof(peer->reserved)];

	if (peer->ttl_mode > FIELD_FIXED || (peer->ttl_mode == FIELD_FIXED && !peer->ttl))
		return false;
	if (peer->tos_mode > FIELD_FIXED || (peer->tos_mode == FIELD_FIXED && peer->tos & 3))
		return false;
	return peer->df <= DF_NOPMTUDISC && peer->rpf <= RPF_OFF && peer->monitor <= SWITCH_OFF &&
	       peer->ecn <= ECN_COMPATIBILITY && peer->type == TYPE_IPIP && !memcmp(peer->reserved, zero, sizeof(zero));
}

void peer_src_read(int fd, const __u8 remote[4], __u8 src[4])
{
	struct peer_src found;
	struct peer_key key;

	memcpy(key.remote, remote, 4);
	memset(src, 0, 4);
	if (fd >= 0 && !bpf_map_lookup_elem(fd, &key, &found))
		memcpy(src, found.src, 4);
}

const char *peer_name(const __u8 remote[4], char text[16])
{
	return address_is_zero(remote) ? strcpy(text, "any") : address_format(remote, text);
}
