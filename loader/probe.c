/* SPDX-License-Identifier: GPL-2.0-only */
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <net/ethernet.h>
#include <net/if_arp.h>
#include <string.h>
#include <time.h>

#include "probe.h"

#define MILLISECOND_NS 1000000ULL

/* Whether the kernel's own types have this enumerator. Without BTF nobody knows, and it is taken as missing. */
static bool kernel_knows(const char *enumerator)
{
	struct btf *btf = btf__load_vmlinux_btf();
	bool found = false;

	if (!btf)
		return false;
	for (__u32 id = 1; id < btf__type_cnt(btf) && !found; id++) {
		const struct btf_type *type = btf__type_by_id(btf, id);

		if (!btf_is_enum(type) && !btf_is_enum64(type))
			continue;
		for (int i = 0; i < btf_vlen(type) && !found; i++) {
			__u32 name = btf_is_enum(type) ? btf_enum(type)[i].name_off : btf_enum64(type)[i].name_off;

			found = !strcmp(btf__name_by_offset(btf, name), enumerator);
		}
	}
	btf__free(btf);
	return found;
}

/* A tick is what the coarse clocks go by. */
__u32 probe_ticks(void)
{
	struct timespec tick;

	if (clock_getres(CLOCK_MONOTONIC_COARSE, &tick) || !tick.tv_nsec)
		return 0;
	return (__u32)((MILLISECOND_NS << TICKS_MS_SHIFT) / (__u64)tick.tv_nsec);
}

struct features probe_features(const struct link *link)
{
	struct features features = {
		.link_header = link->type == ARPHRD_ETHER ? ETHER_HDR_LEN : 0,
		.xdp_buff_len = libbpf_probe_bpf_helper(BPF_PROG_TYPE_XDP, BPF_FUNC_xdp_get_buff_len, NULL) == 1,
		.decap_l3_flag = kernel_knows("BPF_F_ADJ_ROOM_DECAP_L3_IPV4"),
		.skip_neighbour = kernel_knows("BPF_FIB_LOOKUP_SKIP_NEIGH"),
		.ticks = probe_ticks(),
		.fib_tells_mtu = libbpf_probe_bpf_helper(BPF_PROG_TYPE_SCHED_CLS, BPF_FUNC_check_mtu, NULL) == 1,
	};

	memcpy(features.mac, link->mac, sizeof(features.mac));
	return features;
}

bool probe_dispatcher(void)
{
	return libbpf_probe_bpf_prog_type(BPF_PROG_TYPE_EXT, NULL) == 1;
}
