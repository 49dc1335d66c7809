/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The command virt-as, which is looked for in PATH, and a process to look at that
 * the test knows all about.
 */
#ifndef VIRT_AS_SELFTESTS_TOOL_H
#define VIRT_AS_SELFTESTS_TOOL_H

#include <sys/prctl.h>

#include "log.h"

#define TOOL		"virt-as"
#define HIGH		0x100000000ULL
#define DIRTY		(HIGH + 8 * PG)	/* four pages that are written to */

/* Files of the process that is looked at. */
#define FD_ALL		50
#define FD_READ		51
#define FD_NONE		52
#define FD_LOG		53
#define FD_OTHER	54
#define FD_UNUSED	55

/* What it can be told to do. */
#define DO_POLL		'p'	/* answers with the events of FD_ALL */
#define DO_WRITE	'w'	/* writes from now on */
#define DO_SHRINK	's'	/* commits a map without the last region but one */
#define DO_LOGS		'l'	/* opens as many logs as there can be */

#define NR_REGIONS	5

struct result {
	int status;
	char out[32768];
	char err[4096];
};

static inline void make_map(struct virt_as_entry map[NR_REGIONS])
{
	unsigned char *mem = guest_alloc(128 * PG);

	map[0] = as_ram(0, 16 * PG, mem);
	map[1] = as_add(0x100000, 2 * PG, mem + 32 * PG, VIRT_AS_TYPE_DEVICE, RW);
	map[2] = as_add(0x200000, 4 * PG, mem, VIRT_AS_TYPE_RAM, RO);
	map[3] = as_add(0x300000, 8 * PG, NULL, VIRT_AS_TYPE_NOHVA, RW);
	map[4] = as_ram(HIGH, 64 * PG, mem + 64 * PG);
}

/* So that the log knows of what was written. */
static inline int peek_at_log(int fd)
{
	struct virt_as_harvest harvest = log_range(0, TOP, VIRT_AS_HARVEST_PEEK);
	struct virt_as_extent extents[8];

	return log_harvest(fd, &harvest, extents, ARRAY_SIZE(extents));
}

static inline bool put_at(int fd, int number)
{
	bool good = fd >= 0 && dup2(fd, number) == number;

	if (fd >= 0)
		close(fd);
	return good;
}

/* An owner with files at known numbers, and three dirty pages in FD_LOG. */
static inline bool make_files(struct virt_as_entry map[NR_REGIONS])
{
	make_map(map);
	if (!put_at(as_create(), FD_ALL) || as_replace(FD_ALL, map, NR_REGIONS) ||
	    !put_at(as_restrict(FD_ALL, VIRT_AS_RIGHT_READ), FD_READ) ||
	    !put_at(as_restrict(FD_ALL, 0), FD_NONE) ||
	    !put_at(log_open(FD_ALL), FD_LOG) ||
	    !put_at(open("/dev/null", O_RDWR), FD_OTHER))
		return false;
	for (int i = 0; i < 3; i++)
		if (as_pwrite(FD_ALL, "x", 1, HIGH + i * PG) != 1)
			return false;
	return !peek_at_log(FD_LOG);
}

/* Six pages are dirty then: four, one of the first region and its alias. */
static inline bool write_all(void)
{
	for (int i = 0; i < 4; i++)
		if (as_pwrite(FD_ALL, "x", 1, DIRTY + i * PG) != 1)
			return false;
	return as_pwrite(FD_ALL, "x", 1, PG) == 1;
}

static inline char obey(char what, struct virt_as_entry map[NR_REGIONS])
{
	struct pollfd pfd = { .fd = FD_ALL, .events = POLLIN | POLLOUT };
	int rc;

	switch (what) {
	case DO_POLL:
		return poll(&pfd, 1, 0) < 0 ? 0 : pfd.revents;
	case DO_SHRINK:
		map[3] = map[4];
		return !as_replace(FD_ALL, map, 4);
	case DO_LOGS:
		do
			rc = log_open(FD_ALL);
		while (rc >= 0);
		return rc == -ENOSPC;
	}
	return 1;
}

static inline void serve(int sock)
{
	struct virt_as_entry map[NR_REGIONS];
	bool good, writes = false;
	char what, answer;
	ssize_t got;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	good = make_files(map);
	answer = good;
	send(sock, &answer, 1, MSG_NOSIGNAL);
	while (good) {
		got = recv(sock, &what, 1, writes ? MSG_DONTWAIT : 0);
		if (!got)
			break;
		if (got == 1) {
			answer = obey(what, map);
			writes |= what == DO_WRITE;
			send(sock, &answer, 1, MSG_NOSIGNAL);
		}
		good = !writes || write_all();
	}
	_exit(!good);
}

