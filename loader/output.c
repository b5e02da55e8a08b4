/* SPDX-License-Identifier: GPL-2.0-only */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fail.h"
#include "output.h"

#define FULL_BYTES 65536

void output_open(struct output *output)
{
	*output = (struct output){ .fd = STDOUT_FILENO, .name = "standard output" };
}

int output_create(struct output *output, const char *path)
{
	*output = (struct output){ .name = path };
	output->fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	return output->fd < 0 ? fail("cannot make %s: %s", path, strerror(errno)) : DONE;
}

void output_free(struct output *output)
{
	if (output->fd > STDOUT_FILENO)
		close(output->fd);
	free(output->data);
	*output = (struct output){ .fd = -1 };
}

int output_add(struct output *output, const void *data, size_t length)
{
	if (output->room - output->length < length) {
		size_t room = 2 * output->room + length;
		char *longer = realloc(output->data, room);

		if (!longer)
			return fail("out of memory");
		output->data = longer;
		output->room = room;
	}
	memcpy(output->data + output->length, data, length);
	output->length += length;
	return DONE;
}

/* A pipe that poll() finds ready takes PIPE_BUF bytes without waiting. */
static bool is_ready(const struct output *output)
{
	struct pollfd polled = { .fd = output->fd, .events = POLLOUT };

	return poll(&polled, 1, 0) > 0;
}

int output_flush(struct output *output)
{
	size_t written = 0;
	int result = DONE;

	while (written < output->length && !output->closed && !result && is_ready(output)) {
		size_t piece = output->length - written;
		ssize_t done = write(output->fd, output->data + written, piece < PIPE_BUF ? piece : PIPE_BUF);

		if (done >= 0) {
			written += (size_t)done;
		} else if (errno != EINTR && errno != EAGAIN) {
			output->closed = true;
			if (errno != EPIPE)
				result = fail("cannot write to %s: %s", output->name, strerror(errno));
		}
	}
	output->length -= written;
	if (written)
		memmove(output->data, output->data + written, output->length);
	return result;
}

bool output_is_full(const struct output *output)
{
	return output->length > FULL_BYTES;
}
