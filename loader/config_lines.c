/* SPDX-License-Identifier: GPL-2.0-only */
#define _GNU_SOURCE 1
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "config_lines.h"
#include "fail.h"

/* More than 65,536 peers and 1,048,576 prefixes need: what is longer is no such file. */
#define BYTES_MAX (128U << 20)
/* What inih holds at least, wherever it was built. */
#define PIECE_MAX 190

static const char blanks[] = " \t";

void config_lines_begin(struct config_lines *lines, FILE *file, const char *name)
{
	*lines = (struct config_lines){ .file = file, .name = name };
	fail_at(name, 0);
}

void config_lines_end(struct config_lines *lines)
{
	free(lines->text);
	fail_at(NULL, 0);
}

static int give_up(struct config_lines *lines)
{
	lines->failed = true;
	return FAILED;
}

static int make_room(struct config_lines *lines, size_t length)
{
	size_t room = lines->room ? 2 * lines->room : 256;
	char *longer;

	if (length < lines->room)
		return DONE;
	longer = realloc(lines->text, room);
	if (!longer)
		return fail("out of memory");
	lines->text = longer;
	lines->room = room;
	return DONE;
}

/* Refused at the first byte that no text has, not after gigabytes of them. */
static int check_byte(struct config_lines *lines, int byte)
{
	if (byte < ' ' && byte != '\t' && byte != '\r')
		return fail("byte 0x%02x: this is no text", byte);
	if (++lines->bytes > BYTES_MAX)
		return fail("the file is longer than %u bytes, which no configuration needs", BYTES_MAX);
	return DONE;
}

/* The next line, or *end. */
static int read_line(struct config_lines *lines, bool *end)
{
	size_t length = 0;
	int byte;

	fail_at(lines->name, ++lines->number);
	errno = 0;
	while ((byte = getc_unlocked(lines->file)) != EOF && byte != '\n') {
		if (check_byte(lines, byte) || make_room(lines, length + 1))
			return FAILED;
		lines->text[length++] = (char)byte;
	}
	if (ferror(lines->file))
		return fail("cannot read it: %s", strerror(errno));
	*end = byte == EOF && !length;
	if (make_room(lines, length))
		return FAILED;
	lines->text[length] = '\0';
	return DONE;
}

/* A comment begins the line, or has a blank before it. */
static void cut_comment(char *text)
{
	for (char *mark = strpbrk(text, "#;"); mark; mark = strpbrk(mark + 1, "#;")) {
		if (mark == text || strchr(" \t", mark[-1])) {
			*mark = '\0';
			return;
		}
	}
}

static char *trim(char *text)
{
	size_t length;

	/* What some editors put before the text: a byte order mark. */
	if (!strncmp(text, "\xEF\xBB\xBF", 3))
		text += 3;
	text += strspn(text, blanks);
	cut_comment(text);
	length = strlen(text);
	while (length && strchr(" \t\r", text[length - 1]))
		text[--length] = '\0';
	return text;
}

static char *section_line(struct config_lines *lines, const char *text, char *into, size_t room)
{
	size_t length = strlen(text);

	if (text[length - 1] != ']' || length + 2 > room) {
		fail("'%.60s' is no section: write it as [Peer]", text);
		give_up(lines);
		return NULL;
	}
	lines->section = true;
	return strcat(strcpy(into, text), "\n");
}

/* "Key = a, b, c" is handed over as "Key = a, b" and "Key = c" where it is too long for one piece. */
static char *next_piece(struct config_lines *lines, char *into, size_t room)
{
	size_t key_length = (size_t)(lines->key_end - lines->text);
	size_t most = room - 2 - key_length;
	/* Of what is left no more is looked at than fits: a line may have a million prefixes. */
	size_t length = strnlen(lines->rest, most + 1);
	char *piece = lines->rest;

	if (length > most) {
		char *comma = memrchr(piece, ',', most);

		if (!comma) {
			fail("'%.60s...' is too long for a value", piece);
			give_up(lines);
			return NULL;
		}
		length = (size_t)(comma - piece);
	}
	lines->rest = piece[length] ? piece + length + 1 : NULL;
	lines->pending = true;
	snprintf(into, room, "%.*s%.*s\n", (int)key_length, lines->text, (int)length, piece);
	return into;
}

static char *key_line(struct config_lines *lines, char *text, char *into, size_t room)
{
	char *separator = strpbrk(text, "=:");

	if (!separator || separator - text > PIECE_MAX / 2) {
		fail("'%.60s' is neither '[Section]' nor 'Key = value'", text);
		give_up(lines);
		return NULL;
	}
	memmove(lines->text, text, strlen(text) + 1);
	lines->key_end = lines->text + (separator - text) + 1;
	lines->rest = lines->key_end;
	return next_piece(lines, into, room);
}

/* Said of the line before: inih took it for something else than a key with its value. */
static bool is_lost(struct config_lines *lines)
{
	if (!lines->pending)
		return false;
	fail("this is neither '[Section]' nor 'Key = value'");
	give_up(lines);
	return true;
}

static char *next_line(struct config_lines *lines, char *into, size_t room)
{
	bool end;
	char *text;

	do {
		if (read_line(lines, &end)) {
			give_up(lines);
			return NULL;
		}
		if (end)
			return NULL;
		text = trim(lines->text);
	} while (!*text);
	return *text == '[' ? section_line(lines, text, into, room) : key_line(lines, text, into, room);
}

char *config_lines_read(char *into, int room, void *stream)
{
	struct config_lines *lines = stream;
	size_t most = room < PIECE_MAX ? (size_t)room : PIECE_MAX;

	if (lines->failed || is_lost(lines))
		return NULL;
	if (lines->section) {
		lines->section = false;
		lines->announces = true;
		return strcpy(into, "=\n");
	}
	return lines->rest ? next_piece(lines, into, most) : next_line(lines, into, most);
}

int config_lines_check(struct config_lines *lines)
{
	return lines->failed || is_lost(lines) ? FAILED : DONE;
}