/* A number in fdinfo of a file of another process, or -1. */
static inline long long fact(pid_t pid, int fd, const char *key)
{
	char path[64], line[256];
	long long value = -1;
	size_t len = strlen(key);
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/fdinfo/%d", pid, fd);
	f = fopen(path, "r");
	while (f && fgets(line, sizeof(line), f))
		if (!strncmp(line, key, len) && !strncmp(line + len, ":\t", 2))
			value = atoll(line + len + 2);
	if (f)
		fclose(f);
	return value;
}

/* The words of @line, which are written over, as arguments. */
static inline pid_t start_tool(char *line, int out, int err)
{
	pid_t pid = fork();
	char *argv[16];
	int argc = 0;

	if (pid)
		return pid;
	for (char *word = strtok(line, " "); word && argc < 15; word = strtok(NULL, " "))
		argv[argc++] = word;
	argv[argc] = NULL;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	dup2(out, STDOUT_FILENO);
	dup2(err, STDERR_FILENO);
	execvp(TOOL, argv);
	_exit(127);
}

/* Of a temporary file that a program has written. */
static inline void read_back(int fd, char *text, size_t size)
{
	ssize_t len = pread(fd, text, size - 1, 0);

	text[len > 0 ? len : 0] = 0;
	close(fd);
}

static inline void run_tool(struct result *result, const char *format, ...)
{
	int out = memfd_create("out", MFD_CLOEXEC), err = memfd_create("err", MFD_CLOEXEC);
	char line[256] = TOOL " ";
	va_list args;

	va_start(args, format);
	vsnprintf(line + strlen(line), sizeof(line) - strlen(line), format, args);
	va_end(args);
	result->status = child_status(start_tool(line, out, err));
	read_back(out, result->out, sizeof(result->out));
	read_back(err, result->err, sizeof(result->err));
}

/* The @n-th line, from 0, or "" if there are not so many; to be freed. */
static inline char *line_of(const char *text, int n)
{
	while (n-- && *text)
		text += strcspn(text, "\n") + !!text[strcspn(text, "\n")];
	return strndup(text, strcspn(text, "\n"));
}

static inline int count_of(const char *text, const char *what)
{
	int n = 0;

	for (; (text = strstr(text, what)); text += strlen(what))
		n++;
	return n;
}

FIXTURE(tool) {
	struct result r;
	pid_t pid;
	int sock;
	unsigned long long id;
};

FIXTURE_SETUP(tool)
{
	int pair[2];
	char good;

	run_tool(&self->r, "--version");
	if (self->r.status == 127)
		SKIP(return, "there is no " TOOL " in PATH");
	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair));
	self->pid = fork();
	ASSERT_LE(0, self->pid);
	if (!self->pid) {
		close(pair[0]);
		serve(pair[1]);
	}
	close(pair[1]);
	self->sock = pair[0];
	ASSERT_EQ(1, recv(self->sock, &good, 1, 0));
	ASSERT_EQ(1, good);
	self->id = fact(self->pid, FD_ALL, "virt_as-id");
	ASSERT_LT(0, (long long)self->id);
}

FIXTURE_TEARDOWN(tool)
{
	close(self->sock);
	if (self->pid > 0) {
		kill(self->pid, SIGKILL);
		waitpid(self->pid, NULL, 0);
	}
}

static inline int tell(struct _test_data_tool *self, char what)
{
	char answer;

	if (send(self->sock, &what, 1, MSG_NOSIGNAL) != 1 ||
	    recv(self->sock, &answer, 1, 0) != 1)
		return -EPIPE;
	return answer;
}

/* "", or what is missing. */
static inline const char *missing(const char *part, const char *text)
{
	static char what[4096];

	what[0] = 0;
	if (!strstr(text, part))
		snprintf(what, sizeof(what), "not there: %.200s, but:\n%.3000s", part, text);
	return what;
}

#define EXPECT_IN(part, text)	EXPECT_STREQ("", missing(part, text))

/* JSON of which " is written as ' and that has lines. */
static inline void json_want(char *text, size_t size, const char *format, ...)
{
	char *to = text;
	va_list args;

	va_start(args, format);
	vsnprintf(text, size, format, args);
	va_end(args);
	for (char *from = text; *from; from++)
		if (*from != '\n')
			*to++ = *from == '\'' ? '"' : *from;
	*to = 0;
}

#endif /* VIRT_AS_SELFTESTS_TOOL_H */
