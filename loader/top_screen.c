/* SPDX-License-Identifier: GPL-2.0-only */
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>

#include <curses.h>

#include "address.h"
#include "fail.h"
#include "peers.h"
#include "top_screen.h"
#include "verdicts.h"

/* The columns of the peers, 76 characters together. */
#define PEER_COLUMN 16
#define NUMBERS_COLUMN 32
#define DROPS_COLUMN 68

#define RED_PAIR 1

struct row {
	const struct sample *sample;
	const struct peer_sample *peer;
	struct peer_rates rates;
};

struct verdict_row {
	__u32 verdict;
	__u64 packets;
	double rate;
};

/* What is drawn, made of two samples. */
struct table {
	struct row *rows; /* those that moved most first */
	size_t count;
	struct peer_rates sum;
	struct verdict_row drops[VERDICT_COUNT]; /* the verdicts of dropped packets, the fastest first */
	size_t drop_count;
};

static SCREEN *screen;

int screen_open(void)
{
	const char *name = getenv("TERM");

	setlocale(LC_CTYPE, "");
	screen = newterm(NULL, stdout, stdin);
	if (!screen)
		return fail("the terminal '%s' is not known here: set TERM to one that is, as xterm or linux",
			    name ? name : "");
	cbreak();
	noecho();
	curs_set(0);
	keypad(stdscr, TRUE);
	nodelay(stdscr, TRUE);
	if (has_colors()) {
		start_color();
		use_default_colors();
		init_pair(RED_PAIR, COLOR_RED, -1);
	}
	return DONE;
}

void screen_close(void)
{
	if (!screen)
		return;
	endwin();
	delscreen(screen);
	screen = NULL;
}

bool screen_keys_end(void)
{
	int key;

	while ((key = getch()) != ERR) {
		if (key == 'q' || key == 'Q')
			return true;
	}
	return false;
}

static double movement(const struct peer_rates *rates)
{
	return rates->tx_packets + rates->rx_packets + rates->drops;
}

static int compare_rows(const void *a, const void *b)
{
	const struct row *left = a, *right = b;
	double difference = movement(&right->rates) - movement(&left->rates);

	/* Those that rest keep the order of the samples, which all lie in one list, and their peers. */
	if (difference)
		return difference > 0 ? 1 : -1;
	if (left->sample != right->sample)
		return left->sample < right->sample ? -1 : 1;
	return left->peer < right->peer ? -1 : 1;
}

static int compare_drops(const void *a, const void *b)
{
	const struct verdict_row *left = a, *right = b;

	if (left->rate != right->rate)
		return left->rate < right->rate ? 1 : -1;
	return left->verdict < right->verdict ? -1 : 1;
}

static void add_rates(struct peer_rates *sum, const struct peer_rates *rates)
{
	sum->tx_packets += rates->tx_packets;
	sum->tx_bytes += rates->tx_bytes;
	sum->rx_packets += rates->rx_packets;
	sum->rx_bytes += rates->rx_bytes;
	sum->drops += rates->drops;
}

static void add_peers(struct table *table, const struct sample *before, const struct sample *now, double seconds)
{
	for (size_t i = 0; i < now->peer_count; i++) {
		struct row *row = &table->rows[table->count++];

		*row = (struct row){ now, &now->peers[i], sample_peer_rates(before, &now->peers[i], seconds) };
		add_rates(&table->sum, &row->rates);
	}
}

/* Of one verdict in all the samples. Drops of no peer are told here alone. */
static void add_drops(struct table *table, const struct samples *before, const struct samples *now, __u32 verdict,
		      double seconds)
{
	struct verdict_row row = { .verdict = verdict };

	for (size_t i = 0; i < now->count; i++) {
		const struct sample *sample = &now->list[i];

		if (verdict_fate(&sample->meta, verdict) != FATE_DROP)
			continue;
		row.packets += sample->verdicts[verdict];
		row.rate += sample_verdict_rate(samples_find(before, &sample->name), sample, verdict, seconds);
	}
	if (row.packets)
		table->drops[table->drop_count++] = row;
}

