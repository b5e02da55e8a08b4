/* SPDX-License-Identifier: GPL-2.0-only */
/* The clsact qdisc of a device in this network namespace, by rtnetlink. 0 or -errno. */
#ifndef QDISC_H
#define QDISC_H

#include <stdbool.h>
#include <linux/types.h>

/* Is there a clsact (or ingress) qdisc? */
int qdisc_has_clsact(__u32 ifindex, bool *present);

/* Is there any filter on it, ingress or egress? */
int qdisc_has_filters(__u32 ifindex, bool *present);

#endif
