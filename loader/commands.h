/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The commands. Each xxx_run takes the words behind its name; each xxx_parse reads them into a request and touches
 * nothing else. They return DONE, FAILED or WRONG_WORDS.
 */
#ifndef COMMANDS_H
#define COMMANDS_H

#include <stdbool.h>
#include <stddef.h>
#include <linux/types.h>

#include "layout.h"
#include "options.h"
#include "packet.h"
#include "session.h"
#include "words.h"

/* Of the choices, 0 was not given. */
struct attach_request {
	struct options options; /* first: options_take_... */
	const char *device;
	__u8 mode;      /* enum mode plus 1 */
	__u8 plain;     /* enum plain_mode */
	__u8 fragments; /* enum fragments_mode */
	__u8 routes;    /* enum switch_mode */
	__u8 forward;   /* enum switch_mode */
	__u8 spread;    /* enum switch_mode */
	__u32 mtu_expires;
	__u32 icmp_rate; /* plus 1 */
	__u32 cache;     /* plus 1 */
};

struct peer_request {
	struct options options; /* first: options_take_... */
	const char *device;
	__u8 remote[4];
	struct prefix_key *prefixes; /* sorted, none twice */
	size_t prefix_count;
};

struct prefix_request {
	struct options options; /* first: options_take_...; only src */
	const char *device;
	struct prefix_key prefix;
	__u8 remote[4];
	bool bare;
};

/* How an inner packet that comes in is wrapped. */
enum tunnel {
	TUNNEL_OWNER, /* by the peer whose prefix holds its source */
	TUNNEL_NONE,
	TUNNEL_GIVEN,
};

struct explain_request {
	const char *device;
	const char *file;         /* NULL: the packet is `wish` */
	enum direction direction; /* 0: was not given */
	enum tunnel tunnel;
	__u8 via[4];
	struct packet_wish wish;
};

/* The keywords of `attach`; they read into a struct attach_request. */
extern const struct keyword attach_keywords[];
extern const size_t attach_keyword_count;

/* The same of `peer`, into a struct peer_request: its options, and behind them `prefix`. */
extern const struct keyword peer_keywords[];
extern const size_t peer_option_count;
enum {
	PEER_GROUP_REMOTE = GROUP_COMMAND,
};

int attach_parse(struct words *words, struct attach_request *request);
int peer_parse(struct words *words, struct peer_request *request);
int peer_parse_del(struct words *words, struct peer_request *request);
void peer_request_free(struct peer_request *request); /* also after a parse that failed */
int prefix_parse_request(struct words *words, struct prefix_request *request);
int explain_parse(struct words *words, struct explain_request *request);

int attach_run(struct session *session, struct words *words);
int migrate_run(struct session *session, struct words *words);
int detach_run(struct session *session, struct words *words);
int peer_add_run(struct session *session, struct words *words);
int peer_set_run(struct session *session, struct words *words);
int peer_del_run(struct session *session, struct words *words);
int prefix_add_run(struct session *session, struct words *words);
int prefix_replace_run(struct session *session, struct words *words);
int prefix_del_run(struct session *session, struct words *words);
int show_run(struct session *session, struct words *words);
int stats_run(struct session *session, struct words *words);
int top_run(struct session *session, struct words *words);
int explain_run(struct session *session, struct words *words);
int monitor_run(struct session *session, struct words *words);
int apply_run(struct session *session, struct words *words);
int confirm_run(struct session *session, struct words *words);
int export_run(struct session *session, struct words *words);
int check_run(struct session *session, struct words *words);

/* What `detach` does, in a session that is open for it. */
int detach_device(const struct session *session, const char *device);

/* What `attach` does, likewise. */
int attach_device(const struct session *session, const char *device, const struct attach_request *request);

#endif
