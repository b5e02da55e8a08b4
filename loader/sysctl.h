/* SPDX-License-Identifier: GPL-2.0-only */
/* Settings under /proc/sys/net/ipv4/conf of this process's network namespace. 0 or -errno. */
#ifndef SYSCTL_H
#define SYSCTL_H

#include <stdbool.h>

/* Reads net.ipv4.conf.DEVICE.NAME, a number. DEVICE "all" and "lo" too. */
int sysctl_read(const char *device, const char *name, int *value);
int sysctl_write(const char *device, const char *name, int value);

/* Whether what passes a bridge is shown to netfilter's IPv4 hooks; false where the module for that is absent. */
bool sysctl_bridge_calls_iptables(void);

/* What sysctl(8) calls it: a '.' in a device's name is a '/' there. Writes into `text` and returns it. */
#define SYSCTL_TEXT 320
const char *sysctl_name(const char *device, const char *name, char text[SYSCTL_TEXT]);

#endif
