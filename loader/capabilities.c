/* SPDX-License-Identifier: GPL-2.0-only */
#include <errno.h>
#include <linux/capability.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "capabilities.h"
#include "fail.h"

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

/* Without glibc, which has no function for it; libcap would be one more library for one call. */
static int read_effective(__u64 *effective)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3];

	if (syscall(SYS_capget, &header, data))
		return -errno;
	*effective = data[0].effective | (__u64)data[1].effective << 32;
	return 0;
}

static bool has(__u64 effective, int capability)
{
	return effective >> capability & 1;
}

int capabilities_check(void)
{
	static const struct {
		int number;
		const char *name;
		bool of_admin; /* CAP_SYS_ADMIN holds it too, and before Linux 5.8 held it alone */
	} needed[] = {
		{ CAP_NET_ADMIN, "CAP_NET_ADMIN", false },
		{ CAP_BPF, "CAP_BPF", true },
		{ CAP_PERFMON, "CAP_PERFMON", true },
	};
	char missing[128] = "";
	__u64 effective = 0;
	int error = read_effective(&effective);

	if (error)
		return fail("cannot read this process's capabilities: %s", strerror(-error));
	for (size_t i = 0; i < COUNT(needed); i++) {
		size_t length = strlen(missing);

		if (has(effective, needed[i].number) || (needed[i].of_admin && has(effective, CAP_SYS_ADMIN)))
			continue;
		snprintf(missing + length, sizeof(missing) - length, "%s%s", length ? ", " : "", needed[i].name);
	}
	return *missing ? fail("not permitted, %s missing: run it as root", missing) : DONE;
}
