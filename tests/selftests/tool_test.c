// SPDX-License-Identifier: GPL-2.0-only
/*
 * The command virt-as: what it lists and draws of a process, and what it says when
 * it cannot. tool_watch_test.c has the live picture.
 */
#include "tool.h"

/* All that was printed, if it is one line, and without its end. */
static const char *the_line(struct result *result)
{
	char *end = strchr(result->out, '\n');

	if (!end || end[1])
		return "not one line";
	*end = 0;
	return result->out;
}

/* It has failed, has printed nothing, and says this. */
#define EXPECT_FAILS(want_status, sentence)				\
do {									\
	EXPECT_EQ(want_status, self->r.status);				\
	EXPECT_STREQ("", self->r.out);					\
	EXPECT_IN(sentence, self->r.err);				\
	EXPECT_EQ(0, strncmp(self->r.err, TOOL, strlen(TOOL)))		\
		TH_LOG("%s", self->r.err);				\
} while (0)

#define ALL_RIGHTS	"READ,WRITE,BIND,LOG,COMMIT,ADOPT"

TEST_F(tool, list)
{
	static const char spaces[] =
		"   FD SPACE    OWNER  GENERATION  REGIONS         RAM  BINDINGS  LOGS  RIGHTS";
	char want[128], *line;

	run_tool(&self->r, "list %d", self->pid);
	EXPECT_EQ(0, self->r.status);
	EXPECT_STREQ("", self->r.err);
	EXPECT_EQ(7, count_of(self->r.out, "\n"));

	line = line_of(self->r.out, 0);
	EXPECT_STREQ(spaces, line);
	free(line);
	for (int i = 0; i < 3; i++) {
		static const char * const rights[] = { ALL_RIGHTS, "READ", "none" };

		snprintf(want, sizeof(want), "%5d %5llu %8d %11d %8d %11s %9d %5d  %s",
			 FD_ALL + i, self->id, self->pid, 2, NR_REGIONS, "336.0 KiB", 0, 1,
			 rights[i]);
		line = line_of(self->r.out, 1 + i);
		EXPECT_STREQ(want, line);
		free(line);
	}
	line = line_of(self->r.out, 5);
	EXPECT_STREQ("LOG FD SPACE    DIRTY PAGES  COVERED PAGES   HARVESTS      HARVESTED",
		     line);
	free(line);
	snprintf(want, sizeof(want), "%6d %5llu %14d %14lld %10d %14lld", FD_LOG, self->id, 3,
		 fact(self->pid, FD_LOG, "virt_as-log-covered"), 1,
		 fact(self->pid, FD_LOG, "virt_as-log-harvested"));
	line = line_of(self->r.out, 6);
	EXPECT_STREQ(want, line);
	free(line);
}

static void space_json(char *text, size_t size, struct _test_data_tool *self, int fd,
		       const char *rights)
{
	json_want(text, size,
		  "'fd':%d,'id':%llu,'owner':%d,'generation':2,'drained':2,\n"
		  "'regions':5,'aliases':2,'logged_pages':84,'bindings':0,\n"
		  "'logs':1,'commits':1,'refused':0,'remote_pages':0,\n"
		  "'rights':[%s]", fd, self->id, self->pid, rights);
}

#define ALL_RIGHTS_JSON	"'READ','WRITE','BIND','LOG','COMMIT','ADOPT'"

TEST_F(tool, list_json)
{
	char spaces[3][512], want[2048];

	space_json(spaces[0], sizeof(spaces[0]), self, FD_ALL, ALL_RIGHTS_JSON);
	space_json(spaces[1], sizeof(spaces[1]), self, FD_READ, "'READ'");
	space_json(spaces[2], sizeof(spaces[2]), self, FD_NONE, "");
	json_want(want, sizeof(want),
		  "{'pid':%d,'address_spaces':[{%s},{%s},{%s}],'logs':[\n"
		  "{'fd':%d,'id':%llu,'dirty_pages':3,'covered_pages':%lld,\n"
		  "'harvests':1,'harvested_pages':%lld,'restored_pages':0,\n"
		  "'threshold':0}]}", self->pid, spaces[0], spaces[1], spaces[2],
		  FD_LOG, self->id, fact(self->pid, FD_LOG, "virt_as-log-covered"),
		  fact(self->pid, FD_LOG, "virt_as-log-harvested"));
	run_tool(&self->r, "list --json %d", self->pid);
	EXPECT_EQ(0, self->r.status);
	EXPECT_STREQ("", self->r.err);
	EXPECT_STREQ(want, the_line(&self->r));
}

TEST_F(tool, list_of_nothing)
{
	char want[80];

	run_tool(&self->r, "list %d", getpid());
	EXPECT_EQ(0, self->r.status);
	snprintf(want, sizeof(want), "process %d has no address space open\n", getpid());
	EXPECT_STREQ(want, self->r.out);
	run_tool(&self->r, "list -j %d", getpid());
	EXPECT_EQ(0, self->r.status);
	json_want(want, sizeof(want), "{'pid':%d,'address_spaces':[],'logs':[]}", getpid());
	EXPECT_STREQ(want, the_line(&self->r));
}

