/* SPDX-License-Identifier: GPL-2.0-only */
#include <errno.h>
#include <string.h>
#include <time.h>

#include <bpf/bpf.h>

#include "fail.h"
#include "paths.h"

#define SECOND_NS 1000000000ULL

__u64 paths_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (__u64)now.tv_sec * SECOND_NS + (__u64)now.tv_nsec;
}

int path_mtu_read(int fd, const struct peer_key *key, __u64 now, struct path_mtu *known)
{
	struct path path;

	*known = (struct path_mtu){ 0 };
	if (fd < 0)
		return DONE;
	if (bpf_map_lookup_elem(fd, key, &path))
		return errno == ENOENT ? DONE : fail("cannot read the map 'paths': %s", strerror(errno));
	if (!path.mtu || path.mtu_until <= now)
		return DONE;
	known->mtu = path.mtu;
	known->expires = (path.mtu_until - now - 1) / SECOND_NS + 1;
	return DONE;
}
