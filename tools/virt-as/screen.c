// SPDX-License-Identifier: GPL-2.0-only
/*
 * The standard output: a terminal, on which a picture is drawn in place, or not.
 * And how sizes and bars are written.
 */
#include <err.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "virt-as.h"

#define COLUMNS	80
#define LINES	24

/* The cursor is hidden, and what is too long for a line is cut off; and back. */
#define BEGIN	"\033[?25l\033[?7l"
#define END	"\033[?7h\033[?25h"

/* Whether what stands there can be drawn over. */
bool screen_is_live(void)
{
	const char *term = getenv("TERM");

	return isatty(STDOUT_FILENO) && term && strcmp(term, "dumb");
}

bool screen_has_colour(void)
{
	const char *no_colour = getenv("NO_COLOR");

	return screen_is_live() && !(no_colour && *no_colour);
}

void screen_size(unsigned int *columns, unsigned int *lines)
{
	struct winsize size = { };

	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size))
		size = (struct winsize) { };
	*columns = size.ws_col ? size.ws_col : COLUMNS;
	*lines = size.ws_row ? size.ws_row : LINES;
}

static void screen_end(void)
{
	fputs(END, stdout);
	fflush(stdout);
}

/* Until the end of the program. */
void screen_begin(void)
{
	fputs(BEGIN, stdout);
	atexit(screen_end);
}

void screen_up(unsigned int lines)
{
	if (lines)
		printf("\033[%uA", lines);
}

void screen_clear(void)
{
	fputs("\033[H\033[2J", stdout);
}

/* What stood behind it is removed. */
void screen_end_line(void)
{
	fputs(screen_is_live() ? "\033[K\n" : "\n", stdout);
}

/* What stood below it is removed. */
void screen_end_picture(void)
{
	if (screen_is_live())
		fputs("\033[J", stdout);
}

/* Nobody shall take half of an answer for a whole one. */
void check_output(void)
{
	if (fflush(stdout) || ferror(stdout))
		err(STATUS_FAILED, "the answer cannot be written");
}

const char *human(char text[16], __u64 bytes)
{
	static const char * const units[] = { "B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB" };
	double size = bytes;
	size_t unit = 0;

	while (size >= 1023.95 && unit < ARRAY_SIZE(units) - 1) {
		size /= 1024;
		unit++;
	}
	snprintf(text, 16, "%.*f %s", unit ? 1 : 0, size, units[unit]);
	return text;
}

/* @text has room for @width + 1. With 0 for @empty the bar ends where it ends. */
void bar(char *text, unsigned int width, double share, char full, char empty)
{
	unsigned int length = width * share + 0.5;

	if (length > width)
		length = width;
	memset(text, full, length);
	memset(text + length, empty, width - length);
	text[width] = 0;
}

/* Digits of every gpa of a picture, behind the 0x. */
unsigned int gpa_digits(__u64 highest)
{
	return snprintf(NULL, 0, "%08llx", highest);
}