/* A file without any right is good enough. */
TEST_F(tool, map)
{
	char want[1024];

	snprintf(want, sizeof(want),
		 "address space %llu: file %d of process %d, owner %d, rights none\n"
		 "generation 2: 5 regions, 2 of them with aliases, 336.0 KiB of RAM\n"
		 "FIRST       LAST              SIZE TYPE\n"
		 "0x000000000 0x00000ffff   64.0 KiB ram    rw ########\n"
		 "0x000010000 0x0000fffff  960.0 KiB hole      ..............\n"
		 "0x000100000 0x000101fff    8.0 KiB device rw ===\n"
		 "0x000102000 0x0001fffff 1016.0 KiB hole      ...............\n"
		 "0x000200000 0x000203fff   16.0 KiB ram    r  ####\n"
		 "0x000204000 0x0002fffff 1008.0 KiB hole      ...............\n"
		 "0x000300000 0x000307fff   32.0 KiB nohva  rw ------\n"
		 "0x000308000 0x0ffffffff    4.0 GiB hole      ...................................\n"
		 "0x100000000 0x10003ffff  256.0 KiB ram    rw ###########\n",
		 self->id, FD_NONE, self->pid, self->pid);
	run_tool(&self->r, "map %d %d", self->pid, FD_NONE);
	EXPECT_EQ(0, self->r.status);
	EXPECT_STREQ("", self->r.err);
	EXPECT_STREQ(want, self->r.out);
}

TEST_F(tool, map_json)
{
	char space[512], want[1024];

	space_json(space, sizeof(space), self, FD_ALL, ALL_RIGHTS_JSON);
	json_want(want, sizeof(want), "{'pid':%d,%s,'map':[\n"
		  "{'gpa':0,'len':65536,'type':'ram','perms':'rw'},\n"
		  "{'gpa':1048576,'len':8192,'type':'device','perms':'rw'},\n"
		  "{'gpa':2097152,'len':16384,'type':'ram','perms':'r'},\n"
		  "{'gpa':3145728,'len':32768,'type':'nohva','perms':'rw'},\n"
		  "{'gpa':4294967296,'len':262144,'type':'ram','perms':'rw'}]}",
		  self->pid, space);
	run_tool(&self->r, "map %d %d --json", self->pid, FD_ALL);
	EXPECT_EQ(0, self->r.status);
	EXPECT_STREQ("", self->r.err);
	EXPECT_STREQ(want, the_line(&self->r));
}

/* What poll() has to tell the process is not taken away from it. */
TEST_F(tool, leaves_no_trace)
{
	long long harvests = fact(self->pid, FD_LOG, "virt_as-log-harvests");

	EXPECT_EQ(POLLIN | POLLOUT, tell(self, DO_POLL));
	run_tool(&self->r, "list %d", self->pid);
	EXPECT_EQ(0, self->r.status);
	run_tool(&self->r, "map %d %d", self->pid, FD_ALL);
	EXPECT_EQ(0, self->r.status);
	run_tool(&self->r, "log watch -n 1 -i 0.01 %d %d", self->pid, FD_ALL);
	EXPECT_EQ(0, self->r.status);
	EXPECT_EQ(POLLIN | POLLOUT, tell(self, DO_POLL));
	EXPECT_EQ(3, fact(self->pid, FD_LOG, "virt_as-log-dirty"));
	EXPECT_EQ(harvests, fact(self->pid, FD_LOG, "virt_as-log-harvests"));
	EXPECT_EQ(1, fact(self->pid, FD_ALL, "virt_as-logs"));
}

TEST_F(tool, no_such_process)
{
	static const char sentence[] = ": there is no process 2147483647: look for its number";

	run_tool(&self->r, "list 2147483647");
	EXPECT_FAILS(1, sentence);
	run_tool(&self->r, "map 2147483647 0");
	EXPECT_FAILS(1, sentence);
	run_tool(&self->r, "log watch 2147483647 0");
	EXPECT_FAILS(1, sentence);
}

struct thread {
	int sock;
	pid_t tid;
};

static void *wait_for_end(void *arg)
{
	struct thread *thread = arg;

	thread->tid = gettid();
	post(thread->sock);
	pause();
	return NULL;
}

TEST_F(tool, a_thread)
{
	struct thread thread = { };
	pthread_t handle;
	int pair[2];

	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
	thread.sock = pair[1];
	ASSERT_EQ(0, pthread_create(&handle, NULL, wait_for_end, &thread));
	ASSERT_EQ(0, await(pair[0]));
	run_tool(&self->r, "map %d 0", thread.tid);
	EXPECT_FAILS(1, " is a thread: give the number of its process");
}