/* DONE or FAILED. The caller frees table->rows. */
static int make_table(const struct samples *before, const struct samples *now, struct table *table)
{
	/* Of a first reading, which is compared with itself, nothing moved. */
	double seconds = before == now ? 1 : now->time - before->time;
	size_t count = 0;

	*table = (struct table){ 0 };
	for (size_t i = 0; i < now->count; i++)
		count += now->list[i].peer_count;
	table->rows = calloc(count ? count : 1, sizeof(*table->rows));
	if (!table->rows)
		return FAILED;
	for (size_t i = 0; i < now->count; i++)
		add_peers(table, samples_find(before, &now->list[i].name), &now->list[i], seconds);
	for (__u32 verdict = 0; verdict < VERDICT_COUNT; verdict++)
		add_drops(table, before, now, verdict, seconds);
	qsort(table->rows, table->count, sizeof(*table->rows), compare_rows);
	qsort(table->drops, table->drop_count, sizeof(*table->drops), compare_drops);
	return DONE;
}

/* At most seven characters. */
static const char *scaled(double number, char text[16])
{
	const char *unit = " kMGTPE";

	for (; number >= 999.5 && unit[1]; unit++)
		number /= 1000;
	if (*unit == ' ')
		snprintf(text, 16, number && number < 99.95 ? "%.1f" : "%.0f", number);
	else
		snprintf(text, 16, number < 99.95 ? "%.1f%c" : "%.0f%c", number, *unit);
	return text;
}

static void set_alarm(bool on)
{
	attr_t attributes = A_BOLD | (has_colors() ? (attr_t)COLOR_PAIR(RED_PAIR) : 0);

	if (on)
		attron(attributes);
	else
		attroff(attributes);
}

static void draw_rates(int line, const struct peer_rates *rates)
{
	char numbers[5][16];

	mvprintw(line, NUMBERS_COLUMN, "%8s %8s %8s %8s", scaled(rates->tx_packets, numbers[0]),
		 scaled(8 * rates->tx_bytes, numbers[1]), scaled(rates->rx_packets, numbers[2]),
		 scaled(8 * rates->rx_bytes, numbers[3]));
	set_alarm(rates->drops > 0);
	mvprintw(line, DROPS_COLUMN, "%9s", scaled(rates->drops, numbers[4]));
	set_alarm(false);
}

static void draw_heading(int line, const char *text)
{
	attron(A_REVERSE);
	mvhline(line, 0, ' ', COLS);
	mvaddnstr(line, 0, text, COLS);
	attroff(A_REVERSE);
}

static void draw_title(const struct samples *now, const struct table *table)
{
	char time[TIME_TEXT];

	sample_time_text(time);
	mvprintw(0, 0, "ipipbpf top  %s  devices: %zu, peers: %zu", time, now->count, table->count);
	mvaddstr(0, COLS - 7 > 0 ? COLS - 7 : 0, "q quits");
}

static void draw_row(int line, const struct row *row)
{
	char name[ADDRESS_TEXT];

	mvaddnstr(line, 0, row->sample->name.device, PEER_COLUMN - 1);
	mvaddstr(line, PEER_COLUMN, peer_name(row->peer->key.remote, name));
	draw_rates(line, &row->rates);
}

static void draw_drop(int line, const struct verdict_row *row)
{
	const struct verdict_text *text = &verdict_texts[row->verdict];
	char number[16];

	set_alarm(row->rate > 0);
	mvprintw(line, 0, "%-19s %9s %12llu  ", text->name, scaled(row->rate, number), row->packets);
	set_alarm(false);
	addnstr(text->meaning, COLS > getcurx(stdscr) ? COLS - getcurx(stdscr) : 0);
}

/* The lowest lines of the window. Returns the first of them, its height if there is none. */
static int draw_drops(const struct table *table)
{
	int count = (int)table->drop_count < LINES / 3 ? (int)table->drop_count : LINES / 3;

	if (!count)
		return LINES;
	draw_heading(LINES - count - 1, "WHY PACKETS DROP             per s       in all");
	for (int i = 0; i < count; i++)
		draw_drop(LINES - count + i, &table->drops[i]);
	return LINES - count - 1;
}

static void draw_table(const struct samples *now, const struct table *table)
{
	int end = draw_drops(table), line = 3;

	draw_title(now, table);
	draw_heading(1, "DEVICE          PEER             SENT/s    bit/s   RECV/s    bit/s  DROPPED/s");
	mvaddstr(2, 0, "all");
	draw_rates(2, &table->sum);
	for (size_t i = 0; i < table->count && line < end; i++)
		draw_row(line++, &table->rows[i]);
}

int screen_draw(const struct samples *before, const struct samples *now)
{
	struct table table;

	if (make_table(before, now, &table)) {
		screen_close();
		return fail("out of memory");
	}
	erase();
	draw_table(now, &table);
	refresh();
	free(table.rows);
	return DONE;
}
