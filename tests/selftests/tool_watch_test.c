// SPDX-License-Identifier: GPL-2.0-only
/*
 * "virt-as log watch": what it finds of what a process writes, in all its forms, and
 * how it ends.
 */
#include <termios.h>

#include "tool.h"

TEST_F(tool, watch)
{
	static const char * const row[] = {
		"0x000000000 |.@..............                                                |\n",
		"0x000200000 |.@..                                                            |\n",
		"0x100000000 |........@@@@....................................................|\n",
	};
	char head[128];

	ASSERT_EQ(1, tell(self, DO_WRITE));
	run_tool(&self->r, "log watch %d %d --count 2 --interval 0.2", self->pid, FD_ALL);
	EXPECT_EQ(0, self->r.status);
	EXPECT_STREQ("", self->r.err);
	/* The two pictures have an empty line between them. */
	EXPECT_EQ(13, count_of(self->r.out, "\n"));
	snprintf(head, sizeof(head),
		 "address space %llu, generation 2: 336.0 KiB of RAM, a cell is 4.0 KiB\n",
		 self->id);
	EXPECT_EQ(2, count_of(self->r.out, head)) TH_LOG("%s", self->r.out);
	EXPECT_IN(row[0], self->r.out);
	EXPECT_IN(row[1], self->r.out);
	EXPECT_IN(row[2], self->r.out);
	EXPECT_IN("dirty 7.14 %\n", self->r.out);
	EXPECT_EQ(NULL, strchr(self->r.out, '\033'));
}

/* One line of JSON: what was found in an interval. */
struct interval {
	int pid, fd;
	unsigned long long harvest, generation, page_size, pages, dirty, elsewhere, cell;
	double elapsed, interval, pages_per_second, bytes_per_second;
	const char *cells;
};

static bool scan_interval(const char *line, struct interval *i)
{
	int end = -1, found;

	/* A line feed here is nothing there. */
	found = sscanf(line, "{\"pid\":%d,\"fd\":%d,\"harvest\":%llu,\"elapsed\":%lf,\n"
		       "\"interval\":%lf,\"generation\":%llu,\"page_size\":%llu,\n"
		       "\"pages\":%llu,\"dirty_pages\":%llu,\"elsewhere_pages\":%llu,\n"
		       "\"pages_per_second\":%lf,\"bytes_per_second\":%lf,\n"
		       "\"cell_size\":%llu,\"cells\":%n",
		       &i->pid, &i->fd, &i->harvest, &i->elapsed, &i->interval, &i->generation,
		       &i->page_size, &i->pages, &i->dirty, &i->elsewhere, &i->pages_per_second,
		       &i->bytes_per_second, &i->cell, &end);
	i->cells = end < 0 ? "" : line + end;
	return found == 13 && end >= 0;
}

