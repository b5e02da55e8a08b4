/* SPDX-License-Identifier: GPL-2.0-only */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "netlink.h"

#define REQUEST_SIZE 4096
/* The kernel fills a datagram of a dump as far as the reader's buffer goes, but never beyond 32 KiB. */
#define ANSWER_SIZE 32768
#define REASON_SIZE 256
#define BATCH_SIZE 65536

struct netlink {
	struct mnl_socket *socket;
	unsigned int portid;
	unsigned int sequence;
	bool busy;
	char reason[REASON_SIZE];
	_Alignas(struct nlmsghdr) char request[REQUEST_SIZE];
	_Alignas(struct nlmsghdr) char answer[ANSWER_SIZE];
	_Alignas(struct nlmsghdr) char batch[BATCH_SIZE];
	size_t batch_length;
	unsigned int batch_count;
};

/* One request on its way to being answered. */
struct exchange {
	struct netlink *netlink;
	unsigned int sequence;
	mnl_cb_t each;
	void *argument;
	int error;        /* 0 or -errno, the kernel's or each's */
	bool interrupted; /* the table changed under the dump: something may be missing from it, or be there twice */
	char reason[REASON_SIZE];
};

static void set_option(struct netlink *netlink, int option)
{
	int on = 1;

	/* Both options are a convenience: without them there are fewer words, and more to sift from a dump. */
	mnl_socket_setsockopt(netlink->socket, option, &on, sizeof(on));
}

static int open_bus(int bus, struct netlink **netlink)
{
	struct netlink *made = calloc(1, sizeof(*made));
	int error;

	if (!made)
		return -ENOMEM;
	made->socket = mnl_socket_open2(bus, SOCK_CLOEXEC);
	if (!made->socket || mnl_socket_bind(made->socket, 0, MNL_SOCKET_AUTOPID) < 0) {
		error = -errno;
		netlink_close(made);
		return error;
	}
	set_option(made, NETLINK_EXT_ACK);
	set_option(made, NETLINK_GET_STRICT_CHK);
	made->portid = mnl_socket_get_portid(made->socket);
	made->sequence = (unsigned int)time(NULL);
	*netlink = made;
	return 0;
}

int netlink_open(struct netlink **netlink)
{
	return open_bus(NETLINK_ROUTE, netlink);
}

int netlink_open_generic(struct netlink **netlink)
{
	return open_bus(NETLINK_GENERIC, netlink);
}

void netlink_close(struct netlink *netlink)
{
	if (!netlink)
		return;
	if (netlink->socket)
		mnl_socket_close(netlink->socket);
	free(netlink);
}

struct nlmsghdr *netlink_request(struct netlink *netlink, int type, int flags, size_t header_size, void **header)
{
	struct nlmsghdr *request = mnl_nlmsg_put_header(netlink->request);

	request->nlmsg_type = (__u16)type;
	request->nlmsg_flags = (__u16)(NLM_F_REQUEST | NLM_F_ACK | flags);
	*header = mnl_nlmsg_put_extra_header(request, header_size);
	return request;
}

/* The attributes of the extended ack, which lie behind `offset` bytes of payload. */
static void read_reason(struct exchange *exchange, const struct nlmsghdr *message, size_t offset)
{
	const struct nlattr *attribute;

	if (!(message->nlmsg_flags & NLM_F_ACK_TLVS))
		return;
	mnl_attr_for_each(attribute, message, offset) {
		if (mnl_attr_get_type(attribute) == NLMSGERR_ATTR_MSG)
			snprintf(exchange->reason, sizeof(exchange->reason), "%.*s",
				 (int)mnl_attr_get_payload_len(attribute), mnl_attr_get_str(attribute));
	}
}

static void read_ack(struct exchange *exchange, const struct nlmsghdr *message)
{
	const struct nlmsgerr *ack = mnl_nlmsg_get_payload(message);
	size_t offset = sizeof(*ack);

	if (mnl_nlmsg_get_payload_len(message) < sizeof(*ack)) {
		exchange->error = -EBADMSG;
		return;
	}
	if (ack->error)
		exchange->error = ack->error;
	if (!(message->nlmsg_flags & NLM_F_CAPPED))
		offset += mnl_nlmsg_get_payload_len(&ack->msg);
	read_reason(exchange, message, offset);
}

/* A dump that fails once it has begun says so at its end. */
static void read_done(struct exchange *exchange, const struct nlmsghdr *message)
{
	const int *error = mnl_nlmsg_get_payload(message);

	if (mnl_nlmsg_get_payload_len(message) < sizeof(*error))
		return;
	if (*error < 0)
		exchange->error = *error;
	read_reason(exchange, message, sizeof(*error));
}

/* After `each` said stop, the rest of the dump is still read: the socket takes no other dump before its end. */
static void hand_over(struct exchange *exchange, const struct nlmsghdr *message)
{
	int result;

	if (!exchange->each)
		return;
	result = exchange->each(message, exchange->argument);
	if (result < MNL_CB_STOP)
		exchange->error = -errno;
	if (result <= MNL_CB_STOP)
		exchange->each = NULL;
}

