/* SPDX-License-Identifier: GPL-2.0-only */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "attachment.h"
#include "counters.h"
#include "fail.h"
#include "peers.h"
#include "sample.h"

double sample_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

void sample_time_text(char text[TIME_TEXT])
{
	time_t now = time(NULL);
	struct tm parts;

	strftime(text, TIME_TEXT, "%FT%TZ", gmtime_r(&now, &parts));
}

static int read_peers(const struct maps *maps, struct sample *sample)
{
	struct peers peers;
	int result = DONE;

	if (peers_read(maps->peers, &peers))
		return FAILED;
	sample->peers = calloc(peers.count ? peers.count : 1, sizeof(*sample->peers));
	if (!sample->peers)
		result = fail("out of memory");
	for (size_t i = 0; i < peers.count && !result; i++) {
		struct peer_sample *peer = &sample->peers[sample->peer_count++];

		peer->key = peers.list[i].key;
		result = counters_read_peer(maps->peer_counters, &peer->key, &peer->counters);
	}
	peers_free(&peers);
	return result;
}

static int read_attachments(const struct attachments *attachments, struct samples *samples)
{
	samples->list = calloc(attachments->count ? attachments->count : 1, sizeof(*samples->list));
	if (!samples->list)
		return fail("out of memory");
	for (size_t i = 0; i < attachments->count; i++) {
		const struct attachment *attachment = &attachments->list[i];
		struct sample *sample = &samples->list[samples->count++];

		sample->name = attachment->name;
		sample->meta = attachment->meta;
		if (read_peers(&attachment->maps, sample) ||
		    counters_read_verdicts(attachment->maps.verdicts, sample->verdicts))
			return FAILED;
	}
	return DONE;
}

static int read_all(const struct session *session, const char *device, bool tell, struct samples *samples)
{
	struct attachments attachments;
	int result;

	if (attachments_select(session, device, tell, &attachments))
		return FAILED;
	result = read_attachments(&attachments, samples);
	attachments_close(&attachments);
	return result;
}

int samples_read(struct session *session, const char *device, bool tell, struct samples *samples)
{
	int result;

	*samples = (struct samples){ 0 };
	if (session_open(session, SESSION_SHOW))
		return FAILED;
	samples->time = sample_now();
	result = read_all(session, device, tell, samples);
	session_close(session);
	if (result)
		samples_free(samples);
	return result;
}

void samples_free(struct samples *samples)
{
	for (size_t i = 0; i < samples->count; i++)
		free(samples->list[i].peers);
	free(samples->list);
	*samples = (struct samples){ 0 };
}

const struct sample *samples_find(const struct samples *samples, const struct folder_name *name)
{
	for (size_t i = 0; i < samples->count; i++) {
		const struct sample *sample = &samples->list[i];

		if (!strcmp(sample->name.netns, name->netns) && !strcmp(sample->name.device, name->device))
			return sample;
	}
	return NULL;
}

static double rate(__u64 before, __u64 now, double seconds)
{
	return (double)(now < before ? now : now - before) / seconds;
}

double sample_verdict_rate(const struct sample *before, const struct sample *now, __u32 verdict, double seconds)
{
	return rate(before ? before->verdicts[verdict] : 0, now->verdicts[verdict], seconds);
}

static int compare(const void *a, const void *b)
{
	const struct peer_sample *left = a, *right = b;

	return memcmp(&left->key, &right->key, sizeof(left->key));
}

struct peer_rates sample_peer_rates(const struct sample *before, const struct peer_sample *now, double seconds)
{
	static const struct peer_sample nothing;
	const struct peer_sample *found = NULL;
	const struct peer_counters *old, *new = &now->counters;

	if (before)
		found = bsearch(now, before->peers, before->peer_count, sizeof(*now), compare);
	old = found ? &found->counters : &nothing.counters;
	return (struct peer_rates){
		.tx_packets = rate(old->tx_packets, new->tx_packets, seconds),
		.tx_bytes = rate(old->tx_bytes, new->tx_bytes, seconds),
		.rx_packets = rate(old->rx_packets, new->rx_packets, seconds),
		.rx_bytes = rate(old->rx_bytes, new->rx_bytes, seconds),
		.drops = rate(old->drops, new->drops, seconds),
	};
}
