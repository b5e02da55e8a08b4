/* SPDX-License-Identifier: GPL-2.0-only */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <net/if_arp.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "counters.h"
#include "fail.h"
#include "features.h"
#include "hook_tc.h"
#include "hook_xdp.h"
#include "map_entries.h"
#include "objects.h"
#include "ownership.h"
#include "paths.h"
#include "pins.h"
#include "prefix_cache.h"
#include "same_program.h"
#include "tc.skel.h"
#include "trial.h"
#include "xdp.skel.h"

/* What TC and XDP programs of ours return. */
#define TC_SHOT 2
#define TC_REDIRECT 7
#define XDP_DROPPED 1
#define XDP_SENT 3
#define XDP_REDIRECTED 4

/* A test packet must fit into one page, together with what the kernel puts before and behind it. */
#define BESIDE_PACKET 1024

struct trial {
	const struct attachment *attachment;
	struct maps maps; /* `prefixes`, `peers`, `devices` are the attachment's, the others the trial's own */
	struct tc_bpf *tc;
	struct xdp_bpf *xdp; /* NULL where the attachment has none */
	__u64 verdicts[VERDICT_COUNT];
	struct frame scratch;
};

/*
 * The kernel takes the first bytes of every test packet for an Ethernet header, so that on a device without one the
 * programs are told of one too. What differs then is only the verdict on a packet that leaves by another device, and
 * that they would forward.
 */
static struct link with_link_header(const struct link *link)
{
	struct link ethernet = *link;

	ethernet.type = ARPHRD_ETHER;
	return ethernet;
}

/*
 * The options are the attachment's as they are now, but for the `cache`: what a CPU remembers of `prefixes` may be older
 * than what is there.
 */
static int write_meta(const struct trial *trial, const struct meta *meta)
{
	__u32 key = 0;

	if (bpf_map_update_elem(trial->maps.meta, &key, meta, BPF_ANY))
		return fail("write the options of a trial: %s", strerror(errno));
	return DONE;
}

/* Now and then the XDP program leaves a packet to the stack, so that the neighbour is probed: not one of a trial. */
static int know_next_hops(const struct trial *trial)
{
	__u32 slots = bpf_map__max_entries(trial->xdp->maps.next_hops);
	int cpu_count = libbpf_num_possible_cpus();
	__u64 *due = cpu_count > 0 ? malloc((size_t)cpu_count * sizeof(*due)) : NULL;
	int result = DONE;

	if (!due)
		return fail("out of memory");
	memset(due, 0xff, (size_t)cpu_count * sizeof(*due));
	for (__u32 slot = 0; slot < slots && !result; slot++)
		if (bpf_map_update_elem(bpf_map__fd(trial->xdp->maps.next_hops), &slot, due, BPF_ANY))
			result = fail("cannot write the map 'next_hops': %s", strerror(errno));
	free(due);
	return result;
}

static int load(struct trial *trial, const struct link *link)
{
	const struct link ethernet = with_link_header(link);
	struct meta meta = trial->attachment->meta;

	meta.cache = 0;
	if (link->type != ARPHRD_ETHER)
		meta.forward = SWITCH_OFF;
	objects_keep_messages();
	if (prefix_cache_make(&trial->maps, &meta) || objects_load_tc(&ethernet, &trial->maps, &trial->tc) ||
	    write_meta(trial, &meta))
		return FAILED;
	if (meta.hook != HOOK_XDP)
		return DONE;
	if (objects_open_xdp(&ethernet, &trial->maps, meta.mode_used, &trial->xdp))
		return FAILED;
	if (xdp_bpf__load(trial->xdp))
		return objects_fail("load the XDP program", errno);
	return meta.forward == SWITCH_ON ? know_next_hops(trial) : DONE;
}

struct running {
	const struct session *session;
	const struct link *link;
	bool other_version;
};

