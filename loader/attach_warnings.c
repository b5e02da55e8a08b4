/* SPDX-License-Identifier: GPL-2.0-only */
#include "attach_warnings.h"
#include "change_warnings.h"
#include "devices.h"
#include "fail.h"
#include "options.h"
#include "probe.h"
#include "sysctl.h"

static void warn_local(const struct attaching *attaching)
{
	const struct meta *meta = &attaching->attachment.meta;

	if (!meta->local_auto)
		change_warn_local(&attaching->change, meta->local);
}

/* Where the kernel forwards nothing, nor do the programs. */
static void warn_forward(const struct attaching *attaching)
{
	const char *device = attaching->link.name;
	int forwarding;

	if (attaching->attachment.meta.forward == SWITCH_ON && !sysctl_read(device, "forwarding", &forwarding) &&
	    !forwarding)
		warn("forward is on, but net.ipv4.conf.%s.forwarding is 0: this host forwards nothing", device);
	else if (devices_lacking(&attaching->attachment))
		warn("forward is on, but no device takes frames from XDP: 'attach %s' again once one does (a veth: "
		     "'ethtool -K DEV gro on' at its other end), or 'attach %s mode tc'",
		     device, device);
}

/* The flow of an skb is known to the kernel, inside the tunnel too. */
static void warn_spread(const struct attaching *attaching)
{
	const struct meta *meta = &attaching->attachment.meta;

	if (meta->spread == SWITCH_ON && meta->mode_used != MODE_NATIVE)
		warn("spread works in mode native; in mode %s let the kernel spread: 'echo ff "
		     ">/sys/class/net/%s/queues/rx-0/rps_cpus'",
		     options_mode_name(meta->mode_used), attaching->link.name);
}

/* The programs go by whole ticks. */
static void warn_cache(const struct attaching *attaching)
{
	__u32 cache = attaching->attachment.meta.cache;
	double tick = (double)(1 << TICKS_MS_SHIFT) / probe_ticks();

	if (cache && cache < tick)
		warn("cache %u is less than a tick of this kernel (%.0f ms): nothing is remembered", cache, tick);
}

void attach_warn(const struct attaching *attaching)
{
	warn_local(attaching);
	warn_forward(attaching);
	warn_spread(attaching);
	warn_cache(attaching);
}