TEST_F(tool, no_such_file)
{
	run_tool(&self->r, "map %d %d", self->pid, FD_UNUSED);
	EXPECT_FAILS(1, "has no file 55: \"virt-as list ");
	run_tool(&self->r, "map %d %d", self->pid, FD_OTHER);
	EXPECT_FAILS(1, "is no address space: \"virt-as list ");
	run_tool(&self->r, "log watch %d %d", self->pid, FD_OTHER);
	EXPECT_FAILS(1, "is no address space: \"virt-as list ");
	run_tool(&self->r, "map %d %d", self->pid, FD_LOG);
	EXPECT_FAILS(1, "is a dirty log: give its address space");
}

TEST_F(tool, no_right)
{
	run_tool(&self->r, "log watch %d %d", self->pid, FD_READ);
	EXPECT_FAILS(1, "lacks the right LOG: \"virt-as list ");
	run_tool(&self->r, "log watch %d %d", self->pid, FD_NONE);
	EXPECT_FAILS(1, "lacks the right LOG: \"virt-as list ");
}

TEST_F(tool, no_permission)
{
	ASSERT_EQ(0, setgid(NOBODY));
	ASSERT_EQ(0, setuid(NOBODY));
	run_tool(&self->r, "list %d", self->pid);
	EXPECT_FAILS(1, "may not be seen: run as root, or as a user who may trace it");
	run_tool(&self->r, "map %d %d", self->pid, FD_ALL);
	EXPECT_FAILS(1, "may not be taken: run as root, or as a user who may trace it");
	EXPECT_IN("(pidfd_getfd needs ptrace access)", self->r.err);
}

TEST_F(tool, too_many_logs)
{
	ASSERT_EQ(1, tell(self, DO_LOGS));
	run_tool(&self->r, "log watch %d %d", self->pid, FD_ALL);
	EXPECT_FAILS(1, "dirty logs, which is the limit: close one, or raise");
}

TEST_F(tool, typed_wrongly)
{
	static const char * const wrong[][2] = {
		{ "", "Usage: virt-as" },
		{ "lists 1", "lists: no such command" },
		{ "log 1 2", "log: no such command" },
		{ "list", "PID is missing" },
		{ "list 1 2", "2: one argument too many" },
		{ "list 0", "0: PID is the number of a process" },
		{ "list -- -1", "-1: PID is the number of a process" },
		{ "list 2147483648", "2147483648: PID is the number" },
		{ "map 1", "FD is missing" },
		{ "map 1 x", "x: FD is the number of an open file" },
		{ "map 1 1 --count 2", "unrecognized option '--count'" },
		{ "log watch 1 1 -i 0", "0: the interval is a number of seconds" },
		{ "log watch 1 1 -i nan", "nan: the interval is a number" },
		{ "log watch 1 1 -i 1s", "1s: the interval is a number" },
		{ "log watch 1 1 -n 0", "0: the count is a number from 1 on" },
		{ "log watch 1 1 -r 4096", "4096: a range is GPA-LAST" },
		{ "log watch 1 1 -r 0x2000-0xfff", "0x2000-0xfff: a range is GPA-LAST" },
		{ "log watch 1 1 -r 1-0xfff", "1-0xfff: a range is of whole pages" },
		{ "log watch 1 1 -r 0-0x1000", "0-0x1000: a range is of whole pages" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		run_tool(&self->r, "%s", wrong[i][0]);
		EXPECT_EQ(2, self->r.status) TH_LOG("%s", wrong[i][0]);
		EXPECT_STREQ("", self->r.out);
		EXPECT_IN(wrong[i][1], self->r.err);
	}
}

TEST_F(tool, help_and_version)
{
	run_tool(&self->r, "--version");
	EXPECT_EQ(0, self->r.status);
	EXPECT_EQ(0, strncmp(self->r.out, "virt-as ", 8));
	run_tool(&self->r, "--help");
	EXPECT_EQ(0, self->r.status);
	EXPECT_IN("log watch PID FD", self->r.out);
	run_tool(&self->r, "log watch --help");
	EXPECT_EQ(0, self->r.status);
	EXPECT_IN("--range=GPA-LAST", self->r.out);
}

/* Half of an answer is none. */
TEST_F(tool, output_that_cannot_be_written)
{
	static const char * const commands[] = { "list", "list -j", "map", "map -j", "log watch" };

	for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
		int full = open("/dev/full", O_WRONLY | O_CLOEXEC);
		int err = memfd_create("err", MFD_CLOEXEC);
		char line[128];

		snprintf(line, sizeof(line), TOOL " %s %d", commands[i], self->pid);
		if (commands[i][0] != 'l' || commands[i][1] == 'o')
			sprintf(line + strlen(line), " %d", FD_ALL);
		EXPECT_EQ(1, child_status(start_tool(line, full, err)));
		read_back(err, self->r.err, sizeof(self->r.err));
		EXPECT_IN("the answer cannot be written: No space left", self->r.err);
		close(full);
	}
}

TEST_HARNESS_MAIN
