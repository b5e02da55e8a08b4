/* SPDX-License-Identifier: GPL-2.0-only */
#include "address.h"
#include "json.h"
#include "peers.h"
#include "stats.h"
#include "verdicts.h"

static json_t *netns(const struct sample *sample)
{
	return *sample->name.netns ? json_name(sample->name.netns) : json_null();
}

static json_t *peer_object(const struct peer_sample *peer)
{
	const struct peer_counters *counters = &peer->counters;
	char name[ADDRESS_TEXT];

	return JSON_OBJECT({ "remote", json_string(peer_name(peer->key.remote, name)) },
			   { "tx_packets", json_number(counters->tx_packets) },
			   { "tx_bytes", json_number(counters->tx_bytes) },
			   { "rx_packets", json_number(counters->rx_packets) },
			   { "rx_bytes", json_number(counters->rx_bytes) }, { "drops", json_number(counters->drops) });
}

static json_t *sample_object(const struct sample *sample)
{
	json_t *peers = json_array();

	for (size_t i = 0; i < sample->peer_count; i++)
		peers = json_append(peers, peer_object(&sample->peers[i]));
	return JSON_OBJECT({ "ifname", json_name(sample->name.device) }, { "netns", netns(sample) }, { "peers", peers },
			   { "verdicts", json_verdicts(sample->verdicts) });
}

int stats_json(const struct samples *samples)
{
	json_t *list = json_array();

	for (size_t i = 0; i < samples->count; i++)
		list = json_append(list, sample_object(&samples->list[i]));
	return json_print(list);
}

static json_t *peer_rates(const struct sample *before, const struct peer_sample *peer, double seconds)
{
	struct peer_rates rates = sample_peer_rates(before, peer, seconds);
	char name[ADDRESS_TEXT];

	return JSON_OBJECT({ "remote", json_string(peer_name(peer->key.remote, name)) },
			   { "tx_packets", json_real(rates.tx_packets) }, { "tx_bytes", json_real(rates.tx_bytes) },
			   { "rx_packets", json_real(rates.rx_packets) }, { "rx_bytes", json_real(rates.rx_bytes) },
			   { "drops", json_real(rates.drops) });
}

static json_t *verdict_rates(const struct sample *before, const struct sample *now, double seconds)
{
	struct json_member members[VERDICT_COUNT];

	for (__u32 i = 0; i < VERDICT_COUNT; i++)
		members[i] = (struct json_member){ verdict_texts[i].name,
						   json_real(sample_verdict_rate(before, now, i, seconds)) };
	return json_object_of(members, VERDICT_COUNT);
}

static json_t *rates_object(const struct sample *before, const struct sample *now, double seconds, const char *time)
{
	json_t *peers = json_array();

	for (size_t i = 0; i < now->peer_count; i++)
		peers = json_append(peers, peer_rates(before, &now->peers[i], seconds));
	return JSON_OBJECT({ "time", json_string(time) }, { "seconds", json_real(seconds) },
			   { "ifname", json_name(now->name.device) }, { "netns", netns(now) }, { "peers", peers },
			   { "verdicts", verdict_rates(before, now, seconds) });
}

int stats_rates_json(const struct samples *before, const struct samples *now)
{
	json_t *list = json_array();
	char time[TIME_TEXT];

	sample_time_text(time);
	for (size_t i = 0; i < now->count; i++)
		list = json_append(list, rates_object(samples_find(before, &now->list[i].name), &now->list[i],
						      now->time - before->time, time));
	return json_print(list);
}
