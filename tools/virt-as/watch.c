// SPDX-License-Identifier: GPL-2.0-only
/*
 * "virt-as log watch": a dirty log of its own, harvested again and again. A page
 * counts once in an interval, however often it was written to.
 *
 * The map is looked at before each harvest is counted; what has left it is in no
 * cell and counts all the same.
 */
#include <err.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#include "heat.h"

#define ROOM		4096	/* extents of one harvest call */
#define MAX_ROWS	32
#define MIN_WIDTH	16
#define MAX_WIDTH	128
#define FRAME_LINES	4	/* of a picture that are not rows, and one below it */
#define NEXT_WIDTH	16
#define REFRESH		0.1	/* seconds between two looks of the bar */

/**
 * struct watch - a log that is watched
 * @target: its address space
 * @log: the log
 * @signals: SIGINT, SIGTERM
 * @live: on a terminal: the picture is drawn over the last one
 * @columns: of the screen when @heat was built
 * @rows: of the screen then
 * @lines: of the picture that stands there
 * @begin: when the log was opened
 * @last: when it was harvested last
 * @interval: how long the last interval was
 * @nr: harvests
 * @bytes: what the last one found
 */
struct watch {
	const struct args *args;
	struct target target;
	int log;
	int signals;
	bool live;
	struct map map;
	struct heat heat;
	unsigned int columns;
	unsigned int rows;
	unsigned int lines;
	double begin;
	double last;
	double interval;
	__u64 nr;
	__u64 bytes;
};

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec + ts.tv_nsec / 1e9;
}

static void open_log(struct watch *watch)
{
	struct virt_as_log_open log = { .size = sizeof(log) };
	struct virt_as_info info;

	target_info(&watch->target, &info);
	if (!(info.out_features & VIRT_AS_FEATURE_LOG))
		errx(STATUS_FAILED,
		     "this kernel's virt_as has no dirty logs (VIRT_AS_FEATURE_LOG): use a newer one");
	watch->log = ioctl(watch->target.as, VIRT_AS_LOG, &log);
	if (watch->log < 0 && errno == ENOSPC)
		errx(STATUS_FAILED,
		     "the address space has %u dirty logs, which is the limit: close one, or raise the parameter max_logs of virt_as",
		     info.out_nr_logs);
	if (watch->log < 0)
		err(STATUS_FAILED, "no dirty log can be opened");
}

/* Not before the log is open: whoever waits for that can be interrupted. */
static void take_signals(struct watch *watch)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	watch->signals = signalfd(-1, &set, SFD_CLOEXEC);
	if (watch->signals < 0 || sigprocmask(SIG_BLOCK, &set, NULL))
		err(STATUS_FAILED, "signals cannot be waited for");
}

static unsigned int width_of(unsigned int columns, unsigned int digits)
{
	unsigned int width = MAX_WIDTH;

	/* "0xGPA |CELLS|" */
	while (width > MIN_WIDTH && digits + 5 + width > columns)
		width /= 2;
	return width;
}

/* Builds the cells anew if the map or the screen has changed. */
static void follow(struct watch *watch)
{
	unsigned int columns, rows, room;
	struct virt_as_info info;
	__u64 highest = 0;

	target_info(&watch->target, &info);
	screen_size(&columns, &rows);
	if (watch->map.generation == info.out_generation && watch->columns == columns &&
	    watch->rows == rows)
		return;
	/* The terminal has moved what stood there. */
	if (watch->lines && (watch->columns != columns || watch->rows != rows)) {
		screen_clear();
		watch->lines = 0;
	}
	target_map(&watch->target, &watch->map);
	for (__u32 i = 0; i < watch->map.nr; i++)
		if (watch->map.entries[i].type == VIRT_AS_TYPE_RAM)
			highest = watch->map.entries[i].gpa + watch->map.entries[i].len - 1;
	room = rows > FRAME_LINES + 1 ? rows - FRAME_LINES : 1;
	heat_build(&watch->heat, &watch->map, watch->args,
		   width_of(columns, gpa_digits(highest)), room < MAX_ROWS ? room : MAX_ROWS);
	watch->columns = columns;
	watch->rows = rows;
}

