/* SPDX-License-Identifier: GPL-2.0-only */
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <xdp/libxdp.h>
#include <zlib.h>

#include "cpus.h"
#include "fail.h"
#include "layout.h"
#include "layouts.h"
#include "objects.h"
#include "probe.h"
#include "tc.skel.h"
#include "xdp.skel.h"

static char last_warning[512];

static int keep_message(enum libbpf_print_level level, const char *format, va_list arguments)
{
	if (level == LIBBPF_WARN)
		vsnprintf(last_warning, sizeof(last_warning), format, arguments);
	return 0;
}

static int no_message(enum libxdp_print_level level, const char *format, va_list arguments)
{
	(void)level;
	(void)format;
	(void)arguments;
	return 0;
}

void objects_keep_messages(void)
{
	libbpf_set_print(keep_message);
	libxdp_set_print(no_message);
}

int objects_fail(const char *what, int error)
{
	if (error == EPERM || error == EACCES)
		return fail("%s: the kernel does not permit it; run as root, or with CAP_BPF, CAP_NET_ADMIN and "
			    "CAP_PERFMON (before Linux 5.8 CAP_SYS_ADMIN)",
			    what);
	last_warning[strcspn(last_warning, "\n")] = 0;
	return fail("%s: %s; Linux 5.10 or newer is needed%s%s", what, strerror(error), last_warning[0] ? ": " : "",
		    last_warning);
}

/* A map that is open already takes the place of the object's own. */
static int reuse(struct bpf_map *map, int descriptor)
{
	return descriptor < 0 ? 0 : bpf_map__reuse_fd(map, descriptor);
}

/* Gives the caller a descriptor of its own, which outlives the object. */
static int keep(const struct bpf_map *map, int *descriptor)
{
	if (*descriptor < 0)
		*descriptor = fcntl(bpf_map__fd(map), F_DUPFD_CLOEXEC, 0);
	return *descriptor < 0 ? -errno : 0;
}

static struct features features_for(const struct link *link, const struct maps *maps)
{
	struct features features = probe_features(link);

	features.layouts_behind = (__u8)(LAYOUT - layout_of_meta(maps->meta));
	return features;
}

static int reuse_all(const struct tc_bpf *tc, const struct maps *maps)
{
	return reuse(tc->maps.meta, maps->meta) || reuse(tc->maps.prefixes, maps->prefixes) ||
	       reuse(tc->maps.peers, maps->peers) || reuse(tc->maps.verdicts, maps->verdicts) ||
	       reuse(tc->maps.peer_counters, maps->peer_counters) ||
	       reuse(tc->maps.identification, maps->identification) || reuse(tc->maps.paths, maps->paths) ||
	       reuse(tc->maps.paths_until, maps->paths_until) || reuse(tc->maps.generation, maps->generation) ||
	       reuse(tc->maps.prefix_cache, maps->prefix_cache) || reuse(tc->maps.listeners, maps->listeners) ||
	       reuse(tc->maps.event_rings, maps->event_rings);
}

static int keep_all(const struct tc_bpf *tc, struct maps *maps)
{
	return keep(tc->maps.meta, &maps->meta) || keep(tc->maps.prefixes, &maps->prefixes) ||
	       keep(tc->maps.peers, &maps->peers) || keep(tc->maps.verdicts, &maps->verdicts) ||
	       keep(tc->maps.peer_counters, &maps->peer_counters) ||
	       keep(tc->maps.identification, &maps->identification) || keep(tc->maps.paths, &maps->paths) ||
	       keep(tc->maps.paths_until, &maps->paths_until) || keep(tc->maps.generation, &maps->generation) ||
	       keep(tc->maps.prefix_cache, &maps->prefix_cache) || keep(tc->maps.listeners, &maps->listeners) ||
	       keep(tc->maps.event_rings, &maps->event_rings);
}

int objects_load_tc(const struct link *link, struct maps *maps, struct tc_bpf **object)
{
	struct tc_bpf *tc = tc_bpf__open();
	int error;

	if (!tc)
		return objects_fail("open the TC programs", errno);
	tc->rodata->features = features_for(link, maps);
	if (reuse_all(tc, maps) || tc_bpf__load(tc) || keep_all(tc, maps)) {
		error = errno;
		tc_bpf__destroy(tc);
		return objects_fail("load the TC programs", error);
	}
	*object = tc;
	return DONE;
}

int objects_open_xdp(const struct link *link, const struct maps *maps, enum mode mode, struct xdp_bpf **object)
{
	struct xdp_bpf *xdp = xdp_bpf__open();
	struct features features = features_for(link, maps);
	int error;

	if (!xdp)
		return objects_fail("open the XDP program", errno);
	features.software = mode == MODE_SKB || !link_is_hardware(link);
	features.cpus = cpus_end();
	xdp->rodata->features = features;
	/*
	 * Both came with Linux 5.18; libbpf's section "xdp.frags" would set the flag on older kernels too. In skb mode the
	 * kernel makes packets linear without it; with it, it makes copies that TC then sees without their link header
	 * (skb->mac_len is lost; seen on Linux 6.18).
	 */
	if (features.xdp_buff_len && mode == MODE_NATIVE)
		bpf_program__set_flags(xdp->progs.decap_xdp, BPF_F_XDP_HAS_FRAGS);
	if (reuse(xdp->maps.meta, maps->meta) || reuse(xdp->maps.prefixes, maps->prefixes) ||
	    reuse(xdp->maps.peers, maps->peers) || reuse(xdp->maps.verdicts, maps->verdicts) ||
	    reuse(xdp->maps.peer_counters, maps->peer_counters) || reuse(xdp->maps.generation, maps->generation) ||
	    reuse(xdp->maps.prefix_cache, maps->prefix_cache) || reuse(xdp->maps.devices, maps->devices) ||
	    reuse(xdp->maps.cpus, maps->cpus) || reuse(xdp->maps.listeners, maps->listeners) ||
	    reuse(xdp->maps.event_rings, maps->event_rings) || reuse(xdp->maps.identification, maps->identification) ||
	    reuse(xdp->maps.paths, maps->paths) || reuse(xdp->maps.paths_until, maps->paths_until)) {
		error = errno;
		xdp_bpf__destroy(xdp);
		return objects_fail("open the XDP program", error);
	}
	*object = xdp;
	return DONE;
}

__u64 objects_digest(void)
{
	size_t tc_size, xdp_size;
	const Bytef *tc = tc_bpf__elf_bytes(&tc_size), *xdp = xdp_bpf__elf_bytes(&xdp_size);

	return (__u64)crc32_z(0, tc, tc_size) << 32 | (crc32_z(0, xdp, xdp_size) ?: 1);
}