/* Holds the attached program of this number against the trial's own. */
static int compare(struct running *running, const char *name, __u32 id, const struct bpf_program *program)
{
	const char *ipipbpf = session_program(running->session);

	if (!id && programs_are_hidden())
		return DONE;
	if (!id)
		return fail("the program %s is not on %s: '%s attach %s' puts it back", name, running->link->name,
			    ipipbpf, running->link->name);
	if (other_code(id, bpf_program__fd(program), running->link->type == ARPHRD_ETHER))
		running->other_version = true;
	return DONE;
}

static int compare_all(const struct trial *trial, struct running *running)
{
	const struct attachment *attachment = trial->attachment;
	const char *folder = attachment->folder;
	const struct maps *maps = &attachment->maps;
	__u32 ifindex = running->link->ifindex;

	if (compare(running, "encap", hook_tc_program(ifindex, folder, maps, TC_EGRESS), trial->tc->progs.encap) ||
	    compare(running, "decap", hook_tc_program(ifindex, folder, maps, TC_INGRESS), trial->tc->progs.decap_tc))
		return FAILED;
	if (trial->xdp &&
	    compare(running, "decap", hook_xdp_program(ifindex, folder, maps), trial->xdp->progs.decap_xdp))
		return FAILED;
	if (running->other_version)
		warn("the programs on %s are another version's, or were loaded for other circumstances: this explains what "
		     "those do that '%s attach %s' puts there",
		     running->link->name, session_program(running->session), running->link->name);
	return DONE;
}

int trial_open(const struct session *session, const struct attachment *attachment, const struct link *link,
	       struct trial **trial)
{
	struct running running = { .session = session, .link = link };
	struct trial *new = calloc(1, sizeof(*new));

	if (!new)
		return fail("out of memory");
	new->attachment = attachment;
	new->maps = maps_closed();
	new->maps.prefixes = attachment->maps.prefixes;
	new->maps.peers = attachment->maps.peers;
	new->maps.devices = attachment->maps.devices;
	if (load(new, link) || compare_all(new, &running)) {
		trial_close(new);
		return FAILED;
	}
	*trial = new;
	return DONE;
}

void trial_close(struct trial *trial)
{
	if (!trial)
		return;
	xdp_bpf__destroy(trial->xdp);
	tc_bpf__destroy(trial->tc);
	trial->maps.prefixes = trial->maps.peers = trial->maps.devices = -1;
	pins_close_maps(&trial->maps);
	free(trial);
}

static void clear(int map)
{
	struct peer_key key;

	while (!bpf_map_get_next_key(map, NULL, &key) && !bpf_map_delete_elem(map, &key))
		continue;
}

static int copy_entries(int from, int to)
{
	const size_t key_size = sizeof(struct peer_key), entry_size = key_size + sizeof(struct path);
	int result = DONE;
	void *list;
	size_t count;

	if (map_entries_read(from, "paths", key_size, sizeof(struct path), &list, &count))
		return FAILED;
	for (size_t i = 0; i < count && !result; i++) {
		const char *entry = (const char *)list + i * entry_size;

		if (bpf_map_update_elem(to, entry, entry + key_size, BPF_ANY))
			result = fail("cannot copy the map 'paths': %s", strerror(errno));
	}
	free(list);
	return result;
}

/* Tells the trial what is known of the ways to peers; what it learnt from its last packet it forgets. */
static int copy_paths(const struct trial *trial)
{
	const struct maps *live = &trial->attachment->maps, *own = &trial->maps;
	__u64 until = 0, own_until = 0;
	__u32 key = 0;

	if (bpf_map_lookup_elem(live->paths_until, &key, &until) ||
	    bpf_map_lookup_elem(own->paths_until, &key, &own_until))
		return fail("cannot read the map 'paths_until': %s", strerror(errno));
	if (until < paths_now() && !own_until)
		return DONE;
	clear(own->paths);
	if (bpf_map_update_elem(own->paths_until, &key, &until, BPF_ANY))
		return fail("cannot write the map 'paths_until': %s", strerror(errno));
	return copy_entries(live->paths, own->paths);
}