static void harvest(struct watch *watch)
{
	static struct virt_as_extent extents[ROOM];
	struct virt_as_harvest harvest = {
		.size = sizeof(harvest),
		.gpa = watch->args->first,
		.last = watch->args->last,
		.page_size = sysconf(_SC_PAGESIZE),
		.buffer = (__u64)(uintptr_t)extents,
		.nr_extents = ROOM,
	};
	double time = now();

	heat_clear(&watch->heat);
	watch->bytes = 0;
	do {
		if (ioctl(watch->log, VIRT_AS_LOG_HARVEST, &harvest))
			err(STATUS_FAILED, "the dirty log cannot be harvested");
		for (__u32 i = 0; i < harvest.out_nr_extents; i++) {
			heat_add(&watch->heat, extents[i].gpa, extents[i].len);
			watch->bytes += extents[i].len;
		}
		harvest.gpa = harvest.out_next;
	} while (harvest.out_more);
	watch->interval = time - watch->last;
	watch->last = time;
	watch->nr++;
}

static double share(const struct watch *watch)
{
	return watch->heat.len ? 1.0 * watch->bytes / watch->heat.len : 0;
}

static void print_json(const struct watch *watch)
{
	struct json_object *line = json_new(), *cells = json_list();
	__u64 page = sysconf(_SC_PAGESIZE);

	for (size_t i = 0; i < watch->heat.nr; i++) {
		const struct cell *cell = &watch->heat.cells[i];
		struct json_object *object;

		if (!cell->dirty)
			continue;
		object = json_new();
		json_u64(object, "gpa", cell_gpa(&watch->heat, cell));
		json_u64(object, "pages", cell->len / page);
		json_u64(object, "dirty_pages", cell->dirty / page);
		json_append(cells, object);
	}
	json_u64(line, "pid", watch->args->pid);
	json_u64(line, "fd", watch->args->fd);
	json_u64(line, "harvest", watch->nr);
	json_double(line, "elapsed", watch->last - watch->begin);
	json_double(line, "interval", watch->interval);
	json_u64(line, "generation", watch->map.generation);
	json_u64(line, "page_size", page);
	json_u64(line, "pages", watch->heat.len / page);
	json_u64(line, "dirty_pages", watch->bytes / page);
	json_u64(line, "elsewhere_pages", watch->heat.elsewhere / page);
	json_double(line, "pages_per_second", watch->bytes / page / watch->interval);
	json_double(line, "bytes_per_second", watch->bytes / watch->interval);
	json_u64(line, "cell_size", 1ULL << watch->heat.shift);
	json_put(line, "cells", cells);
	json_print(line);
}

/* By level; where there is no cell there is nothing. */
static const char shades[HEAT_LEVELS + 1] = ".:-=+*#%@";

/* From dark blue to red, of the 256 colours of a terminal. */
static const unsigned char heat_colours[HEAT_LEVELS] = {
	0, 19, 26, 37, 35, 142, 214, 208, 196,
};

#define DARK	3	/* up to this level */
#define WHITE	231
#define BLACK	16

/* @before is the level of what stands before it. */
static void draw_cell(unsigned int level, unsigned int before, char mark)
{
	if (level != before && screen_has_colour()) {
		if (level)
			printf("\033[48;5;%u;38;5;%um", heat_colours[level],
			       level > DARK ? BLACK : WHITE);
		else
			fputs("\033[0m", stdout);
	}
	if (mark)
		putchar(mark);
}

/* The row that begins with cell @i; returns where the next one does. */
static size_t draw_row(const struct heat *heat, size_t i, unsigned int digits)
{
	__u64 row = row_of(heat, heat->cells[i].index);
	unsigned int level, before = 0;

	printf("0x%0*llx |", (int)digits, row * heat->width << heat->shift);
	for (unsigned int column = 0; column < heat->width; column++) {
		bool there = i < heat->nr && heat->cells[i].index == row * heat->width + column;

		level = there ? heat_level(&heat->cells[i++]) : 0;
		draw_cell(level, before, there ? shades[level] : ' ');
		before = level;
	}
	draw_cell(0, before, '|');
	screen_end_line();
	return i;
}