/* Returns whether more is to come. */
static bool take(struct exchange *exchange, const struct nlmsghdr *message)
{
	if (!mnl_nlmsg_seq_ok(message, exchange->sequence) || !mnl_nlmsg_portid_ok(message, exchange->netlink->portid))
		return true;
	if (message->nlmsg_flags & NLM_F_DUMP_INTR)
		exchange->interrupted = true;
	switch (message->nlmsg_type) {
	case NLMSG_ERROR:
		read_ack(exchange, message);
		return false;
	case NLMSG_DONE:
		read_done(exchange, message);
		return false;
	default:
		if (message->nlmsg_type >= NLMSG_MIN_TYPE)
			hand_over(exchange, message);
		return true;
	}
}

static bool take_all(struct exchange *exchange, const void *datagram, int length)
{
	const struct nlmsghdr *message;

	for (message = datagram; mnl_nlmsg_ok(message, length); message = mnl_nlmsg_next(message, &length))
		if (!take(exchange, message))
			return false;
	return true;
}

static ssize_t receive(struct netlink *netlink)
{
	ssize_t length;

	do {
		length = mnl_socket_recvfrom(netlink->socket, netlink->answer, sizeof(netlink->answer));
	} while (length < 0 && errno == EINTR);
	return length < 0 ? -errno : length;
}

static int converse(struct exchange *exchange, const struct nlmsghdr *request)
{
	struct netlink *netlink = exchange->netlink;
	ssize_t length;

	if (mnl_socket_sendto(netlink->socket, request, request->nlmsg_len) < 0)
		return -errno;
	do {
		length = receive(netlink);
		if (length < 0)
			return (int)length;
	} while (take_all(exchange, netlink->answer, (int)length));
	if (!exchange->error && exchange->interrupted)
		return -EAGAIN;
	return exchange->error;
}

/* libmnl takes 0 for "any". */
static unsigned int next_sequence(struct netlink *netlink)
{
	netlink->sequence += !(netlink->sequence + 1) ? 2 : 1;
	return netlink->sequence;
}

int netlink_talk(struct netlink *netlink, struct nlmsghdr *request, mnl_cb_t each, void *argument)
{
	struct exchange exchange = { .netlink = netlink, .each = each, .argument = argument };
	int error;

	/* `each` must not start another exchange: its answers would lie among those that are still being read. */
	if (netlink->busy)
		return -EBUSY;
	exchange.sequence = next_sequence(netlink);
	request->nlmsg_seq = exchange.sequence;
	netlink->busy = true;
	error = converse(&exchange, request);
	netlink->busy = false;
	if (error)
		memcpy(netlink->reason, exchange.reason, sizeof(netlink->reason));
	return error;
}

void netlink_batch_begin(struct netlink *netlink)
{
	netlink->batch_length = 0;
	netlink->batch_count = 0;
}

/* In a batch a request is known by its place; only the last asks for an answer where all is well. */
void netlink_batch_add(struct netlink *netlink, struct nlmsghdr *request)
{
	request->nlmsg_seq = ++netlink->batch_count;
	request->nlmsg_flags &= (__u16)~NLM_F_ACK;
	memcpy(netlink->batch + netlink->batch_length, request, request->nlmsg_len);
	netlink->batch_length += MNL_ALIGN(request->nlmsg_len);
}

/* Returns whether more is to come. */
static bool take_answer(struct netlink *netlink, const struct nlmsghdr *message, int *answers)
{
	struct exchange exchange = { .netlink = netlink };
	unsigned int place = message->nlmsg_seq;

	if (message->nlmsg_type != NLMSG_ERROR || !mnl_nlmsg_portid_ok(message, netlink->portid) || !place ||
	    place > netlink->batch_count)
		return true;
	read_ack(&exchange, message);
	answers[place - 1] = exchange.error;
	if (exchange.error && !*netlink->reason)
		memcpy(netlink->reason, exchange.reason, sizeof(netlink->reason));
	return place < netlink->batch_count;
}

static bool take_answers(struct netlink *netlink, int length, int *answers)
{
	const struct nlmsghdr *message = (const void *)netlink->answer;

	for (; mnl_nlmsg_ok(message, length); message = mnl_nlmsg_next(message, &length))
		if (!take_answer(netlink, message, answers))
			return false;
	return true;
}

static void ask_of_last(struct netlink *netlink)
{
	struct nlmsghdr *request = (void *)netlink->batch;

	for (unsigned int i = 1; i < netlink->batch_count; i++)
		request = (void *)((char *)request + MNL_ALIGN(request->nlmsg_len));
	request->nlmsg_flags |= NLM_F_ACK;
}

int netlink_batch_talk(struct netlink *netlink, int *answers)
{
	ssize_t length;

	memset(answers, 0, netlink->batch_count * sizeof(*answers));
	netlink->reason[0] = '\0';
	ask_of_last(netlink);
	if (mnl_socket_sendto(netlink->socket, netlink->batch, netlink->batch_length) < 0)
		return -errno;
	do {
		length = receive(netlink);
		if (length < 0)
			return (int)length;
	} while (take_answers(netlink, (int)length, answers));
	return 0;
}

const char *netlink_reason(const struct netlink *netlink)
{
	return netlink->reason;
}