/* No earlier packet of the trial counts towards the rate of ICMP errors. */
static int reset_rate(const struct trial *trial)
{
	int cpu_count = libbpf_num_possible_cpus();
	__u64 *full = cpu_count > 0 ? calloc((size_t)cpu_count, sizeof(*full)) : NULL;
	__u32 key = 0;
	int error = 0;

	if (!full)
		return fail("out of memory");
	if (bpf_map_update_elem(bpf_map__fd(trial->tc->maps.icmp_full), &key, full, BPF_ANY))
		error = errno;
	free(full);
	return error ? fail("cannot write the map 'icmp_full': %s", strerror(error)) : DONE;
}

static int fail_run(const struct frame *frame, int error)
{
	if (error == EPERM || error == EACCES)
		return objects_fail("run a program", error);
	return fail("run a program over a packet of %zu bytes: %s", frame->size - frame->ip, strerror(error));
}

/* Runs one program; the frame becomes what it leaves. *returned gets what it returns. */
static int run(const struct bpf_program *program, const struct __sk_buff *context, struct trial *trial,
	       struct frame *frame, __u32 *returned)
{
	LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = frame->bytes, .data_size_in = (__u32)frame->size,
		    .data_out = trial->scratch.bytes, .data_size_out = sizeof(trial->scratch.bytes), .ctx_in = context,
		    .ctx_size_in = context ? sizeof(*context) : 0, .repeat = 1);

	if (bpf_prog_test_run_opts(bpf_program__fd(program), &options))
		return fail_run(frame, errno);
	memcpy(frame->bytes, trial->scratch.bytes, options.data_size_out);
	frame->size = options.data_size_out;
	frame_find_ip(frame);
	*returned = options.retval;
	return DONE;
}

/* Which verdict has moved since the last look. */
static int look_at_verdicts(struct trial *trial, struct outcome *outcome)
{
	__u64 now[VERDICT_COUNT];

	if (counters_read_verdicts(trial->maps.verdicts, now))
		return FAILED;
	for (__u32 i = 0; i < VERDICT_COUNT; i++) {
		if (now[i] == trial->verdicts[i])
			continue;
		outcome->counted = true;
		outcome->verdict = (enum verdict)i;
	}
	memcpy(trial->verdicts, now, sizeof(now));
	return DONE;
}

static int run_xdp(struct trial *trial, struct outcome *outcome)
{
	__u32 returned;

	if (run(trial->xdp->progs.decap_xdp, NULL, trial, &outcome->frame, &returned))
		return FAILED;
	outcome->dropped = returned == XDP_DROPPED;
	outcome->redirected = returned == XDP_SENT || returned == XDP_REDIRECTED;
	return look_at_verdicts(trial, outcome);
}

static int run_tc(struct trial *trial, const struct bpf_program *program, __u32 from, struct outcome *outcome)
{
	const struct __sk_buff context = { .ifindex = trial->attachment->meta.ifindex, .ingress_ifindex = from };
	__u32 returned;

	if (run(program, &context, trial, &outcome->frame, &returned))
		return FAILED;
	outcome->dropped = returned == TC_SHOT;
	outcome->redirected = returned == TC_REDIRECT;
	return look_at_verdicts(trial, outcome);
}

/* Puts the frame where the programs find it, as much of it as the kernel takes. */
static void place(const struct frame *frame, struct outcome *outcome)
{
	size_t room = (size_t)sysconf(_SC_PAGESIZE) - BESIDE_PACKET;

	memset(outcome, 0, offsetof(struct outcome, frame));
	outcome->frame = *frame;
	if (frame->size <= room)
		return;
	outcome->cut = frame->size - room;
	frame_shorten(&outcome->frame, room);
}

int trial_run(struct trial *trial, enum direction direction, const struct frame *frame, __u32 from,
	      struct outcome *outcome)
{
	place(frame, outcome);
	if (copy_paths(trial) || reset_rate(trial))
		return FAILED;
	if (direction == DIRECTION_OUT)
		return run_tc(trial, trial->tc->progs.encap, from, outcome);
	if (trial->xdp && run_xdp(trial, outcome))
		return FAILED;
	/* What XDP has judged TC only passes on. */
	return outcome->dropped || outcome->counted ? DONE : run_tc(trial, trial->tc->progs.decap_tc, 0, outcome);
}
