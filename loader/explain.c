/* SPDX-License-Identifier: GPL-2.0-only */
/* The command `explain`. */
#include <net/if_arp.h>
#include <stdio.h>
#include <string.h>

#include "address.h"
#include "capabilities.h"
#include "capture.h"
#include "commands.h"
#include "explanation.h"
#include "fail.h"
#include "layout.h"
#include "route.h"

/* With an outer header no packet is longer than PACKET_MAX. */
#define INNER_MAX (PACKET_MAX - 20)

struct explaining {
	const struct session *session;
	const struct explain_request *request;
	struct explainer explainer;
	bool begun; /* something is printed */
};

static int explain(struct explaining *explaining, enum direction direction, const struct frame *frame, __u64 number)
{
	bool json = explaining->session->json;
	struct explanation explanation;

	if (explanation_make(&explaining->explainer, direction, frame, &explanation))
		return FAILED;
	explanation.number = number;
	if (json)
		printf(explaining->begun ? "," : "[");
	else if (explaining->begun)
		printf("\n");
	explaining->begun = true;
	if (json)
		return explanation_json(&explanation);
	explanation_text(&explanation);
	return DONE;
}

/* A list without end would be of no use to whoever reads what came before a failure. */
static void end_list(const struct explaining *explaining, int result)
{
	if (explaining->session->json && (explaining->begun || !result))
		printf("%s]\n", explaining->begun ? "" : "[");
}

/* Whether the kernel's route leads a packet to the tunnel's next hop. */
static bool leads_into_tunnel(const struct explaining *explaining, const struct frame *frame)
{
	struct headers headers;
	struct route route;

	frame_read(frame, &headers);
	return headers.count &&
	       !route_lookup_from(explaining->session->netlink, address_number(headers.list[0].dst),
				  address_number(headers.list[0].src), &route) &&
	       route_is_into(&route, explaining->explainer.link.ifindex);
}

/* What comes in is for this host, and what goes out for the next hop, if that is the tunnel's. */
static void address_frame(const struct explaining *explaining, enum direction direction, struct frame *frame)
{
	static const __u8 next_hop_mac[] = NEXT_HOP_MAC;
	const struct link *link = &explaining->explainer.link;

	if (link->type != ARPHRD_ETHER)
		return;
	if (direction == DIRECTION_IN)
		memcpy(frame->bytes, link->mac, sizeof(link->mac));
	else if (leads_into_tunnel(explaining, frame))
		memcpy(frame->bytes, next_hop_mac, sizeof(next_hop_mac));
}

/* A packet that goes to a peer leaves; else one from a peer's prefix comes in. */
static enum direction direction_of(const struct explaining *explaining)
{
	const struct explain_request *request = explaining->request;
	__u8 remote[4];

	if (request->direction)
		return request->direction;
	if (request->tunnel != TUNNEL_OWNER)
		return DIRECTION_IN;
	return explainer_owner(&explaining->explainer, request->wish.dst, remote) ||
			       !explainer_owner(&explaining->explainer, request->wish.src, remote)
		       ? DIRECTION_OUT
		       : DIRECTION_IN;
}

/* The outer source of a packet that comes in. */
static int find_sender(const struct explaining *explaining, __u8 remote[4])
{
	const struct explain_request *request = explaining->request;
	char address[ADDRESS_TEXT];

	if (request->tunnel == TUNNEL_GIVEN) {
		memcpy(remote, request->via, 4);
		return DONE;
	}
	address_format(request->wish.src, address);
	if (!explainer_owner(&explaining->explainer, request->wish.src, remote))
		return fail("no peer's prefix holds %s: say through which tunnel it comes, 'via REMOTE' or 'via none'",
			    address);
	if (address_is_zero(remote))
		return fail("the prefix of %s is the peer any's: say from which outer address, 'via ADDR'", address);
	return DONE;
}

static int wrap(const struct explaining *explaining, struct frame *frame)
{
	const struct explainer *explainer = &explaining->explainer;
	struct peer peer = { 0 };
	__u8 remote[4], local[4];
	static const __u8 any[4];

	if (explaining->request->wish.total_len > INNER_MAX)
		return wrong("'len %u': inside of a tunnel a packet has at most %u bytes",
			     explaining->request->wish.total_len, INNER_MAX);
	if (find_sender(explaining, remote))
		return FAILED;
	if (!explainer_peer(explainer, remote, &peer))
		explainer_peer(explainer, any, &peer);
	explainer_local(explainer, &peer, local);
	frame_wrap(frame, remote, local);
	return DONE;
}

static int explain_words(struct explaining *explaining)
{
	const struct explain_request *request = explaining->request;
	enum direction direction = direction_of(explaining);
	struct frame frame;
	int result = DONE;

	frame_build(&frame, &request->wish);
	if (direction == DIRECTION_IN && request->tunnel != TUNNEL_NONE)
		result = wrap(explaining, &frame);
	address_frame(explaining, direction, &frame);
	return result ? result : explain(explaining, direction, &frame, 0);
}

static int explain_capture(struct explaining *explaining, struct capture *capture)
{
	const struct explain_request *request = explaining->request;
	bool link_headers = capture_has_link_headers(capture), end = false;
	struct frame frame;
	__u64 number;

	while (!capture_next(capture, &frame, &number, &end)) {
		enum direction direction = request->direction;

		if (end)
			return DONE;
		if (!direction)
			direction = explainer_direction(&explaining->explainer, &frame, link_headers);
		if (!link_headers)
			address_frame(explaining, direction, &frame);
		if (explain(explaining, direction, &frame, number))
			return FAILED;
	}
	return FAILED;
}

/* Whoever writes the file may take time over it: nobody else need wait for the lock. */
static int explain_file(struct session *session, struct explaining *explaining)
{
	struct capture *capture;
	int result;

	if (capture_open(explaining->request->file, &capture))
		return FAILED;
	bpffs_close(&session->bpffs);
	result = explain_capture(explaining, capture);
	capture_close(capture);
	return result;
}

static int explain_request(struct session *session, const struct explain_request *request)
{
	struct explaining explaining = { .session = session, .request = request };
	int result;

	if (explainer_open(session, request->device, &explaining.explainer))
		return FAILED;
	result = request->file ? explain_file(session, &explaining) : explain_words(&explaining);
	end_list(&explaining, result);
	explainer_close(&explaining.explainer);
	return result;
}

int explain_run(struct session *session, struct words *words)
{
	struct explain_request request;
	int result = explain_parse(words, &request);

	if (result)
		return result;
	if (session_open(session, SESSION_SHOW))
		return FAILED;
	result = capabilities_check();
	if (!result)
		result = explain_request(session, &request);
	session_close(session);
	return result;
}
