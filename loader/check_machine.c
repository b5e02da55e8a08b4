/* SPDX-License-Identifier: GPL-2.0-only */
/* The kernel, its JIT, and its own tunnel device. */
#include <errno.h>
#include <fcntl.h>
#include <net/if_arp.h>
#include <stdlib.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "check.h"
#include "fail.h"
#include "features.h"
#include "objects.h"
#include "pins.h"
#include "tc.skel.h"
#include "xdp.skel.h"

#define JIT "/proc/sys/net/core/bpf_jit_enable"

static int load_xdp(const struct link *link, const struct maps *maps)
{
	struct xdp_bpf *xdp;
	int error;

	if (objects_open_xdp(link, maps, MODE_NATIVE, &xdp))
		return FAILED;
	error = xdp_bpf__load(xdp) ? errno : 0;
	xdp_bpf__destroy(xdp);
	return error ? objects_fail("load the XDP program", error) : DONE;
}

/* The programs as for an Ethernet device, and let go again. */
static int load_all(void)
{
	const struct link link = { .type = ARPHRD_ETHER };
	struct maps maps = maps_closed();
	struct tc_bpf *tc;
	int result;

	if (objects_load_tc(&link, &maps, &tc))
		return FAILED;
	tc_bpf__destroy(tc);
	result = load_xdp(&link, &maps);
	pins_close_maps(&maps);
	return result;
}

int check_kernel(struct checking *checking)
{
	struct utsname kernel;
	char line[512];
	int result;

	if (uname(&kernel))
		return fail("cannot tell which kernel this is");
	if (!checking->try_programs) {
		findings_ok(&checking->findings, "Linux %s", kernel.release);
		return DONE;
	}
	fail_keep(line, sizeof(line));
	result = load_all();
	fail_keep(NULL, 0);
	if (result)
		findings_add(&checking->findings, SEVERITY_ERROR, "Linux %s: cannot %s", kernel.release, line);
	else
		findings_ok(&checking->findings, "Linux %s takes the programs", kernel.release);
	return DONE;
}

void check_open_jit(struct checking *checking)
{
	checking->jit = open(JIT, (checking->fix ? O_RDWR : O_RDONLY) | O_CLOEXEC);
}

int check_jit(struct checking *checking)
{
	struct findings *findings = &checking->findings;
	char setting;

	/* A container may not see it. */
	if (checking->jit < 0 || pread(checking->jit, &setting, 1, 0) != 1)
		return DONE;
	if (setting != '0') {
		findings_ok(findings, "net.core.bpf_jit_enable is %c", setting);
		return DONE;
	}
	findings_add(findings, SEVERITY_WARNING, "net.core.bpf_jit_enable is 0");
	findings_why(findings, "the programs are interpreted, several times slower; attach again once it is set");
	findings_command(findings, "sysctl -w net.core.bpf_jit_enable=1");
	if (checking->fix && pwrite(checking->jit, "1\n", 2, 0) == 2)
		findings_fixed(findings);
	return DONE;
}

/* The fallback device of the module ipip, which takes what names no tunnel of its own. */
int check_tunl0(struct checking *checking)
{
	struct findings *findings = &checking->findings;
	struct link link;

	if (link_find(checking->session->netlink, "tunl0", &link))
		return DONE;
	if (!link.up) {
		findings_ok(findings, "tunl0 is there, but down: it takes nothing");
		return DONE;
	}
	findings_add(findings, SEVERITY_WARNING, "tunl0 is up");
	findings_why(findings, "the kernel unwraps IPIP that no peer of ours sent, from anybody and unchecked");
	findings_command(findings, "%s link set tunl0 down", checking->ip);
	return DONE;
}