TEST_F(tool, watch_json)
{
	double time = 0, slack;
	bool all = false;
	char want[512];

	json_want(want, sizeof(want),
		  "[{'gpa':4096,'pages':1,'dirty_pages':1},\n"
		  "{'gpa':2101248,'pages':1,'dirty_pages':1},\n"
		  "{'gpa':4295000064,'pages':1,'dirty_pages':1},\n"
		  "{'gpa':4295004160,'pages':1,'dirty_pages':1},\n"
		  "{'gpa':4295008256,'pages':1,'dirty_pages':1},\n"
		  "{'gpa':4295012352,'pages':1,'dirty_pages':1}]}");
	ASSERT_EQ(1, tell(self, DO_WRITE));
	run_tool(&self->r, "log watch --json -n 2 -i 0.2 %d %d", self->pid, FD_ALL);
	EXPECT_EQ(0, self->r.status);
	EXPECT_STREQ("", self->r.err);
	EXPECT_EQ(2, count_of(self->r.out, "\n"));
	for (int n = 0; n < 2; n++) {
		char *line = line_of(self->r.out, n);
		struct interval i;

		ASSERT_TRUE(scan_interval(line, &i)) TH_LOG("%s", line);
		EXPECT_EQ(self->pid, i.pid);
		EXPECT_EQ(FD_ALL, i.fd);
		EXPECT_EQ(n + 1, i.harvest);
		EXPECT_EQ(2, i.generation);
		EXPECT_EQ(PG, i.page_size);
		EXPECT_EQ(PG, i.cell);
		EXPECT_EQ(84, i.pages);
		EXPECT_GE(6, i.dirty);
		EXPECT_EQ(0, i.elsewhere);
		/* A harvest may be late, and the interval behind it short. */
		EXPECT_LE(0.2 * (n + 1), i.elapsed);
		time += i.interval;
		EXPECT_GE(0.002, time - i.elapsed);
		EXPECT_GE(0.002, i.elapsed - time);
		/* The interval is told in milliseconds. */
		slack = i.pages_per_second * 0.001 + 0.001;
		EXPECT_LE(i.dirty - slack, i.pages_per_second * i.interval);
		EXPECT_GE(i.dirty + slack, i.pages_per_second * i.interval);
		EXPECT_GE(i.pages_per_second * PG + 10, i.bytes_per_second);
		EXPECT_LE(i.pages_per_second * PG - 10, i.bytes_per_second);
		EXPECT_EQ(i.dirty, count_of(i.cells, "\"dirty_pages\":1}"));
		all |= !strcmp(i.cells, want);
		free(line);
	}
	EXPECT_TRUE(all) TH_LOG("%s", self->r.out);
}

/* What is outside neither counts nor is shown. */
TEST_F(tool, watch_range)
{
	char *line, want[256];
	struct interval i;

	ASSERT_EQ(1, tell(self, DO_WRITE));
	run_tool(&self->r, "log watch -j -n 1 -i 0.2 -r 0x100009000-0x10000cfff %d %d",
		 self->pid, FD_ALL);
	EXPECT_EQ(0, self->r.status);
	line = line_of(self->r.out, 0);
	ASSERT_TRUE(scan_interval(line, &i)) TH_LOG("%s", self->r.out);
	EXPECT_EQ(4, i.pages);
	EXPECT_EQ(3, i.dirty);
	json_want(want, sizeof(want),
		  "[{'gpa':4295004160,'pages':1,'dirty_pages':1},\n"
		  "{'gpa':4295008256,'pages':1,'dirty_pages':1},\n"
		  "{'gpa':4295012352,'pages':1,'dirty_pages':1}]}");
	EXPECT_STREQ(want, i.cells);
	free(line);
}

/* A watch without an end, its output, and its first line. */
struct running {
	pid_t pid;
	FILE *out;
	FILE *err;
	char line[4096];
};

static bool start_watch(struct running *run, struct _test_data_tool *self)
{
	int out[2], err[2];
	char line[128];

	if (pipe2(out, O_CLOEXEC) || pipe2(err, O_CLOEXEC))
		return false;
	snprintf(line, sizeof(line), TOOL " log watch --json -i 0.05 %d %d", self->pid, FD_ALL);
	run->pid = start_tool(line, out[1], err[1]);
	close(out[1]);
	close(err[1]);
	run->out = fdopen(out[0], "r");
	run->err = fdopen(err[0], "r");
	return run->out && run->err && fgets(run->line, sizeof(run->line), run->out);
}

/* Its status. What it says last is in the line, and stands on the standard error. */
static int end_watch(struct running *run)
{
	while (fgets(run->line, sizeof(run->line), run->out))
		;
	if (!fgets(run->line, sizeof(run->line), run->err))
		run->line[0] = 0;
	fclose(run->out);
	fclose(run->err);
	return child_status(run->pid);
}

