/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The checks of `check`. Each adds to checking->findings what is in the way of the tunnels, or one line that says that
 * its matter is well. They read only, but where said. DONE, or FAILED where they could not look.
 */
#ifndef CHECK_H
#define CHECK_H

#include <limits.h>
#include <stdbool.h>
#include <linux/types.h>

#include "findings.h"
#include "host_addresses.h"
#include "report.h"
#include "ruleset.h"
#include "session.h"

struct checking {
	struct session *session;
	bool fix;          /* mend what is safe to mend */
	bool try_programs; /* load them: no attachment shows that the kernel takes them */
	int jit;           /* descriptor of net.core.bpf_jit_enable, -1: there is none */
	struct findings findings;
	struct host_addresses addresses;
	struct ruleset *ruleset; /* NULL: nft does not tell it */
	/* What commands begin with that work in this namespace. */
	char ip[NAME_MAX + sizeof("ip -n ")];
	char inside[NAME_MAX + sizeof("ip netns exec  ")];
	/* The device that is looked at. */
	const char *device;
	struct report report; /* only of one that is attached */
	bool refused;         /* to attach it again would fail */
};

/* Opens checking->jit. Other network namespaces than the first do not have the setting: before one is entered. */
void check_open_jit(struct checking *checking);

/* The machine and the namespace. check_jit and check_pins mend with `fix`. */
int check_kernel(struct checking *checking);
int check_jit(struct checking *checking);
int check_tunl0(struct checking *checking);
int check_pins(struct checking *checking);

/* A device, attached or not. */
int check_link(struct checking *checking);
int check_attach(struct checking *checking);
int check_offloads(struct checking *checking);
int check_xdp(struct checking *checking);

/* An attached device. */
int check_missing(struct checking *checking);
int check_local(struct checking *checking);
int check_remotes(struct checking *checking);
int check_prefixes(struct checking *checking);
int check_outside(struct checking *checking);
int check_forwarding(struct checking *checking);
int check_rp_filter(struct checking *checking);
int check_accept_local(struct checking *checking);
int check_firewall(struct checking *checking);
int check_masquerade(struct checking *checking);

#endif