static void draw_rows(struct watch *watch)
{
	const struct heat *heat = &watch->heat;
	unsigned int digits = 0;

	if (heat->nr)
		digits = gpa_digits(cell_gpa(heat, &heat->cells[heat->nr - 1]));
	for (size_t i = 0; i < heat->nr; watch->lines++)
		i = draw_row(heat, i, digits);
}

/* The last line: of the last interval, and on a terminal of the one that runs. */
static void draw_status(const struct watch *watch)
{
	double time = watch->live ? now() : watch->last;
	char rate[16], next[NEXT_WIDTH + 1];

	printf("%7.1f s  %.0f pages/s  %s/s  dirty %.2f %%", time - watch->begin,
	       watch->bytes / sysconf(_SC_PAGESIZE) / watch->interval,
	       human(rate, watch->bytes / watch->interval), 100 * share(watch));
	if (watch->live) {
		bar(next, NEXT_WIDTH, (time - watch->last) / watch->args->interval, '#', '.');
		printf("  next [%s]", next);
	}
	screen_end_line();
}

static void draw(struct watch *watch)
{
	char ram[16], cell[16], gone[16];

	if (watch->live)
		screen_up(watch->lines);
	else if (watch->nr > 1)
		putchar('\n');
	watch->lines = 0;
	printf("address space %llu, generation %llu: %s of RAM, a cell is %s",
	       watch->target.facts.id, watch->map.generation, human(ram, watch->heat.len),
	       human(cell, 1ULL << watch->heat.shift));
	if (watch->heat.elsewhere)
		printf(", %s has left", human(gone, watch->heat.elsewhere));
	screen_end_line();
	watch->lines++;
	draw_rows(watch);
	printf("'%c' clean; '%s' each twice the one before, '%c' at least half of a cell",
	       shades[0], shades + 1, shades[HEAT_LEVELS - 1]);
	screen_end_line();
	draw_status(watch);
	watch->lines += 2;
	screen_end_picture();
	check_output();
}

enum end {
	GO_ON,
	SIGNALLED,
	PROCESS_ENDED,
};

/* Until the next harvest is due; a terminal sees how far that is. */
static enum end wait_until(struct watch *watch, double due)
{
	struct pollfd pfds[] = {
		{ .fd = watch->signals, .events = POLLIN },
		{ .fd = watch->target.pidfd, .events = POLLIN },
	};

	for (double left = due - now(); left > 0; left = due - now()) {
		double nap = watch->live && left > REFRESH ? REFRESH : left;

		if (poll(pfds, ARRAY_SIZE(pfds), nap * 1000 + 1) < 0 && errno != EINTR)
			err(STATUS_FAILED, "cannot wait for the next harvest");
		if (pfds[0].revents)
			return SIGNALLED;
		if (pfds[1].revents)
			return PROCESS_ENDED;
		if (watch->live) {
			screen_up(1);
			draw_status(watch);
			check_output();
		}
	}
	return GO_ON;
}

/* An interval that was missed is not made up for. */
static enum end watch_log(struct watch *watch)
{
	double due = watch->begin;
	enum end end;

	while (!watch->args->count || watch->nr < watch->args->count) {
		due += watch->args->interval;
		if (due < now())
			due = now() + watch->args->interval;
		end = wait_until(watch, due);
		if (end != GO_ON)
			return end;
		follow(watch);
		harvest(watch);
		if (watch->args->json)
			print_json(watch);
		else
			draw(watch);
	}
	return GO_ON;
}

int run_watch(const struct args *args)
{
	struct watch watch = { .args = args, .interval = args->interval };

	target_open(&watch.target, args, VIRT_AS_RIGHT_LOG);
	open_log(&watch);
	take_signals(&watch);
	watch.live = !args->json && screen_is_live();
	watch.begin = now();
	watch.last = watch.begin;
	if (watch.live) {
		screen_begin();
		follow(&watch);
		draw(&watch);
	}
	if (watch_log(&watch) == PROCESS_ENDED)
		warnx("process %d has ended", args->pid);
	free(watch.heat.cells);
	free(watch.map.entries);
	return 0;
}
