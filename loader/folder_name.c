/* SPDX-License-Identifier: GPL-2.0-only */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "folder_name.h"

/* Writes `name` in a folder's spelling behind `text`; false if there is no room in `size`. */
static bool append_escaped(char *text, size_t size, const char *name)
{
	size_t length = strlen(text);

	for (; *name && length < size; name++)
		length += (size_t)snprintf(text + length, size - length, strchr("%./", *name) ? "%%%02X" : "%c",
					   (unsigned char)*name);
	return length < size;
}

bool folder_name_format(const char *netns, const char *device, char text[NAME_MAX + 1])
{
	text[0] = '\0';
	if (netns && (!append_escaped(text, NAME_MAX, netns) || !strcat(text, ":")))
		return false;
	return append_escaped(text, NAME_MAX + 1, device);
}

static int hex_value(char digit)
{
	if (digit >= '0' && digit <= '9')
		return digit - '0';
	return digit >= 'A' && digit <= 'F' ? digit - 'A' + 10 : -1;
}

/* Takes the spelling of a folder back, up to `end`. `name` has room for NAME_MAX bytes. */
static int unescape(const char *text, const char *end, char *name)
{
	if (end - text > NAME_MAX)
		return -EINVAL;
	while (text < end) {
		int high, low;

		if (*text != '%') {
			*name++ = *text++;
			continue;
		}
		if (end - text < 3)
			return -EINVAL;
		high = hex_value(text[1]);
		low = hex_value(text[2]);
		if (high < 0 || low < 0 || !(high | low))
			return -EINVAL;
		*name++ = (char)(high << 4 | low);
		text += 3;
	}
	*name = '\0';
	return 0;
}

int folder_name_parse(const char *folder, struct folder_name *name)
{
	const char *slash = strrchr(folder, '/');
	const char *text = slash ? slash + 1 : folder;
	/* A device's name has no ':', that of a namespace may. */
	const char *colon = strrchr(text, ':');

	name->netns[0] = '\0';
	if (colon && (unescape(text, colon, name->netns) || !*name->netns))
		return -EINVAL;
	if (colon)
		text = colon + 1;
	return *text ? unescape(text, text + strlen(text), name->device) : -EINVAL;
}