TEST_F(tool, watch_ends_by_a_signal)
{
	static const int signals[] = { SIGINT, SIGTERM };
	struct running run;

	for (size_t i = 0; i < ARRAY_SIZE(signals); i++) {
		ASSERT_TRUE(start_watch(&run, self));
		EXPECT_EQ(2, fact(self->pid, FD_ALL, "virt_as-logs"));
		EXPECT_EQ(0, kill(run.pid, signals[i]));
		EXPECT_EQ(0, end_watch(&run));
		EXPECT_STREQ("", run.line);
	}
	EXPECT_EQ(1, fact(self->pid, FD_ALL, "virt_as-logs"));
}

TEST_F(tool, watch_ends_with_the_process)
{
	struct running run;
	char want[64];

	ASSERT_TRUE(start_watch(&run, self));
	EXPECT_EQ(0, kill(self->pid, SIGKILL));
	EXPECT_EQ(0, end_watch(&run));
	snprintf(want, sizeof(want), TOOL ": process %d has ended\n", self->pid);
	EXPECT_STREQ(want, run.line);
}

TEST_F(tool, watch_follows_the_map)
{
	struct interval i = { };
	struct running run;

	ASSERT_TRUE(start_watch(&run, self));
	ASSERT_TRUE(scan_interval(run.line, &i));
	EXPECT_EQ(2, i.generation);
	ASSERT_EQ(1, tell(self, DO_SHRINK));
	while (i.generation == 2 && fgets(run.line, sizeof(run.line), run.out))
		ASSERT_TRUE(scan_interval(run.line, &i));
	EXPECT_EQ(3, i.generation);
	EXPECT_EQ(84, i.pages);
	kill(run.pid, SIGINT);
	EXPECT_EQ(0, end_watch(&run));
}

/* A terminal of 100 columns, and what is written to it until all have closed it. */
static bool run_on_terminal(struct result *result, char *line)
{
	struct winsize size = { .ws_row = 30, .ws_col = 100 };
	int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC), slave;
	size_t len = 0;
	ssize_t got;
	pid_t pid;

	if (master < 0 || grantpt(master) || unlockpt(master))
		return false;
	slave = open(ptsname(master), O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (slave < 0 || ioctl(slave, TIOCSWINSZ, &size))
		return false;
	pid = start_tool(line, slave, slave);
	close(slave);
	do {
		got = read(master, result->out + len, sizeof(result->out) - 1 - len);
		len += got > 0 ? got : 0;
	} while (got > 0);
	result->out[len] = 0;
	close(master);
	result->status = child_status(pid);
	return true;
}

TEST_F(tool, watch_on_a_terminal)
{
	char line[128], hot[] = "\033[48;5;196;38;5;16m@@@@\033[0m.";

	setenv("TERM", "xterm", 1);
	unsetenv("NO_COLOR");
	ASSERT_EQ(1, tell(self, DO_WRITE));
	snprintf(line, sizeof(line), TOOL " log watch -n 2 -i 2 %d %d", self->pid, FD_ALL);
	ASSERT_TRUE(run_on_terminal(&self->r, line));
	EXPECT_EQ(0, self->r.status);
	EXPECT_IN(hot, self->r.out);
	/* Drawn over: six lines, and the last one alone as the bar grows. */
	EXPECT_IN("\033[6A", self->r.out);
	EXPECT_IN("\033[1A", self->r.out);
	EXPECT_IN("next [", self->r.out);
	/* The terminal is as it was. */
	EXPECT_EQ(1, count_of(self->r.out, "\033[?25l"));
	EXPECT_EQ(1, count_of(self->r.out, "\033[?25h"));
	EXPECT_EQ(1, count_of(self->r.out, "\033[?7h"));

	setenv("NO_COLOR", "1", 1);
	snprintf(line, sizeof(line), TOOL " log watch -n 1 -i 0.2 %d %d", self->pid, FD_ALL);
	ASSERT_TRUE(run_on_terminal(&self->r, line));
	EXPECT_EQ(0, self->r.status);
	EXPECT_IN("|........@@@@....", self->r.out);
	EXPECT_EQ(NULL, strstr(self->r.out, "\033[48"));
}

TEST_HARNESS_MAIN
