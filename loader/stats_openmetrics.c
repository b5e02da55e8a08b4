/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The text format 0.0.4, which Prometheus, its promtool and node_exporter's textfile collector read. OpenMetrics wants
 * the "_total" of a counter left away in TYPE and HELP, promtool wants it there; the line EOF is OpenMetrics' and a
 * comment for the others.
 */
#include <stdio.h>
#include <string.h>

#include <jansson.h>

#include "address.h"
#include "fail.h"
#include "options.h"
#include "peers.h"
#include "stats.h"
#include "verdicts.h"
#include "version.h"

static void print_family(const char *name, const char *type, const char *help)
{
	printf("# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

/*
 * Label values are UTF-8, the kernel's names need not be. Bytes of one that is not are written %XX, so that two names
 * stay two.
 */
static void print_value(const char *value)
{
	json_t *string = json_string(value);
	bool is_utf8 = string;

	json_decref(string);
	for (; *value; value++) {
		if (!is_utf8 && *value & 0x80)
			printf("%%%02X", (unsigned char)*value);
		else if (*value == '\n')
			printf("\\n");
		else
			printf(strchr("\\\"", *value) ? "\\%c" : "%c", *value);
	}
}

/* The labels that every metric has; the brace stays open. */
static void print_labels(const char *name, const struct sample *sample)
{
	printf("%s{device=\"", name);
	print_value(sample->name.device);
	printf("\",netns=\"");
	print_value(sample->name.netns);
	printf("\"");
}

struct peer_metric {
	const char *name;
	const char *help;
	size_t offset; /* in struct peer_counters */
};

static const struct peer_metric peer_metrics[] = {
	{ "ipipbpf_peer_transmit_packets_total", "Packets wrapped and sent to the peer.",
	  offsetof(struct peer_counters, tx_packets) },
	{ "ipipbpf_peer_transmit_bytes_total", "Inner bytes sent to the peer.",
	  offsetof(struct peer_counters, tx_bytes) },
	{ "ipipbpf_peer_receive_packets_total", "Packets from the peer, unwrapped and handed to the stack.",
	  offsetof(struct peer_counters, rx_packets) },
	{ "ipipbpf_peer_receive_bytes_total", "Inner bytes received from the peer.",
	  offsetof(struct peer_counters, rx_bytes) },
	{ "ipipbpf_peer_drop_packets_total", "Packets to or from the peer that were dropped.",
	  offsetof(struct peer_counters, drops) },
};

static void print_peer_metric(const struct samples *samples, const struct peer_metric *metric)
{
	char name[ADDRESS_TEXT];

	print_family(metric->name, "counter", metric->help);
	for (size_t i = 0; i < samples->count; i++) {
		const struct sample *sample = &samples->list[i];

		for (size_t j = 0; j < sample->peer_count; j++) {
			const struct peer_sample *peer = &sample->peers[j];
			__u64 value;

			memcpy(&value, (const char *)&peer->counters + metric->offset, sizeof(value));
			print_labels(metric->name, sample);
			printf(",remote=\"%s\"} %llu\n", peer_name(peer->key.remote, name), value);
		}
	}
}

static void print_verdicts(const struct samples *samples)
{
	const char *name = "ipipbpf_verdict_packets_total";

	print_family(name, "counter", "Packets that the programs took up, by the reason for what became of them.");
	for (size_t i = 0; i < samples->count; i++) {
		const struct sample *sample = &samples->list[i];

		for (__u32 verdict = 0; verdict < VERDICT_COUNT; verdict++) {
			print_labels(name, sample);
			printf(",verdict=\"%s\",fate=\"%s\"} %llu\n", verdict_texts[verdict].name,
			       verdict_fate_name(&sample->meta, verdict), sample->verdicts[verdict]);
		}
	}
}

static void print_attachments(const struct samples *samples)
{
	print_family("ipipbpf_attachment_info", "gauge", "1 for each device that carries tunnels.");
	for (size_t i = 0; i < samples->count; i++) {
		print_labels("ipipbpf_attachment_info", &samples->list[i]);
		printf(",mode=\"%s\",rpf=\"%s\",version=\"%s\"} 1\n",
		       options_mode_name(samples->list[i].meta.mode_used), options_rpf_name(samples->list[i].meta.rpf),
		       IPIPBPF_VERSION);
	}
	print_family("ipipbpf_peers", "gauge", "Peers of the device.");
	for (size_t i = 0; i < samples->count; i++) {
		print_labels("ipipbpf_peers", &samples->list[i]);
		printf("} %zu\n", samples->list[i].peer_count);
	}
}

int stats_openmetrics(const struct samples *samples)
{
	print_attachments(samples);
	for (size_t i = 0; i < sizeof(peer_metrics) / sizeof(*peer_metrics); i++)
		print_peer_metric(samples, &peer_metrics[i]);
	print_verdicts(samples);
	printf("# EOF\n");
	return DONE;
}
