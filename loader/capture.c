/* SPDX-License-Identifier: GPL-2.0-only */
#include <arpa/inet.h>
#include <errno.h>
#include <net/ethernet.h>
#include <pcap/pcap.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "capture.h"
#include "fail.h"

struct capture {
	const char *path;
	pcap_t *pcap;
	__u64 number; /* of the last packet that was read */
	bool link_headers;
};

/* Closes the file where it fails. */
static int open_stream(struct capture *capture, FILE *file)
{
	char reason[PCAP_ERRBUF_SIZE] = "";

	capture->pcap = pcap_fopen_offline(file, reason);
	if (capture->pcap)
		return DONE;
	if (file != stdin)
		fclose(file);
	return fail("%s is no capture file: %s; give one that 'tcpdump -w' writes", capture->path, reason);
}

static int open_file(struct capture *capture)
{
	FILE *file = !strcmp(capture->path, "-") ? stdin : fopen(capture->path, "re");

	if (!file)
		return fail("cannot open %s: %s", capture->path, strerror(errno));
	return open_stream(capture, file);
}

static int check_type(struct capture *capture)
{
	int type = pcap_datalink(capture->pcap);
	const char *name = pcap_datalink_val_to_name(type);

	capture->link_headers = type == DLT_EN10MB;
	if (type == DLT_EN10MB || type == DLT_RAW || type == DLT_IPV4)
		return DONE;
	return fail("%s has the link type %s: capture on the device itself ('tcpdump -i DEV -w FILE')", capture->path,
		    name ? name : "of a number that nobody knows");
}

int capture_open(const char *path, struct capture **capture)
{
	struct capture *new = calloc(1, sizeof(*new));

	if (!new)
		return fail("out of memory");
	new->path = path;
	if (open_file(new) || check_type(new)) {
		capture_close(new);
		return FAILED;
	}
	*capture = new;
	return DONE;
}

void capture_close(struct capture *capture)
{
	if (!capture)
		return;
	if (capture->pcap)
		pcap_close(capture->pcap);
	free(capture);
}

bool capture_has_link_headers(const struct capture *capture)
{
	return capture->link_headers;
}

static int read_frame(const struct capture *capture, const struct pcap_pkthdr *header, const __u8 *bytes,
		      struct frame *frame)
{
	const struct ether_header link = { .ether_type = htons(ETHERTYPE_IP) };
	size_t before = capture->link_headers ? 0 : sizeof(link);

	memset(frame, 0, sizeof(*frame));
	if (header->len > sizeof(frame->bytes) - before || header->caplen > header->len)
		return fail("%s: packet %llu has %u bytes: no IPv4 packet is so long", capture->path,
			    (unsigned long long)capture->number, header->len);
	memcpy(frame->bytes, &link, before);
	memcpy(frame->bytes + before, bytes, header->caplen);
	frame->size = before + header->len;
	frame_find_ip(frame);
	return DONE;
}

int capture_next(struct capture *capture, struct frame *frame, __u64 *number, bool *end)
{
	struct pcap_pkthdr *header;
	const __u8 *bytes;
	int result = pcap_next_ex(capture->pcap, &header, &bytes);

	*end = result == PCAP_ERROR_BREAK;
	if (*end)
		return DONE;
	if (result != 1)
		return fail("%s ends amid packet %llu, or is damaged: %s", capture->path,
			    (unsigned long long)capture->number + 1, pcap_geterr(capture->pcap));
	*number = ++capture->number;
	return read_frame(capture, header, bytes, frame);
}
