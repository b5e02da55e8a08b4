/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * One rtnetlink (or generic netlink) socket in the network namespace where it was opened, and the exchange of messages
 * over it (libmnl).
 */
#ifndef NETLINK_H
#define NETLINK_H

#include <libmnl/libmnl.h>

struct netlink;

/* Returns 0 or -errno. */
int netlink_open(struct netlink **netlink);
int netlink_open_generic(struct netlink **netlink); /* generic netlink in rtnetlink's place */
void netlink_close(struct netlink *netlink);        /* NULL is fine */

/* A zeroed request of `type` with a family header of `header_size` bytes, in the socket's own buffer. */
struct nlmsghdr *netlink_request(struct netlink *netlink, int type, int flags, size_t header_size, void **header);

/* Sends the request; gives each answer to `each` (which may be NULL). Returns 0 or -errno as the kernel said. */
int netlink_talk(struct netlink *netlink, struct nlmsghdr *request, mnl_cb_t each, void *argument);

/*
 * Many requests in one system call: begun, added one after the other as netlink_request made them, then sent and
 * answered. answers[i] gets 0 or -errno of the i-th. Returns 0, or -errno where the kernel's answers did not all come.
 * The answers to more requests at once might not find room in the socket.
 */
#define NETLINK_BATCH_MAX 128
void netlink_batch_begin(struct netlink *netlink);
void netlink_batch_add(struct netlink *netlink, struct nlmsghdr *request);
int netlink_batch_talk(struct netlink *netlink, int *answers);

/* The kernel's own words about the last failed request (extended ack), or "". */
const char *netlink_reason(const struct netlink *netlink);

#endif
