/* SPDX-License-Identifier: GPL-2.0-only */
/* Settings under /proc/sys/net/ipv4/conf of this process's network namespace. 0 or -errno. */
#ifndef SYSCTL_H
#define SYSCTL_H

/* Reads net.ipv4.conf.DEVICE.NAME, a number. DEVICE "all" and "lo" too. */
int sysctl_read(const char *device, const char *name, int *value);
int sysctl_write(const char *device, const char *name, int value);

#endif
