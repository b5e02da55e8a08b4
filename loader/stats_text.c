/* SPDX-License-Identifier: GPL-2.0-only */
#include <stdio.h>
#include <time.h>

#include "address.h"
#include "fail.h"
#include "peers.h"
#include "stats.h"
#include "verdicts.h"

static void print_peers(const struct sample *sample)
{
	char name[ADDRESS_TEXT];

	printf("  %-15s %12s %15s %12s %15s %12s\n", "peer", "sent packets", "bytes", "received", "bytes", "dropped");
	for (size_t i = 0; i < sample->peer_count; i++) {
		const struct peer_sample *peer = &sample->peers[i];
		const struct peer_counters *counters = &peer->counters;

		printf("  %-15s %12llu %15llu %12llu %15llu %12llu\n", peer_name(peer->key.remote, name),
		       counters->tx_packets, counters->tx_bytes, counters->rx_packets, counters->rx_bytes,
		       counters->drops);
	}
}

static void print_verdicts(const struct sample *sample)
{
	printf("  %-19s %8s\n", "verdict", "packets");
	for (__u32 i = 0; i < VERDICT_COUNT; i++) {
		if (sample->verdicts[i])
			printf("  %-19s %8llu %s\n", verdict_texts[i].name, sample->verdicts[i],
			       verdict_fate_name(&sample->meta, i));
	}
}

int stats_text(const struct samples *samples)
{
	for (size_t i = 0; i < samples->count; i++) {
		const struct sample *sample = &samples->list[i];

		printf("%s%s\n", i ? "\n" : "", sample->name.device);
		print_peers(sample);
		print_verdicts(sample);
	}
	return DONE;
}

static void print_peer_rates(const char *before_each, const struct peer_sample *peer, const struct peer_rates *rates)
{
	char name[ADDRESS_TEXT];

	printf("%s peer %s tx_packets %.1f tx_bytes %.1f rx_packets %.1f rx_bytes %.1f drops %.1f\n", before_each,
	       peer_name(peer->key.remote, name), rates->tx_packets, rates->tx_bytes, rates->rx_packets,
	       rates->rx_bytes, rates->drops);
}

static void print_rates(const struct sample *before, const struct sample *now, double seconds, const char *time)
{
	char before_each[sizeof(now->name.device) + sizeof("2026-01-01T00:00:00Z ")];

	snprintf(before_each, sizeof(before_each), "%s %s", time, now->name.device);
	for (size_t i = 0; i < now->peer_count; i++) {
		struct peer_rates rates = sample_peer_rates(before, &now->peers[i], seconds);

		print_peer_rates(before_each, &now->peers[i], &rates);
	}
	for (__u32 i = 0; i < VERDICT_COUNT; i++) {
		double rate = sample_verdict_rate(before, now, i, seconds);

		if (rate > 0)
			printf("%s verdict %s packets %.1f\n", before_each, verdict_texts[i].name, rate);
	}
}

int stats_rates_text(const struct samples *before, const struct samples *now)
{
	char text[TIME_TEXT];

	sample_time_text(text);
	for (size_t i = 0; i < now->count; i++)
		print_rates(samples_find(before, &now->list[i].name), &now->list[i], now->time - before->time, text);
	return DONE;
}
